/**
 * Chance from a seed: sfc32, seeded from the text of the seed. A fork has its own
 * sequence, so that one part of a simulation that draws more often does not change
 * what another part draws.
 */
export class Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1
  /** A number in [0, 1). Bound, because it is handed on as `random`. */
  readonly next = (): number => {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }

  constructor(seed: string) {
    this.#seed = seed
    this.#a = hashOf(seed, 0x9e3779b9)
    this.#b = hashOf(seed, 0x243f6a88)
    this.#c = hashOf(seed, 0xb7e15162)
    // The first numbers still show the seed.
    for (let draw = 0; draw < 12; draw += 1) this.next()
  }

  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Time to the next event of a Poisson process. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  logNormal(median: number, sigma: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()))
    return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * this.next()))
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0]
  }
}

/** FNV-1a over UTF-16 units, from an offset of its own. */
function hashOf(text: string, offset: number): number {
  let hash = offset | 0
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
