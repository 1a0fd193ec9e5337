/** Reversed polynomial of CRC-32/ISO-HDLC, the one of gzip and of the AWS event stream. */
const polynomial = 0xedb88320

const table = buildTable()

function buildTable(): Uint32Array {
  const built = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte
    for (let bit = 0; bit < 8; bit += 1) {
      value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1
    }
    built[byte] = value
  }
  return built
}

/** CRC-32 of `bytes`, unsigned. Pass the CRC of what came before to go on from there. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous
  for (let at = 0; at < bytes.length; at += 1) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  }
  return ~crc >>> 0
}
