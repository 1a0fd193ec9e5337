import type { Choice, Finish } from '../ask.ts'
import { corruptText, dataFrame, frameOf, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact } from '../json.ts'
import { inputTokens } from '../plan-answer.ts'
import type { Call, ErrorAnswer, Frame, Problem, Reading, WireFormat, Writing } from '../wire.ts'
import { problem } from '../wire.ts'
import { readGenerate } from './gemini-request.ts'
import { bearerOf, isBadKey } from './openai.ts'

/** Google Gemini: generateContent, streamGenerateContent as SSE or as one JSON array, countTokens. */
export const geminiWire: WireFormat = {
  authenticate,
  read,
  streamType: (call) => (isSse(call) ? 'text/event-stream' : 'application/json; charset=UTF-8'),
  writeJson: (writing) => chunkJson(writing, wholeParts, true, writing.answer.tokens.output),
  writeCount: (ask) => {
    const count = inputTokens(ask)
    return { totalTokens: count, promptTokensDetails: [{ modality: 'TEXT', tokenCount: count }] }
  },
  writeStream,
  writeError: (found) => writeError(found),
  writeErrorFrames: (found, writing, isFirst) =>
    framed(writing.call, [{ data: writeError(found).body }], !isFirst),
  corrupt: corruptText,
}

function isSse(call: Call): boolean {
  return call.query.get('alt') === 'sse'
}

function authenticate(call: Call): Problem | null {
  const key = call.headers.get('x-goog-api-key') ?? call.query.get('key') ?? bearerOf(call)
  if (key === '') {
    return problem(
      403,
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    )
  }
  return isBadKey(key) ? problem(400, 'API key not valid. Please pass a valid API key.') : null
}

function read(call: Call): Reading {
  const target = /\/models\/([^/:]+):(\w+)$/.exec(call.path)
  const [, model = '', method = ''] = target ?? []
  const isKnown = ['generateContent', 'streamGenerateContent', 'countTokens'].includes(method)
  if (call.method !== 'POST' || !isKnown) {
    return {
      kind: 'problem',
      problem: problem(404, `Requested entity was not found: ${call.path}`),
    }
  }
  return readGenerate(call, model, method)
}

/** google.rpc.Code names for the HTTP statuses that the API maps them to. */
const statusNames: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

function writeError(found: Problem): ErrorAnswer {
  const { status: code, message } = found
  const status = statusNames[code] ?? (code >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT')
  const isKeyError = message.startsWith('API key not valid')
  const details = isKeyError
    ? [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'API_KEY_INVALID',
          domain: 'googleapis.com',
        },
      ]
    : undefined
  return { status: code, headers: {}, body: { error: compact({ code, message, status, details }) } }
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'STOP',
  'stop-sequence': 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  refusal: 'SAFETY',
}

function signatureOf(writing: Writing): string {
  return btoa(`simulated-thought-${writing.sequence}-`.padEnd(48, 'x'))
}

type Parts = (writing: Writing, choice: Choice) => JsonObject[]

function callParts(writing: Writing, choice: Choice): JsonObject[] {
  const isSigned = choice.reasoning.length > 0
  return choice.toolCalls.map((call, index) =>
    compact({
      functionCall: { id: call.id, name: call.name, args: call.arguments },
      thoughtSignature: isSigned && index === 0 ? signatureOf(writing) : undefined,
    }),
  )
}

const wholeParts: Parts = (writing, choice) => {
  const text = choice.text.join('')
  const isRefusal = choice.finish === 'refusal'
  return [
    ...(choice.reasoning.length === 0 ? [] : [{ text: choice.reasoning.join(''), thought: true }]),
    ...(text === '' || isRefusal ? [] : [{ text }]),
    ...callParts(writing, choice),
  ]
}

function chunkJson(writing: Writing, parts: Parts, isLast: boolean, output: number): JsonObject {
  const candidates = writing.answer.choices.map((choice, index) =>
    compact({
      content: { parts: parts(writing, choice), role: 'model' },
      finishReason: isLast ? finishReasons[choice.finish] : undefined,
      index,
    }),
  )
  return chunkOf(writing, candidates, output)
}

function chunkOf(writing: Writing, candidates: readonly JsonObject[], output: number): JsonObject {
  return compact({
    candidates,
    usageMetadata: writing.withUsage ? usageJson(writing, output) : undefined,
    modelVersion: writing.ask.model,
    responseId: idOf('sim', writing.sequence, 0, 16),
  })
}

/** Thoughts are beside the candidates' tokens, not part of them. */
function usageJson(writing: Writing, output: number): JsonObject {
  const { input, reasoning, cacheRead } = writing.answer.tokens
  const thoughts = Math.min(reasoning, output)
  return compact({
    promptTokenCount: input,
    candidatesTokenCount: output - thoughts,
    totalTokenCount: input + output,
    cachedContentTokenCount: cacheRead > 0 ? cacheRead : undefined,
    thoughtsTokenCount: thoughts > 0 ? thoughts : undefined,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: input }],
  })
}

interface Chunk {
  readonly data: Json
  readonly tokens?: number
  readonly mark?: Frame['mark']
}

/** Some tokens per chunk, as Gemini sends them. */
const tokensPerChunk = 3

function writeStream(writing: Writing): Frame[] {
  const chunks: Chunk[] = []
  let output = 0
  const add = (index: number, parts: readonly JsonObject[], tokens: number): void => {
    output += tokens
    const candidates = [{ content: { parts, role: 'model' }, index }]
    chunks.push({ data: chunkOf(writing, candidates, output), tokens })
  }
  for (const [index, choice] of writing.answer.choices.entries()) {
    for (const text of grouped(choice.reasoning))
      add(index, [{ text: text.text, thought: true }], text.tokens)
    if (choice.finish !== 'refusal') {
      for (const text of grouped(choice.text)) add(index, [{ text: text.text }], text.tokens)
    }
    const calls = callParts(writing, choice)
    for (const [place, part] of calls.entries()) {
      add(index, [part], 1 + (choice.toolCalls[place]?.pieces.length ?? 0))
    }
  }
  const last = chunkJson(writing, () => [{ text: '' }], true, writing.answer.tokens.output)
  return framed(writing.call, [...chunks, { data: last, mark: 'end' }])
}

function grouped(pieces: readonly string[]): { text: string; tokens: number }[] {
  const groups: { text: string; tokens: number }[] = []
  for (let at = 0; at < pieces.length; at += tokensPerChunk) {
    const group = pieces.slice(at, at + tokensPerChunk)
    groups.push({ text: group.join(''), tokens: group.length })
  }
  return groups
}

/** As SSE events, or as the elements of one JSON array (`isTail`: the array is already open). */
function framed(call: Call, chunks: readonly Chunk[], isTail = false): Frame[] {
  if (isSse(call)) return chunks.map(({ data, ...more }) => dataFrame(data, more))
  return chunks.map(({ data, ...more }, index) => {
    const before = index > 0 || isTail ? ',\r\n' : '['
    const after = index === chunks.length - 1 ? '\r\n]' : ''
    return frameOf(`${before}${JSON.stringify(data)}${after}`, more)
  })
}
