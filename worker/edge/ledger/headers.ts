import { isNanoUsd, type NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { LimitKind, LimitStanding } from '../../../durable-objects/tenant-ledger/protocol.ts'

/** Of `Granted` and `Denied`: how a request's budgets and limits stand. */
export interface LedgerStanding {
  /** Of the tightest hard budget; null: there is none. */
  readonly remainingNanoUsd: NanoUsd | null
  readonly limits: readonly LimitStanding[]
}

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** What every answer says of money and limits. OpenAI's names and its way to write a duration, in every dialect. */
export function standingHeaders({ remainingNanoUsd, limits }: LedgerStanding): HeaderList {
  const headers: (readonly [string, string])[] = []
  if (remainingNanoUsd !== null)
    headers.push(['x-switchyard-budget-remaining-usd', usdText(remainingNanoUsd)])
  for (const kind of ['requests', 'tokens'] as const) {
    const tight = tightest(limits, kind)
    if (tight === null) continue
    headers.push(
      [`x-ratelimit-limit-${kind}`, String(tight.limit)],
      [`x-ratelimit-remaining-${kind}`, String(tight.remaining)],
      [`x-ratelimit-reset-${kind}`, resetText(tight.resetMs)],
    )
  }
  return headers
}

/** The one with the least left, and of those the one that takes longest: what a client has to mind. */
function tightest(limits: readonly LimitStanding[], kind: LimitKind): LimitStanding | null {
  let found: LimitStanding | null = null
  for (const limit of limits) {
    if (limit.kind !== kind) continue
    if (
      found === null ||
      limit.remaining < found.remaining ||
      (limit.remaining === found.remaining && limit.resetMs > found.resetMs)
    )
      found = limit
  }
  return found
}

/** `20ms`, `1s`, `1.5s`, `6m0s`, `1h0m0s`: as OpenAI writes it. Never shorter than it is. */
export function resetText(durationMs: number): string {
  const ms = Math.max(0, Math.ceil(durationMs))
  if (ms < 1000) return `${ms}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const restMs = ms % 60_000
  const fraction = String(restMs % 1000)
    .padStart(3, '0')
    .replace(/0+$/, '')
  const seconds = `${Math.floor(restMs / 1000)}${fraction === '' ? '' : `.${fraction}`}s`
  if (hours > 0) return `${hours}h${minutes}m${seconds}`
  return minutes > 0 ? `${minutes}m${seconds}` : seconds
}

/** Exact, with at least two decimals: `12.50`, `0.000123456`. Throws a `RangeError` for what is no amount. */
export function usdText(nanoUsd: NanoUsd): string {
  if (!isNanoUsd(nanoUsd)) throw new RangeError(`not an amount of nano-USD: ${String(nanoUsd)}`)
  const digits = String(nanoUsd).padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '').padEnd(2, '0')
  return `${digits.slice(0, -9)}.${fraction}`
}

/**
 * `cost` of a JSON answer: the number that is nearest to the exact decimal. Dividing by 10^9 gives the same, because
 * both are integers that a number holds and IEEE division rounds once.
 */
export function usdNumber(nanoUsd: NanoUsd): number {
  if (!isNanoUsd(nanoUsd)) throw new RangeError(`not an amount of nano-USD: ${String(nanoUsd)}`)
  return nanoUsd / 1_000_000_000
}
