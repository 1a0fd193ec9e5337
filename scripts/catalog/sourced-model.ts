import type { Ability, Modality, Prices } from '../../worker/catalog/schema.ts'

/** One source's word on one model, in the catalog's units. Absent is "does not say". */
export interface SourcedModel {
  readonly provider: string
  readonly model: string
  /** Absent when the source has no usable pair of prices. */
  readonly prices?: Prices
  /** The source states zero for input and output. */
  readonly zeroPriced: boolean
  readonly context?: number
  readonly maxOutput?: number
  readonly input?: readonly Modality[]
  readonly output?: readonly Modality[]
  readonly abilities: { readonly [A in Ability]?: boolean }
  readonly retires?: string
  readonly responsesOnly: boolean
}

/** A source as it was read: what it is, and what it says, by `provider/model`. */
export interface ReadSource {
  readonly id: string
  readonly package: string
  readonly version: string
  readonly asOf: string
  readonly models: ReadonlyMap<string, SourcedModel>
}

export function keyOf(provider: string, model: string): string {
  return `${provider}/${model}`
}

/**
 * Micro-USD per million tokens from a price in USD per token (`tokens` = 1) or
 * USD per million tokens (`tokens` = 1_000_000). Binary noise is rounded away;
 * what is truly finer than a micro-USD rounds up. Undefined for zero and for
 * what is no number: neither source tells a free part from an unknown one.
 */
export function microUsd(value: unknown, tokens: 1 | 1_000_000): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value === 0) return undefined
  const exact = Number((value * (1_000_000_000_000 / tokens)).toPrecision(12))
  return Math.ceil(exact)
}

/** Nano-USD from USD by the piece; undefined as in `microUsd`. */
export function nanoUsd(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value === 0) return undefined
  return Math.ceil(Number((value * 1_000_000_000).toPrecision(12)))
}

/** A positive integer, or undefined. */
export function limit(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0
    ? number
    : undefined
}

/** Drops the absent fields, so that what is written has only what is known. */
export function defined<T extends object>(fields: {
  readonly [K in keyof T]: T[K] | undefined
}): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}
