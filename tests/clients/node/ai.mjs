// Vercel's AI SDK for Node, with the provider that the command line names.

import assert from 'node:assert/strict'

import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import {
  APICallError,
  embedMany,
  generateImage,
  generateSpeech,
  generateText,
  jsonSchema,
  Output,
  stepCountIs,
  streamText,
  tool,
  transcribe,
} from 'ai'

import { failure, few, run, samples } from './run.mjs'

globalThis.AI_SDK_LOG_WARNINGS = false

const PROVIDERS = {
  openai: (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }),
  anthropic: (url, apiKey) => createAnthropic({ baseURL: `${url}/v1`, apiKey }),
  google: (url, apiKey) => createGoogle({ baseURL: `${url}/v1beta`, apiKey }),
}
const connect = PROVIDERS[process.argv[2]]
const PATIENT = { maxRetries: 0 }

const provider = (place, key = place.key) => connect(place.url, key)
const talker = (place, task = 'chat') => provider(place)(place.model(task))

async function chat(place) {
  const answer = await generateText({ model: talker(place), prompt: samples.hello, ...PATIENT })

  assert.ok(answer.text.startsWith(samples.greeting))
  assert.equal(answer.finishReason, 'stop')
  assert.equal(answer.usage.inputTokens, 3)
}

async function stream(place) {
  const words = []
  const answer = streamText({ model: talker(place), prompt: samples.hello, ...PATIENT })
  for await (const word of answer.textStream) words.push(word)

  assert.ok(words.join('').startsWith(samples.greeting))
  assert.ok(words.length > 10)
  assert.equal((await answer.usage).inputTokens, 3)
}

async function tools(place) {
  const called = []
  const weather = tool({
    inputSchema: jsonSchema(samples.parameters),
    execute: async (given) => {
      called.push(given)
      return samples.result
    },
  })
  const answer = streamText({
    model: talker(place),
    prompt: samples.call,
    tools: { [samples.tool]: weather },
    stopWhen: stepCountIs(2),
    ...PATIENT,
  })
  const text = await answer.text

  assert.deepEqual(called, [samples.arguments])
  assert.ok(text.startsWith(`The tool ${samples.tool} answered:`), text)
  assert.ok(text.includes(samples.result), text)
}

async function vision(place) {
  const answer = await generateText({
    model: talker(place),
    messages: [
      {
        role: 'user',
        content: [
          { type: 'file', data: samples.png, mediaType: 'image/png' },
          { type: 'text', text: samples.look },
        ],
      },
    ],
    ...PATIENT,
  })

  assert.ok(answer.text.startsWith(samples.seen), answer.text)
}

async function structured(place) {
  const answer = await generateText({
    model: talker(place),
    prompt: samples.hello,
    output: Output.object({ schema: jsonSchema(samples.forecast) }),
    ...PATIENT,
  })

  assert.deepEqual(answer.output, samples.forecasted)
}

async function embeddings(place) {
  const answer = await embedMany({
    model: provider(place).embeddingModel(place.model('embed')),
    values: ['one', 'two'],
    ...PATIENT,
  })

  const [first, second] = answer.embeddings
  assert.notDeepEqual(first, second)
  assert.ok(first.length > 100 && first.length === second.length)
}

async function images(place) {
  const model = provider(place).imageModel(place.image)
  const answer = await generateImage({ model, prompt: 'a cat', ...PATIENT })

  assert.equal(Buffer.from(answer.image.uint8Array).toString('latin1', 1, 4), 'PNG')
}

async function speech(place) {
  const model = provider(place).speech(place.model('speech'))
  const answer = await generateSpeech({
    model,
    text: samples.hello,
    outputFormat: 'wav',
    ...PATIENT,
  })

  assert.equal(Buffer.from(answer.audio.uint8Array).toString('latin1', 0, 4), 'RIFF')
}

async function transcription(place) {
  const model = provider(place).transcription(place.model('hear'))
  const heard = await transcribe({ model, audio: samples.wav, ...PATIENT })

  assert.ok(heard.text.startsWith(samples.heard), heard.text)
}

async function errors(place) {
  const ask = (model, changes = {}) => failure(generateText({ model, prompt: samples.hello, ...PATIENT, ...changes }))
  const seen = [
    await ask(provider(place, 'sk-wrong')(place.model('chat'))),
    await ask(provider(place)('nobody')),
    await ask(talker(place, 'busy')),
    await ask(talker(place), { headers: { 'idempotency-key': samples.long } }),
  ]

  assert.ok(seen.every((error) => APICallError.isInstance(error)), seen.join('\n'))
  assert.deepEqual(seen.map((error) => error.statusCode), [401, 404, 429, 400])
  assert.deepEqual(seen.map((error) => error.isRetryable), [false, false, true, false])
}

async function timeOut(place) {
  const error = await failure(
    generateText({
      model: talker(place, 'slow'),
      prompt: samples.hello,
      abortSignal: AbortSignal.timeout(samples.impatient_ms),
      ...PATIENT,
    }),
  )

  assert.equal(error.name, 'TimeoutError')
}

async function abort(place) {
  const leaving = new AbortController()
  const answer = streamText({
    model: talker(place, 'long'),
    prompt: samples.long,
    abortSignal: leaving.signal,
    ...PATIENT,
  })

  await few(answer.textStream, () => leaving.abort())
}

await run(
  {
    chat,
    stream,
    tools,
    vision,
    JSON: structured,
    embeddings,
    images,
    speech,
    transcription,
    errors,
    'time-out': timeOut,
    abort,
  },
  (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
)
