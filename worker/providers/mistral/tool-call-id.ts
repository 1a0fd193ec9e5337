const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * A tool call id that Mistral accepts: nine letters or digits ("Tool call id was
 * ... but must be a-z, A-Z, 0-9, with a length of 9", its 400, 2026-11-20).
 * Mistral's own ids stay; others become a hash, the same id always the same
 * hash, so that call and result still meet.
 */
export function mistralToolCallId(id: string): string {
  if (/^[A-Za-z0-9]{9}$/.test(id)) return id
  let low = 0x811c9dc5
  let high = 0x9747b28c
  for (let index = 0; index < id.length; index++) {
    const code = id.charCodeAt(index)
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (high >>> 13)
  }
  let rest = ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)) % 62n ** 9n
  let short = ''
  while (short.length < 9) {
    short += alphabet[Number(rest % 62n)] ?? '0'
    rest /= 62n
  }
  return short
}
