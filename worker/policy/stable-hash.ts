/**
 * A hash of text that is the same in every isolate and every version: 53 bits as a whole number. Spreads well and is
 * quick; it proves nothing, and what must not be guessed is digested elsewhere (cyrb53, public domain, by bryc).
 */
export function stableHash(text: string, seed = 0): number {
  return hashBehind(0xdeadbeef ^ seed, 0x41c6ce57 ^ seed, text)
}

/** The hash of a text whose beginning has been read: its two halves so far. */
function hashBehind(highBefore: number, lowBefore: number, text: string): number {
  let high = highBefore
  let low = lowBefore
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, highFactor)
    low = Math.imul(low ^ code, lowFactor)
  }
  high =
    Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909)
  low =
    Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909)
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0)
}

const highFactor = 2_654_435_761
const lowFactor = 1_597_334_677

/** The same as a number between 0 and 1, neither of them. */
export function stableUnit(text: string, seed = 0): number {
  return (stableHash(text, seed) + 0.5) / 2 ** 53
}

/** `stableUnit(head + text)` for many texts: the head is read once. */
export function stableUnitsBehind(head: string): (text: string) => number {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < head.length; index += 1) {
    const code = head.charCodeAt(index)
    high = Math.imul(high ^ code, highFactor)
    low = Math.imul(low ^ code, lowFactor)
  }
  const [highBefore, lowBefore] = [high, low]
  return (text) => (hashBehind(highBefore, lowBefore, text) + 0.5) / 2 ** 53
}

/** The same as fourteen hexadecimal digits: a name for the text that does not show it. */
export function stableName(text: string): string {
  return stableHash(text).toString(16).padStart(14, '0')
}
