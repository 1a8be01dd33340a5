// OpenAI's SDK for Node.

import assert from 'node:assert/strict'

import OpenAI, { toFile } from 'openai'

import { failure, few, run, samples } from './run.mjs'

const TOOLS = [{ type: 'function', function: { name: samples.tool, parameters: samples.parameters } }]

const connect = ({ url, key }, options = {}) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, timeout: samples.patient_ms, ...options })

const user = (content) => [{ role: 'user', content }]

async function chat(place) {
  const answer = await connect(place).chat.completions.create({
    model: place.model('chat'),
    messages: user(samples.hello),
  })

  assert.ok(answer.choices[0].message.content.startsWith(samples.greeting))
  assert.equal(answer.choices[0].finish_reason, 'stop')
  assert.equal(answer.usage.prompt_tokens, 3)
}

async function stream(place) {
  const chunks = []
  const pieces = await connect(place).chat.completions.create({
    model: place.model('chat'),
    messages: user(samples.hello),
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const chunk of pieces) chunks.push(chunk)

  const words = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? ''))
  assert.ok(words.join('').startsWith(samples.greeting))
  assert.ok(words.length > 10)
  assert.equal(chunks.at(-1).usage.prompt_tokens, 3)
}

async function tools(place) {
  const client = connect(place)
  const asked = user(samples.call)
  const events = client.chat.completions.stream({ model: place.model('chat'), messages: asked, tools: TOOLS })
  const [first] = (await events.finalChatCompletion()).choices
  const [call] = first.message.tool_calls
  const second = await client.chat.completions.create({
    model: place.model('chat'),
    tools: TOOLS,
    messages: [
      ...asked,
      { role: 'assistant', tool_calls: [{ id: call.id, type: 'function', function: call.function }] },
      { role: 'tool', tool_call_id: call.id, content: samples.result },
    ],
  })

  assert.equal(first.finish_reason, 'tool_calls')
  assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], [samples.tool, samples.arguments])
  assert.equal(second.choices[0].message.content, samples.quoted)
}

async function vision(place) {
  const url = `data:image/png;base64,${samples.png.toString('base64')}`
  const answer = await connect(place).chat.completions.create({
    model: place.model('chat'),
    messages: user([
      { type: 'text', text: samples.look },
      { type: 'image_url', image_url: { url } },
    ]),
  })

  assert.ok(answer.choices[0].message.content.startsWith(samples.seen))
}

async function structured(place) {
  const answer = await connect(place).chat.completions.parse({
    model: place.model('chat'),
    messages: user(samples.hello),
    response_format: {
      type: 'json_schema',
      json_schema: { name: 'forecast', strict: true, schema: samples.forecast },
    },
  })

  assert.deepEqual(JSON.parse(answer.choices[0].message.content), samples.forecasted)
}

async function embeddings(place) {
  const answer = await connect(place).embeddings.create({ model: place.model('embed'), input: ['one', 'two'] })

  const [first, second] = answer.data.map((item) => item.embedding)
  assert.notDeepEqual(first, second)
  assert.ok(first.length > 100 && first.length === second.length)
}

async function images(place) {
  const answer = await connect(place).images.generate({ model: place.model('image'), prompt: 'a cat' })

  assert.equal(Buffer.from(answer.data[0].b64_json, 'base64').toString('latin1', 1, 4), 'PNG')
}

async function speech(place) {
  const answer = await connect(place).audio.speech.create({
    model: place.model('speech'),
    voice: 'alloy',
    input: samples.hello,
    response_format: 'wav',
  })

  assert.equal(Buffer.from(await answer.arrayBuffer()).toString('latin1', 0, 4), 'RIFF')
}

async function transcription(place) {
  const file = await toFile(samples.wav, 'sound.wav', { type: 'audio/wav' })
  const heard = await connect(place).audio.transcriptions.create({ model: place.model('hear'), file })

  assert.ok(heard.text.startsWith(samples.heard))
}

async function errors(place) {
  const client = connect(place)
  const ask = (who, model, messages = user(samples.hello)) =>
    failure(who.chat.completions.create({ model, messages }))

  const stranger = await ask(connect(place, { apiKey: 'sk-wrong' }), place.model('chat'))
  const missing = await ask(client, 'nobody')
  assert.ok(stranger instanceof OpenAI.AuthenticationError)
  assert.equal(stranger.code, 'invalid_api_key')
  assert.ok(missing instanceof OpenAI.NotFoundError)
  assert.equal(missing.code, 'model_not_found')
  assert.ok((await ask(client, place.model('busy'))) instanceof OpenAI.RateLimitError)
  assert.ok((await ask(client, place.model('chat'), [])) instanceof OpenAI.BadRequestError)
}

async function timeOut(place) {
  const client = connect(place, { timeout: samples.impatient_ms })
  const error = await failure(
    client.chat.completions.create({ model: place.model('slow'), messages: user(samples.hello) }),
  )

  assert.ok(error instanceof OpenAI.APIConnectionTimeoutError)
}

async function abort(place) {
  const pieces = await connect(place).chat.completions.create({
    model: place.model('long'),
    messages: user(samples.long),
    stream: true,
  })

  await few(pieces, () => pieces.controller.abort())
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
  (error) => (error instanceof OpenAI.APIError ? error.status : undefined),
)
