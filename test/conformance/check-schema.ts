import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { readFileSync } from 'node:fs'
import type { Dialect } from '../../worker/dialects/dialect.ts'
import { eventTypes, keys } from '../support/anthropic-keys.ts'
import { sseMessages } from '../support/sse-messages.ts'

/**
 * What the vendors publish of their answers, chunk by chunk: OpenAI's OpenAPI
 * document (`test/fixtures/schemas`), and the types of Anthropic's SDK with the
 * order of events that its API documents.
 */
export const schemaFaults: Readonly<
  Record<
    Dialect['id'],
    {
      readonly stream: (text: string) => readonly string[]
      readonly json: (body: unknown) => readonly string[]
    }
  >
> = {
  'openai-chat': {
    stream: (text) => [...new Set(openAiChunks(text))],
    json: (body) => faultsOf('CreateChatCompletionResponse', body),
  },
  'anthropic-messages': {
    stream: (text) => [...new Set(anthropicEvents(text))],
    json: (body) => messageFaults(body as Json),
  },
}

type Json = Readonly<Record<string, unknown>>

const ajv = new Ajv2020({ strict: false })
const source = new URL('../fixtures/schemas/openai-chat.json', import.meta.url)
ajv.addSchema(JSON.parse(readFileSync(source, 'utf8')) as object, 'openai')

function faultsOf(name: string, value: unknown): string[] {
  const validate: ValidateFunction | undefined = ajv.getSchema(`openai#/$defs/${name}`)
  if (validate === undefined) throw new Error(`no schema ${name}`)
  if (validate(value)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `schema: ${name}${instancePath} ${message ?? 'is wrong'}`,
  )
}

function* openAiChunks(text: string): Generator<string> {
  for (const { data } of sseMessages(text)) {
    if (data === '[DONE]') continue
    const chunk = JSON.parse(data) as Json
    yield* faultsOf(
      'error' in chunk ? 'ErrorResponse' : 'CreateChatCompletionStreamResponse',
      chunk,
    )
  }
}

/** Which deltas a block of our own takes; the vendor's other blocks travel as they came. */
const deltas: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta', 'citations_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  redacted_thinking: [],
  tool_use: ['input_json_delta'],
}

const stopReasons: ReadonlySet<unknown> = new Set(
  `end_turn max_tokens stop_sequence tool_use pause_turn refusal model_context_window_exceeded
  compaction`.split(/\s+/),
)

function* anthropicEvents(text: string): Generator<string> {
  let open: { readonly index: unknown; readonly type: string } | null = null
  let next = 0
  let last = ''
  for (const { event, data } of sseMessages(text)) {
    const value = JSON.parse(data) as Json
    const type = value['type'] as string
    if (type !== event) yield `schema: event ${event} holds a ${type}`
    if (type === 'ping') continue
    if (last === '' && type !== 'message_start' && type !== 'error')
      yield `schema: begins with ${type}`
    last = type
    switch (type) {
      case 'message_start':
        yield* wrongKeys('message', value['message'], keys.message)
        yield* wrongKeys('usage', (value['message'] as Json)['usage'], keys.usage)
        break
      case 'content_block_start': {
        const block = value['content_block'] as Json
        if (open !== null || value['index'] !== next) yield `schema: block ${next} out of order`
        open = { index: value['index'], type: String(block['type']) }
        next += 1
        yield* blockFaults(block)
        break
      }
      case 'content_block_delta': {
        const kind = (value['delta'] as Json)['type'] as string
        if (value['index'] !== open?.index) yield 'schema: a delta outside of its block'
        const allowed = deltas[open?.type ?? '']
        if (allowed !== undefined && !allowed.includes(kind))
          yield `schema: ${kind} in a ${open?.type}`
        break
      }
      case 'content_block_stop':
        if (value['index'] !== open?.index) yield 'schema: the end of a block that is not open'
        open = null
        break
      case 'message_delta':
        if (open !== null) yield 'schema: message_delta inside of a block'
        yield* wrongKeys('delta', value['delta'], keys.delta)
        yield* wrongKeys('delta usage', value['usage'], keys.deltaUsage)
        if (!stopReasons.has((value['delta'] as Json)['stop_reason'])) yield 'schema: stop_reason'
        break
      default:
        if (type !== 'error' && !eventTypes.some((one) => one === type))
          yield `schema: event ${type}`
    }
  }
  if (last !== 'message_stop' && last !== 'error') yield `schema: ends with ${last}`
}

function messageFaults(body: Json): string[] {
  const { content, usage, stop_reason: reason } = body
  const found = [
    ...wrongKeys('message', body, keys.message),
    ...wrongKeys('usage', usage, keys.usage),
    ...(content as readonly Json[]).flatMap(blockFaults),
  ]
  for (const field of ['input_tokens', 'output_tokens'])
    if (typeof (usage as Json)[field] !== 'number')
      found.push(`schema: usage.${field} is no number`)
  if (!stopReasons.has(reason)) found.push(`schema: stop_reason ${String(reason)}`)
  return found
}

function blockFaults(block: Json): string[] {
  const type = String(block['type'])
  if (!(type in deltas)) return []
  const { signature: _proof, ...call } = block
  // The proof of a thought behind a call is Gemini's, and comes back in the field that thoughts have.
  const found = wrongKeys(type, type === 'tool_use' ? call : block, keys[type as 'text'])
  const { input } = block
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  if (type === 'tool_use' && !isObject) found.push('schema: input of a tool_use is no object')
  return found
}

function wrongKeys(name: string, value: unknown, wanted: Readonly<Record<string, 1>>): string[] {
  const found = Object.keys(value as Json)
    .toSorted()
    .join()
  const all = Object.keys(wanted).toSorted().join()
  return found === all ? [] : [`schema: fields of ${name} are ${found}`]
}
