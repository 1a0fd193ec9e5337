import { crc32 } from '../../worker/streams/crc32.ts'
import type { Json } from '../json.ts'

const encoder = new TextEncoder()
/** Type tag of a header whose value is a string. */
const stringHeader = 7

/**
 * One frame of `application/vnd.amazon.eventstream`: total length, header
 * length, CRC of those two, headers, payload, CRC of everything before
 * (https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-20).
 */
export function eventStreamFrame(
  headers: Readonly<Record<string, string>>,
  payload: Json,
): Uint8Array {
  const headerBytes = Object.entries(headers).flatMap(([name, value]) => headerOf(name, value))
  const body = encoder.encode(JSON.stringify(payload))
  const length = 12 + headerBytes.length + body.length + 4
  const frame = new Uint8Array(length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, length)
  view.setUint32(4, headerBytes.length)
  view.setUint32(8, crc32(frame.subarray(0, 8)))
  frame.set(headerBytes, 12)
  frame.set(body, 12 + headerBytes.length)
  view.setUint32(length - 4, crc32(frame.subarray(0, length - 4)))
  return frame
}

function headerOf(name: string, value: string): number[] {
  const bytes = encoder.encode(value)
  return [
    name.length,
    ...encoder.encode(name),
    stringHeader,
    bytes.length >> 8,
    bytes.length & 0xff,
    ...bytes,
  ]
}
