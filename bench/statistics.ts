export interface Spread {
  readonly median: number
  /** The quartiles: half of what was measured lies between them. */
  readonly low: number
  readonly high: number
}

/** Linear interpolation between the two nearest values; NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * part
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}

export function spread(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
  }
}

/** Slice by slice: a neighbour that slows one slice slows both sides of its ratio. */
export function ratios(values: readonly number[], base: readonly number[]): number[] {
  return values.flatMap((value, slice) => {
    const divisor = base[slice]
    return divisor === undefined || divisor === 0 ? [] : [value / divisor]
  })
}

export function differences(values: readonly number[], base: readonly number[]): number[] {
  return values.flatMap((value, slice) => {
    const other = base[slice]
    return other === undefined ? [] : [value - other]
  })
}

/** A small generator with a printed seed (mulberry32), so that an order can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] as T
    order[last] = order[other] as T
    order[other] = kept
  }
  return order
}
