// Anthropic's SDK for Node.

import assert from 'node:assert/strict'

import Anthropic from '@anthropic-ai/sdk'
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema'

import { failure, few, run, samples } from './run.mjs'

const TOOLS = [{ name: samples.tool, input_schema: samples.parameters }]

const connect = ({ url, key }, options = {}) =>
  new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: samples.patient_ms, ...options })

const request = (place, content, task = 'chat') => ({
  model: place.model(task),
  max_tokens: samples.most_tokens,
  messages: [{ role: 'user', content }],
})

const words = (message) => message.content.map((block) => block.text ?? '').join('')

async function chat(place) {
  const answer = await connect(place).messages.create(request(place, samples.hello))

  assert.ok(words(answer).startsWith(samples.greeting))
  assert.equal(answer.stop_reason, 'end_turn')
  assert.equal(answer.usage.input_tokens, 3)
}

async function stream(place) {
  const pieces = []
  const events = connect(place).messages.stream(request(place, samples.hello))
  events.on('text', (text) => pieces.push(text))
  const final = await events.finalMessage()

  assert.ok(pieces.length > 10)
  assert.equal(pieces.join(''), words(final))
  assert.ok(words(final).startsWith(samples.greeting))
  assert.ok(final.usage.output_tokens > 10)
}

async function tools(place) {
  const client = connect(place)
  const asked = { ...request(place, samples.call), tools: TOOLS }
  const first = await client.messages.stream(asked).finalMessage()
  const [call] = first.content
  const result = { type: 'tool_result', tool_use_id: call.id, content: samples.result }
  const second = await client.messages.create({
    ...asked,
    messages: [
      ...asked.messages,
      { role: 'assistant', content: first.content },
      { role: 'user', content: [result] },
    ],
  })

  assert.equal(first.stop_reason, 'tool_use')
  assert.deepEqual([call.name, call.input], [samples.tool, samples.arguments])
  assert.equal(words(second), samples.quoted)
}

async function vision(place) {
  const source = { type: 'base64', media_type: 'image/png', data: samples.png.toString('base64') }
  const answer = await connect(place).messages.create(
    request(place, [
      { type: 'image', source },
      { type: 'text', text: samples.look },
    ]),
  )

  assert.ok(words(answer).startsWith(samples.seen))
}

async function structured(place) {
  const answer = await connect(place).messages.parse({
    ...request(place, samples.hello),
    output_config: { format: jsonSchemaOutputFormat(samples.forecast) },
  })

  assert.deepEqual(answer.parsed_output, samples.forecasted)
}

async function errors(place) {
  const client = connect(place)
  const ask = (who, changes = {}) =>
    failure(who.messages.create({ ...request(place, samples.hello), ...changes }))

  const stranger = await ask(connect(place, { apiKey: 'sk-wrong' }))
  assert.ok(stranger instanceof Anthropic.AuthenticationError)
  assert.ok((await ask(client, { model: 'nobody' })) instanceof Anthropic.NotFoundError)
  assert.ok((await ask(client, { model: place.model('busy') })) instanceof Anthropic.RateLimitError)
  assert.ok((await ask(client, { max_tokens: -1 })) instanceof Anthropic.BadRequestError)
}

async function timeOut(place) {
  const client = connect(place, { timeout: samples.impatient_ms })
  const error = await failure(client.messages.create(request(place, samples.hello, 'slow')))

  assert.ok(error instanceof Anthropic.APIConnectionTimeoutError)
}

async function abort(place) {
  const pieces = await connect(place).messages.create({ ...request(place, samples.long, 'long'), stream: true })

  await few(pieces, () => pieces.controller.abort())
}

await run(
  { chat, stream, tools, vision, JSON: structured, errors, 'time-out': timeOut, abort },
  (error) => (error instanceof Anthropic.APIError ? error.status : undefined),
)
