import type { Choice, Finish } from '../ask.ts'
import { frameOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, objectOr } from '../json.ts'
import { inputTokens } from '../plan-answer.ts'
import type { Call, ErrorAnswer, Frame, Problem, Reading, WireFormat, Writing } from '../wire.ts'
import { problem } from '../wire.ts'
import { eventStreamFrame } from './aws-event-stream.ts'
import { readConverse } from './bedrock-request.ts'
import { bearerOf, isBadKey } from './openai.ts'

/** Amazon Bedrock Converse, ConverseStream and CountTokens. */
export const bedrockWire: WireFormat = {
  authenticate,
  read,
  streamType: () => 'application/vnd.amazon.eventstream',
  writeJson,
  writeCount: (ask) => ({ inputTokens: inputTokens(ask) }),
  writeStream,
  writeError,
  writeErrorFrames: (found) => [frameOf(exceptionFrame(found))],
  corrupt: flipChecksum,
  responseHeaders: (sequence) => ({
    'x-amzn-requestid': `00000000-0000-4000-8000-${String(sequence).padStart(12, '0')}`,
  }),
}

/** A SigV4 header is checked for its parts, not for its signature: the simulator knows no secret. */
function authenticate(call: Call): Problem | null {
  const header = call.headers.get('authorization') ?? ''
  if (header === '')
    return problem(403, 'Missing Authentication Token', {
      type: 'MissingAuthenticationTokenException',
    })
  if (!header.startsWith('AWS4-HMAC-SHA256')) {
    return isBadKey(bearerOf(call))
      ? problem(403, 'Authentication failed: Please make sure your API Key is valid.', {
          type: 'AccessDeniedException',
        })
      : null
  }
  const isWhole =
    /Credential=[^/]+\/\d{8}\/[a-z0-9-]+\/bedrock\/aws4_request/.test(header) &&
    /SignedHeaders=[^,]*host[^,]*x-amz-date/.test(header) &&
    /Signature=[0-9a-f]{64}/.test(header) &&
    call.headers.has('x-amz-date')
  if (!isWhole) {
    return problem(
      403,
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
      { type: 'InvalidSignatureException' },
    )
  }
  return header.includes('Credential=invalid')
    ? problem(403, 'The security token included in the request is invalid.', {
        type: 'UnrecognizedClientException',
      })
    : null
}

function read(call: Call): Reading {
  const [, model = '', method = ''] =
    /\/model\/(.+)\/(converse|converse-stream|count-tokens)$/.exec(call.path) ?? []
  if (call.method !== 'POST' || method === '') {
    const found = problem(404, 'Unable to determine service/operation name to be authorized', {
      type: 'UnknownOperationException',
    })
    return { kind: 'problem', problem: found }
  }
  const name = decodeURIComponent(model)
  if (method === 'count-tokens') return readCount(call, name)
  return readConverse(call, name, method === 'converse-stream')
}

/** CountTokens wraps the prompt: `{"input":{"converse":{...}}}`. */
function readCount(call: Call, model: string): Reading {
  const prompt = objectOr(objectOr(call.body['input'])['converse'])
  const reading = readConverse({ ...call, body: prompt }, model, false)
  return reading.kind === 'answer' ? { kind: 'count', ask: reading.ask } : reading
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, errors, read 2026-11-20. */
const errorTypes: Readonly<Record<number, string>> = {
  400: 'ValidationException',
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  424: 'ModelErrorException',
  429: 'ThrottlingException',
  500: 'InternalServerException',
  503: 'ServiceUnavailableException',
}

function typeOf(found: Problem): string {
  const fallback = found.status >= 500 ? 'InternalServerException' : 'ValidationException'
  return found.type ?? errorTypes[found.status] ?? fallback
}

function writeError(found: Problem): ErrorAnswer {
  const headers = {
    'x-amzn-errortype': `${typeOf(found)}:http://internal.amazon.com/coral/com.amazon.bedrock/`,
  }
  return { status: found.status, headers, body: { message: found.message } }
}

function exceptionFrame(found: Problem): Uint8Array {
  const type = typeOf(found)
  const name = type.charAt(0).toLowerCase() + type.slice(1)
  return eventStreamFrame(
    { ':exception-type': name, ':content-type': 'application/json', ':message-type': 'exception' },
    { message: found.message },
  )
}

/** One bit of the last checksum. */
function flipChecksum(frame: Frame): Frame {
  const bytes = frame.bytes.slice()
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  return { ...frame, bytes }
}

const stopReasons: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'content_filtered',
}

