import type { FieldError } from './faults.ts'
import { isFieldError, wholeNumber } from './faults.ts'
import type { Json, JsonObject } from './json.ts'
import { isObject } from './json.ts'

/** Bytes that answer the next calls of a provider, exactly. */
export interface Replay {
  readonly provider: string
  readonly model: string | null
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Uint8Array
  /** Sizes of the chunks, bytes; the rest is one more chunk. */
  readonly chunks: readonly number[]
  readonly chunkDelayMs: number
  /** null: until it is deleted. */
  readonly times: number | null
}

const fields = `provider model status headers body bodyBase64 chunks chunkDelayMs times`.split(' ')

/** Framing is the runtime's business: a recorded value would contradict it. */
const framingHeaders = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'content-encoding',
  'keep-alive',
])

/** Reads the body of `POST /__control/replay`. */
export function parseReplay(body: Json | undefined): Replay | FieldError {
  if (!isObject(body)) return { field: '', message: 'must be a JSON object' }
  const stranger = Object.keys(body).find((key) => !fields.includes(key))
  if (stranger !== undefined) return { field: stranger, message: 'is not a field of a replay' }
  const { provider, model } = body
  if (typeof provider !== 'string' || provider === '') {
    return { field: 'provider', message: 'must be a string' }
  }
  if (model !== undefined && typeof model !== 'string') {
    return { field: 'model', message: 'must be a string' }
  }
  const numbers = parseNumbers(body)
  if (isFieldError(numbers)) return numbers
  const bytes = parseBytes(body)
  if (!(bytes instanceof Uint8Array)) return bytes
  const headers = parseHeaders(body['headers'])
  if (headers === null) return { field: 'headers', message: 'must be an object of strings' }
  const chunks = body['chunks'] ?? []
  const areSizes =
    Array.isArray(chunks) &&
    chunks.every((one) => typeof one === 'number' && Number.isSafeInteger(one) && one > 0)
  if (!areSizes) return { field: 'chunks', message: 'must be an array of sizes of at least 1' }
  return {
    provider,
    model: model ?? null,
    ...numbers,
    headers,
    bytes,
    chunks: chunks as readonly number[],
  }
}

function parseNumbers(
  body: JsonObject,
): Pick<Replay, 'status' | 'chunkDelayMs' | 'times'> | FieldError {
  const status = wholeNumber(body, 'status', 200)
  const chunkDelayMs = wholeNumber(body, 'chunkDelayMs', 0)
  const times = wholeNumber(body, 'times', 1)
  for (const one of [status, chunkDelayMs, times]) {
    if (typeof one === 'object' && one !== null) return one
  }
  const plain = (value: number | null | FieldError, otherwise: number): number =>
    typeof value === 'number' ? value : otherwise
  if (plain(status, 200) > 599) return { field: 'status', message: 'must be from 200 to 599' }
  return {
    status: plain(status, 200),
    chunkDelayMs: plain(chunkDelayMs, 0),
    times: typeof times === 'number' ? times : null,
  }
}

function parseBytes(body: JsonObject): Uint8Array | FieldError {
  const { body: text, bodyBase64: base64 } = body
  if (text !== undefined && base64 !== undefined) {
    return { field: 'bodyBase64', message: 'excludes body' }
  }
  if (base64 !== undefined) {
    if (typeof base64 !== 'string') return { field: 'bodyBase64', message: 'must be a string' }
    try {
      return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    } catch {
      return { field: 'bodyBase64', message: 'must be base64' }
    }
  }
  if (text === undefined) return { field: 'body', message: 'body or bodyBase64 is needed' }
  return new TextEncoder().encode(typeof text === 'string' ? text : JSON.stringify(text))
}

function parseHeaders(value: Json | undefined): Readonly<Record<string, string>> | null {
  if (value === undefined) return {}
  if (!isObject(value)) return null
  const kept: Record<string, string> = {}
  for (const [name, one] of Object.entries(value)) {
    const text = Array.isArray(one) ? one.map(String).join(', ') : one
    if (typeof text !== 'string' && typeof text !== 'number') return null
    if (!framingHeaders.has(name.toLowerCase())) kept[name] = String(text)
  }
  return kept
}
