import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { parseGuarded, type JsonLimits } from './json-guard.ts'

export interface BodyLimits extends JsonLimits {
  readonly maxBodyBytes: number
}

export type ReadBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: GatewayError }

/** Reads an inbound JSON body within its caps: bytes while it arrives, depth, keys and items before it is parsed. */
export async function readBody(request: Request, limits: BodyLimits): Promise<ReadBody> {
  const encoding = request.headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') {
    return refuse(
      gatewayError(
        'invalid_request',
        415,
        `content-encoding: a request body must not be compressed (found "${encoding.slice(0, 32)}")`,
      ),
    )
  }
  let bytes: ArrayBuffer | Uint8Array | null
  try {
    bytes = await readBytes(request, limits.maxBodyBytes)
  } catch {
    return refuse(invalidRequest('the body ended early'))
  }
  if (bytes === null)
    return refuse(
      gatewayError('body_too_large', 413, `the body is larger than ${limits.maxBodyBytes} bytes`),
    )
  if (bytes.byteLength === 0)
    return refuse(invalidRequest('the body is empty; a JSON object is expected'))
  const text = decodeUtf8(bytes)
  if (text === null) return refuse(invalidRequest('the body is not valid UTF-8'))
  const parsed = parseGuarded(text, limits)
  return parsed.ok ? parsed : refuse(invalidRequest(parsed.rule))
}

function refuse(error: GatewayError): ReadBody {
  return { ok: false, error }
}

/** The body's bytes, or null as soon as they are too many. */
async function readBytes(
  request: Request,
  maxBytes: number,
): Promise<ArrayBuffer | Uint8Array | null> {
  const declared = Number(request.headers.get('content-length') ?? Number.NaN)
  if (declared > maxBytes) return null
  // The runtime itself holds a body to the length it declares.
  if (declared <= maxBytes) return request.arrayBuffer()
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    total += chunk.byteLength
    if (total > maxBytes) return null
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(total)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

function decodeUtf8(bytes: ArrayBuffer | Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return null
  }
}