/** As Anthropic counts: input excludes the cache. */
function usageJson(writing: Writing): JsonObject {
  const { input, output, cacheRead, cacheWrite } = writing.answer.tokens
  return {
    inputTokens: input - cacheRead - cacheWrite,
    outputTokens: output,
    totalTokens: input + output,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
  }
}

function signatureOf(writing: Writing): string {
  return btoa(`simulated-signature-${writing.sequence}-`.padEnd(96, 'x'))
}

function writeJson(writing: Writing): Json {
  const [choice] = writing.answer.choices
  const text = choice.text.join('')
  const reasoning = choice.reasoning.join('')
  const reasoningText = { text: reasoning, signature: signatureOf(writing) }
  const content = [
    ...(reasoning === '' ? [] : [{ reasoningContent: { reasoningText } }]),
    ...(text === '' ? [] : [{ text }]),
    ...choice.toolCalls.map((call) => ({
      toolUse: { toolUseId: call.id, name: call.name, input: call.arguments },
    })),
  ]
  return compact({
    metrics: { latencyMs: 25 },
    output: { message: { role: 'assistant', content } },
    stopReason: stopReasons[choice.finish],
    usage: writing.withUsage ? usageJson(writing) : undefined,
  })
}

function event(type: string, payload: JsonObject, more: Partial<Frame> = {}): Frame {
  const headers = {
    ':event-type': type,
    ':content-type': 'application/json',
    ':message-type': 'event',
  }
  return frameOf(eventStreamFrame(headers, payload), more)
}

function writeStream(writing: Writing): Frame[] {
  const [choice] = writing.answer.choices
  const stop = event('messageStop', { stopReason: stopReasons[choice.finish] }, { mark: 'end' })
  const metadata = event(
    'metadata',
    { metrics: { latencyMs: 25 }, usage: usageJson(writing) },
    { mark: 'end' },
  )
  return [
    event('messageStart', { role: 'assistant' }),
    ...blockFrames(writing, choice),
    stop,
    ...(writing.withUsage ? [metadata] : []),
  ]
}

function blockFrames(writing: Writing, choice: Choice): Frame[] {
  const blocks: Frame[][] = []
  const delta = (value: JsonObject, tokens: number): Frame =>
    event('contentBlockDelta', { contentBlockIndex: blocks.length, delta: value }, { tokens })
  const close = (frames: readonly Frame[]): void => {
    blocks.push([...frames, event('contentBlockStop', { contentBlockIndex: blocks.length })])
  }
  if (choice.reasoning.length > 0) {
    const signature = { reasoningContent: { signature: signatureOf(writing) } }
    const thought = choice.reasoning.map((text) => delta({ reasoningContent: { text } }, 1))
    close([...thought, delta(signature, 0)])
  }
  if (choice.text.length > 0) close(choice.text.map((text) => delta({ text }, 1)))
  for (const call of choice.toolCalls) {
    const start = { toolUse: { toolUseId: call.id, name: call.name } }
    const opened = { contentBlockIndex: blocks.length, start }
    const pieces = call.pieces.map((input) => delta({ toolUse: { input } }, 1))
    close([event('contentBlockStart', opened, { tokens: 1 }), ...pieces])
  }
  return blocks.flat()
}
