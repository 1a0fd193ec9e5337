import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { joined } from './joined.ts'

/** The body of a request; null as soon as it is too large. */
export async function readBytes(request: Request, most: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    total += chunk.byteLength
    if (total > most) return null
    chunks.push(chunk)
  }
  return joined(chunks)
}

/** The same request with a body that has been read. */
export function withBody(request: Request, bytes: Uint8Array): Request {
  return new Request(request.url, {
    method: request.method,
    headers: request.headers,
    body: bytes,
    signal: request.signal,
  })
}

/** What tells one request from another: where it goes and every byte of its body. */
export function digestOf(request: Request, bytes: Uint8Array): string {
  const path = utf8ToBytes(`${new URL(request.url).pathname}\n`)
  return bytesToHex(sha256.create().update(path).update(bytes).digest())
}
