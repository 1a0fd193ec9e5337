/** A small seeded generator (mulberry32): the same seed gives the same splits everywhere. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** A number of its own for each case, so that one case can be replayed alone with the run's seed. */
export function seedOf(id: string, seed: number): number {
  let hash = seed >>> 0
  for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  return hash
}

export interface SplitEffort {
  /** Bodies up to this size are cut in two at every position. */
  readonly everyPositionUpToBytes: number
  /** Random splits of longer bodies. */
  readonly randomSplits: number
  /** Places at which a stream is made to stop. */
  readonly cuts: number
}

export const fullEffort: SplitEffort = {
  everyPositionUpToBytes: 16 * 1024,
  randomSplits: 1000,
  cuts: 40,
}
export const quickEffort: SplitEffort = {
  everyPositionUpToBytes: 2 * 1024,
  randomSplits: 25,
  cuts: 5,
}

/** The places to cut at, once per split: every position or many random ones, and last byte by byte. */
export function* splitsOf(
  length: number,
  effort: SplitEffort,
  random: () => number,
): Generator<readonly number[]> {
  if (length <= effort.everyPositionUpToBytes) {
    for (let position = 1; position < length; position += 1) yield [position]
  } else {
    for (let split = 0; split < effort.randomSplits; split += 1) yield randomCuts(length, random)
  }
  yield Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1)
}

/** From one cut to many: half of the splits have up to 4 pieces, the rest up to 200. */
function randomCuts(length: number, random: () => number): number[] {
  const cuts = 1 + Math.floor(random() * (random() < 0.5 ? 3 : 199))
  const places = new Set<number>()
  for (let cut = 0; cut < cuts; cut += 1) places.add(1 + Math.floor(random() * (length - 1)))
  return [...places].sort((a, b) => a - b)
}

export function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...cuts, bytes.length]
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index] ?? 0, end))
}

/** Deep equality of plain data; made for comparing millions of events, so it allocates nothing. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index += 1) if (!same(a[index], b[index])) return false
    return true
  }
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  let keys = 0
  for (const key in left) {
    keys += 1
    if (!(key in right) || !same(left[key], right[key])) return false
  }
  for (const _ in right) keys -= 1
  return keys === 0
}
