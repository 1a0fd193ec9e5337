import type { Json } from './json.ts'
import { isObject, parseJson, textOr } from './json.ts'
import type { LoggedRequest } from './request-log.ts'
import { nothingBilled } from './request-log.ts'
import type { Call } from './wire.ts'

/** One request, read whole. `body` of the call is empty when what came is no JSON object. */
export interface Incoming {
  readonly call: Call
  readonly text: string
  readonly json: Json | undefined
  readonly model: string | null
}

const credentialHeaders = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-amz-security-token',
  'cf-aig-authorization',
  'cookie',
])

/** Reads a request whose URL path is `/{provider}{path}`. */
export async function readIncoming(request: Request, path: string): Promise<Incoming> {
  const text = await request.text()
  const json = parseJson(text)
  const body = isObject(json) ? json : {}
  const call = {
    method: request.method,
    path,
    query: new URL(request.url).searchParams,
    headers: new Map(request.headers),
    body,
  }
  return { call, text, json, model: modelOf(call) }
}

/** The model a call names: in its body, or in its path. */
function modelOf(call: Call): string | null {
  const named = textOr(call.body['model'])
  if (named !== '') return named
  const inPath =
    /\/models\/([^/:]+):/.exec(call.path)?.[1] ??
    /\/model\/(.+)\/(converse(-stream)?|count-tokens)$/.exec(call.path)?.[1] ??
    /\/deployments\/([^/]+)\//.exec(call.path)?.[1] ??
    /\/ai\/run\/(.+)$/.exec(call.path)?.[1]
  return inPath === undefined ? null : decodeURIComponent(inPath)
}

export async function openEntry(
  incoming: Incoming,
  provider: string,
  sequence: number,
  nowMs: number,
): Promise<LoggedRequest> {
  const { call, text, json, model } = incoming
  return {
    id: `request-${sequence}`,
    provider,
    model,
    timeMs: nowMs,
    time: new Date(nowMs).toISOString(),
    method: call.method,
    path: await pathWithoutKey(call),
    headers: await loggedHeaders(call.headers),
    body: json ?? text,
    status: null,
    faults: [],
    replay: null,
    aborted: false,
    done: false,
    bytesSent: 0,
    durationMs: null,
    billed: nothingBilled,
  }
}

/** Gemini's `?key=` is a credential too. */
async function pathWithoutKey(call: Call): Promise<string> {
  const query = new URLSearchParams(call.query)
  const key = query.get('key')
  if (key !== null) query.set('key', await digestOf(key))
  const written = query.toString()
  return written === '' ? call.path : `${call.path}?${written}`
}

async function loggedHeaders(
  headers: ReadonlyMap<string, string>,
): Promise<Record<string, string>> {
  const logged: Record<string, string> = {}
  for (const [name, value] of headers) {
    logged[name] = credentialHeaders.has(name) ? await digestOf(value) : value
  }
  return logged
}

/** SHA-256 of a whole header value, `Bearer ` included. */
async function digestOf(value: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value))
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0'))
  return `sha256:${hex.join('')}`
}
