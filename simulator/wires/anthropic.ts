import type { Choice, Finish } from '../ask.ts'
import { corruptText, eventFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact } from '../json.ts'
import { inputTokens } from '../plan-answer.ts'
import type { Call, ErrorAnswer, Frame, Problem, Reading, WireFormat, Writing } from '../wire.ts'
import { problem } from '../wire.ts'
import { readMessages } from './anthropic-request.ts'
import { bearerOf, isBadKey } from './openai.ts'

/** Anthropic Messages and its token counting. */
export const anthropicWire: WireFormat = {
  authenticate,
  read,
  streamType: () => 'text/event-stream; charset=utf-8',
  writeJson,
  writeCount: (ask) => ({ input_tokens: inputTokens(ask) }),
  writeStream,
  writeError: (found) => writeError(found),
  writeErrorFrames: (found) => [eventFrame('error', writeError(found).body)],
  corrupt: corruptText,
  responseHeaders: (sequence) => ({ 'request-id': idOf('req_', sequence, 0, 16) }),
}

function authenticate(call: Call): Problem | null {
  const key = call.headers.get('x-api-key') ?? bearerOf(call)
  if (!isBadKey(key)) return null
  return problem(401, key === '' ? 'x-api-key header is required' : 'invalid x-api-key')
}

function read(call: Call): Reading {
  const isCount = call.path.endsWith('/messages/count_tokens')
  if (call.method === 'POST' && (isCount || call.path.endsWith('/messages'))) {
    return readMessages(call, isCount)
  }
  return { kind: 'problem', problem: problem(404, 'Not Found') }
}

/** https://docs.anthropic.com/en/api/errors, read 2026-11-20. */
const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
}

function writeError(found: Problem): ErrorAnswer {
  const fallback = found.status >= 500 ? 'api_error' : 'invalid_request_error'
  const type = found.type ?? errorTypes[found.status] ?? fallback
  const error = { type, message: found.message }
  return { status: found.status, headers: {}, body: { type: 'error', error } }
}

const stopReasons: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
}

/** Signatures are opaque to callers; this one is long enough to be split, and always the same. */
function signatureOf(writing: Writing): string {
  return btoa(`simulated-signature-${writing.sequence}-`.padEnd(96, 'x'))
}

/** Anthropic's input excludes what it read from or wrote to the cache. */
function usageJson(writing: Writing, outputTokens: number): JsonObject {
  const { input, cacheRead, cacheWrite } = writing.answer.tokens
  return {
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    service_tier: 'standard',
  }
}

/** `message_delta` repeats the counts and nothing else (corpus anthropic/messages). */
function lastUsage(writing: Writing, outputTokens: number): JsonObject {
  const {
    cache_creation: _split,
    service_tier: _tier,
    ...counts
  } = usageJson(writing, outputTokens)
  return compact(counts)
}

function blocksOf(writing: Writing, choice: Choice): JsonObject[] {
  const thinking = choice.reasoning.join('')
  const text = choice.text.join('')
  return [
    ...(thinking === '' ? [] : [{ type: 'thinking', thinking, signature: signatureOf(writing) }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...choice.toolCalls.map((call) => ({
      type: 'tool_use',
      id: call.id,
      name: call.name,
      input: call.arguments,
    })),
  ]
}

function messageHead(writing: Writing, content: Json): JsonObject {
  return {
    id: idOf('msg_', writing.sequence, 0, 24),
    type: 'message',
    role: 'assistant',
    model: writing.ask.model,
    content,
  }
}

function writeJson(writing: Writing): Json {
  const [choice] = writing.answer.choices
  return compact({
    ...messageHead(writing, blocksOf(writing, choice)),
    stop_reason: stopReasons[choice.finish],
    stop_sequence: choice.stopSequence,
    usage: writing.withUsage ? usageJson(writing, writing.answer.tokens.output) : undefined,
  })
}

function writeStream(writing: Writing): Frame[] {
  const [choice] = writing.answer.choices
  const { withUsage, answer } = writing
  const message = compact({
    ...messageHead(writing, []),
    stop_reason: null,
    stop_sequence: null,
    usage: withUsage ? usageJson(writing, 1) : undefined,
  })
  const delta = { stop_reason: stopReasons[choice.finish], stop_sequence: choice.stopSequence }
  const usage = withUsage ? lastUsage(writing, answer.tokens.output) : undefined
  return [
    eventFrame('message_start', { type: 'message_start', message }),
    eventFrame('ping', { type: 'ping' }),
    ...blockFrames(writing, choice),
    eventFrame('message_delta', compact({ type: 'message_delta', delta, usage }), {
      mark: 'finish',
    }),
    eventFrame('message_stop', { type: 'message_stop' }, { mark: 'end' }),
  ]
}

function blockFrames(writing: Writing, choice: Choice): Frame[] {
  const blocks: Frame[][] = []
  const add = (start: JsonObject, deltas: readonly JsonObject[], startTokens = 0): void => {
    blocks.push(oneBlock(blocks.length, start, deltas, startTokens))
  }
  if (choice.reasoning.length > 0) {
    add({ type: 'thinking', thinking: '', signature: '' }, [
      ...choice.reasoning.map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: signatureOf(writing) },
    ])
  }
  if (choice.text.length > 0) {
    add(
      { type: 'text', text: '' },
      choice.text.map((text) => ({ type: 'text_delta', text })),
    )
  }
  for (const call of choice.toolCalls) {
    const start = { type: 'tool_use', id: call.id, name: call.name, input: {} }
    const deltas = ['', ...call.pieces].map((piece) => ({
      type: 'input_json_delta',
      partial_json: piece,
    }))
    add(start, deltas, 1)
  }
  return blocks.flat()
}

function oneBlock(
  index: number,
  start: JsonObject,
  deltas: readonly JsonObject[],
  startTokens: number,
): Frame[] {
  const opened = { type: 'content_block_start', index, content_block: start }
  return [
    eventFrame('content_block_start', opened, { tokens: startTokens }),
    ...deltas.map((delta) => {
      const isFree = delta['type'] === 'signature_delta' || delta['partial_json'] === ''
      const data = { type: 'content_block_delta', index, delta }
      return eventFrame('content_block_delta', data, { tokens: isFree ? 0 : 1 })
    }),
    eventFrame('content_block_stop', { type: 'content_block_stop', index }),
  ]
}
