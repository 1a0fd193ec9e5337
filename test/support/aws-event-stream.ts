import { crc32 } from '../../worker/streams/crc32.ts'

const stringType = 7

/** One message of an AWS event stream, with string headers and both checksums. */
export function encodeAwsEventStreamMessage(
  headers: Record<string, string>,
  payload: Uint8Array,
): Uint8Array {
  return encodeAwsEventStreamFrame(encodeStringHeaders(headers), payload)
}

/** The same around header bytes of any kind. */
export function encodeAwsEventStreamFrame(headers: Uint8Array, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(12 + headers.length + payload.length + 4)
  const view = new DataView(frame.buffer)
  view.setUint32(0, frame.length)
  view.setUint32(4, headers.length)
  view.setUint32(8, crc32(frame.subarray(0, 8)))
  frame.set(headers, 12)
  frame.set(payload, 12 + headers.length)
  view.setUint32(frame.length - 4, crc32(frame.subarray(0, frame.length - 4)))
  return frame
}

export function encodeStringHeaders(headers: Record<string, string>): Uint8Array {
  const utf8 = new TextEncoder()
  const bytes: number[] = []
  for (const [name, value] of Object.entries(headers)) {
    const nameBytes = utf8.encode(name)
    const valueBytes = utf8.encode(value)
    bytes.push(nameBytes.length, ...nameBytes, stringType)
    bytes.push(valueBytes.length >> 8, valueBytes.length & 0xff, ...valueBytes)
  }
  return Uint8Array.from(bytes)
}
