const ascii = new TextDecoder()

const stringType = 7

/**
 * Bytes of a header value by its type. Source: `smithy-eventstream`,
 * https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-20: true, false,
 * byte, short, integer, long, (byte array, string: two bytes of length), timestamp, UUID.
 */
const fixedLengths: readonly (number | null)[] = [0, 0, 1, 2, 4, 8, null, null, 8, 16]

/** The string headers of a message by name; other types are skipped. Null when the bytes are no headers. */
export function readStringHeaders(bytes: Uint8Array): ReadonlyMap<string, string> | null {
  const headers = new Map<string, string>()
  let at = 0
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] ?? 0)
    const type = bytes[nameEnd]
    const fixedLength = type === undefined ? undefined : fixedLengths[type]
    if (fixedLength === undefined) return null
    let valueStart = nameEnd + 1
    let length = fixedLength
    if (length === null) {
      length = (bytes[valueStart] ?? 0) * 256 + (bytes[valueStart + 1] ?? 0)
      valueStart += 2
    }
    const valueEnd = valueStart + length
    if (valueEnd > bytes.length) return null
    if (type === stringType) {
      const name = ascii.decode(bytes.subarray(at + 1, nameEnd))
      headers.set(name, ascii.decode(bytes.subarray(valueStart, valueEnd)))
    }
    at = valueEnd
  }
  return headers
}
