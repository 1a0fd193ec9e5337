import { nanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import { usdText } from '../edge/ledger/headers.ts'

/** Exact, with at least two decimals, and a sign where something is taken back: `12.50`, `-0.000123456`. */
export function usdOf(amountNanoUsd: number): string {
  const text = usdText(nanoUsd(Math.abs(amountNanoUsd)))
  return amountNanoUsd < 0 ? `-${text}` : text
}

/** RFC 3339, in UTC. */
export function timeOf(atMs: number): string {
  return new Date(atMs).toISOString()
}

export function timeOrNull(atMs: number | null): string | null {
  return atMs === null ? null : timeOf(atMs)
}
