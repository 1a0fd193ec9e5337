declare const unit: unique symbol

/**
 * Money: a safe, non-negative integer of nano-USD. `a + b` of two amounts is a plain number, so the compiler sends
 * all arithmetic through this file, where it is checked: no amount can be a fraction, negative, or too large.
 */
export type NanoUsd = number & { readonly [unit]: 'nano-USD' }

export const zeroNanoUsd = 0 as NanoUsd

export const oneNanoUsd = 1 as NanoUsd

/** The largest amount that can be written down; some $9 million. */
export const mostNanoUsd = Number.MAX_SAFE_INTEGER as NanoUsd

export function isNanoUsd(value: unknown): value is NanoUsd {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** `value` as an amount. Throws a `RangeError` for what is none. */
export function nanoUsd(value: number): NanoUsd {
  if (!isNanoUsd(value))
    throw new RangeError(`nano-USD must be a safe integer of 0 or more, got ${value}`)
  return value
}

export function plus(a: NanoUsd, b: NanoUsd): NanoUsd {
  return nanoUsd(a + b)
}

/** Throws when it would fall below zero: an account that does is a mistake, not a debt. */
export function minus(a: NanoUsd, b: NanoUsd): NanoUsd {
  return nanoUsd(a - b)
}

/** What is left of `a` after `b`, zero when nothing is. */
export function minusOrZero(a: NanoUsd, b: NanoUsd): NanoUsd {
  return b >= a ? zeroNanoUsd : nanoUsd(a - b)
}

export function times(a: NanoUsd, count: number): NanoUsd {
  return nanoUsd(a * count)
}

/** The sum, or the most that can be written down. */
export function plusOrMost(a: NanoUsd, b: NanoUsd): NanoUsd {
  return a > mostNanoUsd - b ? mostNanoUsd : plus(a, b)
}

/** Largest first. */
export function byAmount(a: NanoUsd, b: NanoUsd): number {
  return b - a
}

export function leastOf(a: NanoUsd, b: NanoUsd): NanoUsd {
  return a < b ? a : b
}

export function mostOf(a: NanoUsd, b: NanoUsd): NanoUsd {
  return a > b ? a : b
}

/** Takes `before` out of a sum and puts `after` in. */
export function exchange(sum: NanoUsd, before: NanoUsd, after: NanoUsd): NanoUsd {
  return plus(minus(sum, before), after)
}

/** So many hundredths of a percent of an amount (at most all of it), rounded down, without leaving the integers. */
export function shareDown(amount: NanoUsd, basisPoints: number): NanoUsd {
  const rest = amount % 10_000
  return nanoUsd(
    ((amount - rest) / 10_000) * basisPoints + Math.floor((rest * basisPoints) / 10_000),
  )
}

/** The same, rounded up. */
export function shareUp(amount: NanoUsd, basisPoints: number): NanoUsd {
  const rest = amount % 10_000
  return nanoUsd(
    ((amount - rest) / 10_000) * basisPoints + Math.ceil((rest * basisPoints) / 10_000),
  )
}

/** How far apart two amounts are. */
export function differenceOf(a: NanoUsd, b: NanoUsd): NanoUsd {
  return a > b ? minus(a, b) : minus(b, a)
}

/** An equal part for each of `count`, rounded down. */
export function partDown(amount: NanoUsd, count: number): NanoUsd {
  return nanoUsd((amount - (amount % count)) / count)
}
