// Tries one SDK with every dialect of a provider, and prints one line of JSON for each check.

import { readFileSync } from 'node:fs'

const task = JSON.parse(readFileSync(0, 'utf8'))

export const samples = {
  ...task.samples,
  png: Buffer.from(task.samples.png, 'base64'),
  wav: Buffer.from(task.samples.wav, 'base64'),
}

/**
 * Run checks and tell of them on standard output.
 * @param checks Name → an asynchronous function of a place.
 * @param statusOf Returns the status of the answer of which the SDK has made an error, if it has.
 */
export async function run(checks, statusOf) {
  await Promise.all(Object.entries(task.keys).map(([dialect, keys]) => runAll(checks, statusOf, dialect, keys)))
}

async function runAll(checks, statusOf, dialect, keys) {
  for (const [check, key] of Object.entries(keys)) {
    const place = {
      url: task.url,
      key,
      model: (name) => task.prefixes[dialect] + task.models[name],
      image: task.image_prefix + task.prefixes[dialect] + task.models.image,
    }
    const told = { dialect, check, status: 0, failure: '' }
    try {
      await checks[check](place)
    } catch (error) {
      told.status = statusOf(error) ?? 0
      told.failure = told.status ? error.message : String(error?.stack ?? error)
    }
    console.log(JSON.stringify(told))
  }
}

/** Return the error with which something fails. */
export async function failure(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('It did not fail')
}

/** Read a stream up to the piece after which an impatient client leaves. */
export async function few(stream, leave) {
  let count = 0
  for await (const _ of stream) {
    count += 1
    if (count === samples.enough) {
      leave()
      break
    }
  }
}
