/**
 * The algebra of one lease (`reliability.md` 3.2), as functions of its row. A charge only falls on the holder's own
 * word, and falls to the same place in whatever order its words come; it rises only by what a provider billed beyond
 * its worst case. Time changes the state of a lease and never its charge.
 */
import { leastOf, minus, minusOrZero, mostOf, type NanoUsd, plus, zeroNanoUsd } from '../money.ts'
import type { AttemptLine } from '../protocol.ts'
import type { LeaseRow } from '../rows.ts'

type Fresh = Pick<
  LeaseRow,
  | 'id'
  | 'kind'
  | 'askId'
  | 'holder'
  | 'scopes'
  | 'accounts'
  | 'grantNanoUsd'
  | 'expiresAtMs'
  | 'limits'
  | 'units'
  | 'unitsAtMs'
  | 'killVersion'
>

/** A lease that nothing was said about: charged in full. */
export function newLease(fresh: Fresh): LeaseRow {
  return {
    ...fresh,
    state: 'active',
    limitNanoUsd: fresh.grantNanoUsd,
    netNanoUsd: zeroNanoUsd,
    overNanoUsd: zeroNanoUsd,
    phantomNanoUsd: zeroNanoUsd,
    lineCount: 0,
    reportedNanoUsd: null,
    sequence: 0,
    finalNanoUsd: null,
    refundedNanoUsd: zeroNanoUsd,
    cameBackNanoUsd: zeroNanoUsd,
    endedAtMs: null,
  }
}

/** What a lease counts for in its accounts: the provider has billed no more under it. */
export function chargeOf({ limitNanoUsd, netNanoUsd, overNanoUsd }: LeaseRow): NanoUsd {
  return plus(mostOf(limitNanoUsd, netNanoUsd), overNanoUsd)
}

/** Sum of its attempt lines. */
export function postedOf({ netNanoUsd, overNanoUsd }: LeaseRow): NanoUsd {
  return plus(netNanoUsd, overNanoUsd)
}

/** Charged beyond what was granted or promised, or given back too soon: somebody's bound was wrong. */
export function overrunOf(lease: LeaseRow): NanoUsd {
  const { limitNanoUsd, netNanoUsd, overNanoUsd, cameBackNanoUsd } = lease
  return plus(plus(minusOrZero(netNanoUsd, limitNanoUsd), cameBackNanoUsd), overNanoUsd)
}

/** Nothing more is expected: what is charged and not posted is in a `lost` line. */
export function isEnded({ endedAtMs }: LeaseRow): boolean {
  return endedAtMs !== null
}

/** Counts a line that is the next of the lease. */
export function withLine(lease: LeaseRow, line: AttemptLine): LeaseRow {
  const { amountNanoUsd, worstNanoUsd } = line
  return {
    ...lease,
    lineCount: line.number,
    netNanoUsd: plus(lease.netNanoUsd, leastOf(amountNanoUsd, worstNanoUsd)),
    overNanoUsd: plus(lease.overNanoUsd, minusOrZero(amountNanoUsd, worstNanoUsd)),
  }
}

/** The holder admits nothing more and says what it can still cost. */
export function sealed(lease: LeaseRow, boundNanoUsd: NanoUsd, expiresAtMs: number): LeaseRow {
  const limitNanoUsd = leastOf(lease.limitNanoUsd, boundNanoUsd)
  const moves = lease.state === 'active'
  return { ...lease, limitNanoUsd, ...(moves && { state: 'sealed', expiresAtMs }) }
}

/**
 * The holder, or somebody with proof, says what it cost. A refund of the bounded policy may turn out to have been
 * spent: then that comes back as an overrun, because it is the truth.
 */
export function closed(lease: LeaseRow, finalNanoUsd: NanoUsd, nowMs: number): LeaseRow {
  const cameBackNanoUsd = leastOf(
    minusOrZero(finalNanoUsd, lease.limitNanoUsd),
    lease.refundedNanoUsd,
  )
  return {
    ...lease,
    state: 'closed',
    limitNanoUsd: leastOf(plus(lease.limitNanoUsd, cameBackNanoUsd), finalNanoUsd),
    cameBackNanoUsd,
    finalNanoUsd,
    endedAtMs: nowMs,
  }
}

/** Not heard of again. It may have been spent, so nothing comes back. */
export function lost(lease: LeaseRow, nowMs: number): LeaseRow {
  return { ...lease, state: 'lost', endedAtMs: nowMs }
}

/** The bounded policy: what the holder had not reported is taken for unspent, up to `mostNanoUsd`. */
export function refunded(lease: LeaseRow, mostNanoUsd: NanoUsd): LeaseRow {
  const floor = mostOf(lease.reportedNanoUsd ?? lease.grantNanoUsd, lease.netNanoUsd)
  const back = leastOf(minusOrZero(lease.limitNanoUsd, floor), mostNanoUsd)
  return {
    ...lease,
    limitNanoUsd: minus(lease.limitNanoUsd, back),
    refundedNanoUsd: plus(lease.refundedNanoUsd, back),
  }
}

/** What an ended lease is charged and no attempt accounts for. */
export function phantomOf(lease: LeaseRow): NanoUsd {
  return isEnded(lease) ? minus(chargeOf(lease), postedOf(lease)) : zeroNanoUsd
}
