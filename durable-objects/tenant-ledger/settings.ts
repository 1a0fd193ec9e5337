import { type NanoUsd, nanoUsd } from './money.ts'

/** Every number of the ledger's rules, with its unit; `defaultLedgerSettings` has the values of the specification. */
export interface LedgerSettings {
  /** A lease that was not sealed by then is lost: it stays charged. */
  readonly leaseTtlMs: number
  /** The holder stops admitting so long after sending its ask. */
  readonly leaseValidMs: number
  /** A lease that begins shortly before its period ends lives at least so long. */
  readonly leaseValidMinMs: number
  /** The longest an attempt may run: holds and sealed leases are lost after it, and a restore freezes for it. */
  readonly longestStreamMs: number
  /** The largest slice of what is left that one grant may take. */
  readonly grantBasisPoints: number
  /** Below so many times the least useful grant, or this share of the cap, requests hold one by one. */
  readonly syncGrants: number
  readonly syncBasisPoints: number
  /** The largest lease where nothing hard limits it. */
  readonly largestGrantNanoUsd: NanoUsd
  /** Kept free of an account in which an attempt cost more than its worst case. */
  readonly marginBasisPoints: number
  readonly marginMinNanoUsd: NanoUsd
  /** Never more than this of the cap, so that one odd bill does not shut a small budget. */
  readonly marginMostBasisPoints: number
  /** How long the same ask gets the same lease, and how long a closed lease is remembered. */
  readonly rememberMs: number
  /**
   * How long the same booking is booked once. An isolate that nobody asks stands still, and says again what it was not
   * told the end of when somebody does.
   */
  readonly rememberBookedMs: number
  /** When what others hold may have come back. */
  readonly reservedRetryMs: number
  readonly slotRetryMs: number
  /** `strict`: a lost lease stays charged until somebody proves less. `bounded`: what was not reported comes back, up to a share of the cap. */
  readonly lostPolicy: 'strict' | { readonly boundedBasisPoints: number }
  /** Parts of a rate window; counts leave it one part at a time. */
  readonly windowParts: number
  /** Accounts and lost leases are forgotten so long after the end of their period. */
  readonly keepEndedMs: number
  readonly sweepEveryMs: number
  readonly maxStatements: number
  readonly maxAsks: number
  readonly maxScopes: number
}

export const defaultLedgerSettings: LedgerSettings = {
  leaseTtlMs: 60_000,
  leaseValidMs: 45_000,
  leaseValidMinMs: 5000,
  longestStreamMs: 900_000,
  grantBasisPoints: 2500,
  syncGrants: 8,
  syncBasisPoints: 200,
  largestGrantNanoUsd: nanoUsd(100_000_000_000),
  marginBasisPoints: 50,
  marginMinNanoUsd: nanoUsd(50_000_000),
  marginMostBasisPoints: 1000,
  rememberMs: 600_000,
  rememberBookedMs: 86_400_000,
  reservedRetryMs: 2000,
  slotRetryMs: 1000,
  lostPolicy: 'strict',
  windowParts: 6,
  keepEndedMs: 40 * 86_400_000,
  sweepEveryMs: 600_000,
  maxStatements: 512,
  maxAsks: 64,
  maxScopes: 32,
}
