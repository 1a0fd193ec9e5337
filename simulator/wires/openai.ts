import { corruptText, dataFrame, doneFrame, eventFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact } from '../json.ts'
import type {
  Call,
  ErrorAnswer,
  Frame,
  Problem,
  Reading,
  Vendor,
  WireFormat,
  Writing,
} from '../wire.ts'
import { problem } from '../wire.ts'
import { completionFrames, completionJson } from './openai-answer.ts'
import { lacksJsonWord, readChat } from './openai-request.ts'

/** OpenAI Chat Completions, with the ways of the vendors that share it. */
export const openAiWire: WireFormat = {
  authenticate: authenticateBearer,
  read,
  streamType: () => 'text/event-stream; charset=utf-8',
  writeJson: completionJson,
  writeCount: () => null,
  writeStream: completionFrames,
  writeError,
  writeErrorFrames,
  corrupt: corruptText,
  responseHeaders: (sequence) => ({ 'x-request-id': idOf('req_', sequence, 0, 16) }),
}

/** Keys that contain `invalid` are refused, so that a bad credential can be tried. */
export function isBadKey(key: string): boolean {
  return key === '' || key.includes('invalid')
}

export function bearerOf(call: Call): string {
  return /^Bearer\s+(.+)$/i.exec(call.headers.get('authorization') ?? '')?.[1] ?? ''
}

export function authenticateBearer(call: Call, vendor: Vendor): Problem | null {
  if (vendor.keyless === true) return null
  const isAzure = isAzureVendor(vendor)
  const key = (isAzure ? call.headers.get('api-key') : undefined) ?? bearerOf(call)
  if (!isBadKey(key)) return null
  if (isAzure) {
    return problem(
      401,
      'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
      { code: '401' },
    )
  }
  const message =
    key === ''
      ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
      : 'Incorrect API key provided.'
  return problem(401, message, { code: 'invalid_api_key', type: 'invalid_request_error' })
}

function isAzureVendor(vendor: Vendor): boolean {
  return vendor.id.startsWith('azure')
}

function read(call: Call, vendor: Vendor): Reading {
  const isChat = call.path.endsWith('/chat/completions')
  const lacksVersion =
    isAzureVendor(vendor) && call.path.includes('/deployments/') && !call.query.has('api-version')
  if (!isChat || call.method !== 'POST' || lacksVersion) {
    const message = isAzureVendor(vendor)
      ? 'Resource not found'
      : `Invalid URL (${call.method} ${call.path})`
    return { kind: 'problem', problem: problem(404, message, { type: 'invalid_request_error' }) }
  }
  if (vendor.strict === true && lacksJsonWord(call.body)) {
    const message =
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return { kind: 'problem', problem: problem(400, message, { param: 'messages' }) }
  }
  return readChat(call, vendor)
}

function typeOfStatus(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 402 || status === 429) return 'requests'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}

function codeOf(found: Problem): string | null {
  if (found.code !== undefined) return found.code
  if (found.status === 429) return 'rate_limit_exceeded'
  return found.status === 401 ? 'invalid_api_key' : null
}

/** Error objects as recorded: OpenRouter and Perplexity put the status into `code`, Azure knows no type. */
function errorJson(found: Problem, vendor: Vendor): JsonObject {
  const type = found.type ?? typeOfStatus(found.status)
  if (vendor.id === 'openrouter') return { code: found.status, message: found.message }
  if (vendor.id === 'perplexity') return { message: found.message, type, code: found.status }
  if (isAzureVendor(vendor) && [401, 404].includes(found.status)) {
    return { code: String(found.status), message: found.message }
  }
  return { message: found.message, type, param: found.param ?? null, code: codeOf(found) }
}

export function writeError(found: Problem, vendor: Vendor): ErrorAnswer {
  const body: Json =
    vendor.id === 'openrouter'
      ? { error: errorJson(found, vendor), user_id: 'user_simulated' }
      : { error: errorJson(found, vendor) }
  return { status: found.status, headers: {}, body }
}

/** Groq names the event, OpenRouter wraps it into a chunk and ends with `[DONE]`, the others send the bare error. */
function writeErrorFrames(found: Problem, writing: Writing): Frame[] {
  const { vendor, ask, sequence, createdS } = writing
  const error = errorJson(found, vendor)
  if (vendor.id === 'groq') {
    return [eventFrame('error', { error: { ...error, status_code: found.status } })]
  }
  if (vendor.id !== 'openrouter') return [dataFrame({ error })]
  const chunk = compact({
    id: idOf('gen-', sequence, 0, 24),
    object: 'chat.completion.chunk',
    created: createdS,
    model: ask.model,
    provider: 'Simulator',
    error,
    choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'error' }],
  })
  return [dataFrame(chunk), doneFrame()]
}
