import { flatText } from '../canonical/flat-text.ts'
import type { UpstreamCall } from '../providers/adapter.ts'
import type { Target } from '../edge/runtime.ts'
import type { AttemptControl } from './attempt-control.ts'
import { callHeaders, runtimeHeaders } from './call-headers.ts'
import type { Ports } from './ports.ts'

/**
 * Sends one call. The address comes from the configuration alone, the headers
 * are built here from nothing (no header of the caller travels on), a redirect
 * is answered like any other status and so becomes a failure.
 */
export async function send(
  call: UpstreamCall,
  target: Target,
  stream: boolean,
  ports: Ports,
  control: Pick<AttemptControl, 'signal' | 'isSent'>,
): Promise<Response> {
  const { baseUrl, credential, binding } = target.provider
  const { signal } = control
  if (binding !== null) {
    control.isSent = true
    return ports.runBinding(binding, target.adapterTarget.upstreamModel, call.body, stream, signal)
  }
  if (baseUrl === null || credential === null)
    throw new Error('a provider without address or credential was planned')
  const url = addressOf(baseUrl, call.path)
  const body = call.method === 'GET' ? null : JSON.stringify(call.body)
  const plain = callHeaders(call.headers, stream)
  const signing = credential.sign(url, call.method, plain, body)
  const headers = runtimeHeaders(signing instanceof Promise ? await signing : signing)
  // A fetch whose signal has fired before it begins never leaves.
  control.isSent = !signal.aborted
  return ports.fetch(url, { method: call.method, headers, body, redirect: 'manual', signal })
}

/** One text for each address, which its calls repeat: what is put together anew is put into one piece anew by whoever reads it. */
function addressOf(baseUrl: string, path: string): string {
  let known = addresses.get(baseUrl)
  if (known === undefined) addresses.set(baseUrl, (known = new Map()))
  const found = known.get(path)
  if (found !== undefined) return found
  if (known.size >= mostPaths) known.clear()
  const made = flatText(baseUrl + path)
  known.set(path, made)
  return made
}

const addresses = new Map<string, Map<string, string>>()
/** Of one provider; some have their models in their paths. */
const mostPaths = 256

/** Response headers as adapters read them: lower-case names. */
export function headerMap(headers: Headers): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  headers.forEach((value, name) => {
    map.set(name.toLowerCase(), value)
  })
  return map
}

export type ReadText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: string }

/** Reads a body as text, at most `maxBytes`; what is longer is not read to its end. */
export async function readText(response: Response, maxBytes: number): Promise<ReadText> {
  const declared = Number(response.headers.get('content-length') ?? Number.NaN)
  if (declared > maxBytes) {
    await response.body?.cancel()
    return { ok: false, reason: `the answer is larger than ${maxBytes} bytes` }
  }
  if (declared <= maxBytes) return { ok: true, text: await response.text() }
  return readBounded(response.body, maxBytes)
}

async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<ReadText> {
  if (body === null) return { ok: true, text: '' }
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let bytes = 0
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { ok: true, text: text + decoder.decode() }
    bytes += value.byteLength
    if (bytes > maxBytes) {
      await reader.cancel()
      return { ok: false, reason: `the answer is larger than ${maxBytes} bytes` }
    }
    text += decoder.decode(value, { stream: true })
  }
}
