/**
 * Numbers in [0, 1) from a seed (uint32): the same seed gives the same numbers, on
 * every machine. Mulberry32 by Tommy Ettinger (2017, public domain), whose period is 2^32.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A seed (uint32) out of one number in [0, 1). */
export function seedOf(random: number): number {
  return Math.floor(random * 4_294_967_296) >>> 0
}
