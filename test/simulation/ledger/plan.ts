import { type NanoUsd, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { BudgetRow, LimitRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import {
  defaultLedgerSettings,
  type LedgerSettings,
} from '../../../durable-objects/tenant-ledger/settings.ts'
import {
  defaultHolderSettings,
  type HolderSettings,
} from '../../../worker/edge/ledger/lease-holder.ts'
import type { Random } from '../kernel/random.ts'

/** What one seed does: which faults there are, how much money, how much traffic. */
export interface LedgerPlan {
  readonly ledger: LedgerSettings
  readonly holder: HolderSettings
  readonly budgets: readonly BudgetRow[]
  readonly limits: readonly LimitRow[]
  readonly keys: readonly [string, ...string[]]
  readonly isolates: number
  readonly requestEveryMs: number
  readonly largestWorst: number
  readonly longestStreamMs: number
  readonly unknownShare: number
  readonly overrunShare: number
  readonly patienceTurns: number
  readonly dropShare: number
  readonly doubleShare: number
  readonly longestDelayMs: number
  readonly deathEveryMs: number
  readonly leaveEveryMs: number
  readonly evictEveryMs: number
  /** Of exchanges: the object dies before their write is stored. */
  readonly unstoredShare: number
  readonly restoreEveryMs: number
  /** Restores read on from it. Otherwise somebody has a copy of some of what was written. */
  readonly hasJournal: boolean
  /** Of restores with a journal: everything is sent before. */
  readonly plannedShare: number
  readonly freezeEveryMs: number
  readonly adminEveryMs: number
  readonly maxSkewMs: number
  /** Requests of a pinned tenant, each run by an object of its own. */
  readonly pinnedEveryMs: number
}

/** Each fault is there or not (swarm testing): what always happens together is never seen alone. */
export function drawPlan(random: Random): LedgerPlan {
  const often = (share: number, value: number, otherwise = Infinity): number =>
    random.chance(share) ? value : otherwise
  const restoreEveryMs = often(0.25, 90_000)
  const isBounded = restoreEveryMs === Infinity && random.chance(0.25)
  const scale = 10 ** random.below(4)
  const forgets = restoreEveryMs === Infinity && random.chance(0.5)
  const keys = ['a', 'b', 'c'] as const
  return {
    ledger: {
      ...defaultLedgerSettings,
      leaseTtlMs: 20_000,
      leaseValidMs: 15_000,
      leaseValidMinMs: 2000,
      longestStreamMs: 30_000,
      // Restores rebuild the books from the rows, which must all be there.
      rememberMs: forgets ? 60_000 : 100_000_000,
      // Isolates stand still for a minute, and say again then what they were not told the end of.
      rememberBookedMs: forgets ? 240_000 : 100_000_000,
      marginMinNanoUsd: 50 as NanoUsd,
      lostPolicy: isBounded ? { boundedBasisPoints: 500 } : 'strict',
      grantBasisPoints: random.chance(0.3) ? 10_000 : 2500,
      syncGrants: random.chance(0.3) ? 1 : 8,
    },
    holder: {
      ...defaultHolderSettings,
      averageMs: 10_000,
      killVersionMs: 10_000,
      leaseRequestsPerS: random.chance(0.2) ? Infinity : 0.2,
    },
    budgets: drawBudgets(random, scale),
    limits: drawLimits(random),
    keys,
    isolates: 1 + random.below(6),
    requestEveryMs: random.between(100, 800),
    largestWorst: random.chance(0.2) ? 200 : 30,
    longestStreamMs: random.between(500, 15_000),
    unknownShare: often(0.7, 0.2, 0),
    overrunShare: often(0.15, 0.03, 0),
    patienceTurns: 1 + random.below(4),
    dropShare: often(0.7, random.between(0, 0.3), 0),
    doubleShare: often(0.7, random.between(0, 0.3), 0),
    longestDelayMs: random.chance(0.5) ? 50 : random.between(50, 8000),
    deathEveryMs: often(0.6, 30_000),
    leaveEveryMs: often(0.6, 30_000),
    evictEveryMs: often(0.6, 20_000),
    unstoredShare: often(0.5, 0.05, 0),
    restoreEveryMs,
    // Of its own chance: the histories of other seeds stay what they were.
    hasJournal: random.fork('journal').chance(0.6),
    plannedShare: 0.4,
    freezeEveryMs: often(0.4, 40_000),
    adminEveryMs: often(0.6, 15_000),
    maxSkewMs: often(0.5, 3_600_000, 0),
    // Of its own chance, as above.
    pinnedEveryMs: random.fork('pinned').chance(0.6) ? 3000 : Infinity,
  }
}

function budget(id: string, more: Partial<BudgetRow>): BudgetRow {
  return {
    id,
    scope: 'tenant',
    period: 'total',
    zone: 'UTC',
    capNanoUsd: 1000 as NanoUsd,
    mode: 'hard',
    thresholds: [],
    failOpenNanoUsd: zeroNanoUsd,
    ...more,
  }
}

const warns = [
  { basisPoints: 5000, action: 'warn' },
  { basisPoints: 8000, action: 'degrade' },
] as const

function drawBudgets(random: Random, scale: number): readonly BudgetRow[] {
  const cap = (): NanoUsd => ((200 + random.below(2000)) * scale) as NanoUsd
  const all: readonly (BudgetRow | null)[] = [
    random.chance(0.8) ? budget('tenant-total', { capNanoUsd: cap(), thresholds: warns }) : null,
    random.chance(0.5) ? budget('tenant-hour', { period: 'hour', capNanoUsd: cap() }) : null,
    random.chance(0.5)
      ? budget('tenant-day', { period: 'day', zone: 'America/St_Johns', capNanoUsd: cap() })
      : null,
    random.chance(0.5) ? budget('key-a', { scope: 'key:a', capNanoUsd: cap() }) : null,
    random.chance(0.3)
      ? budget('key-b', {
          scope: 'key:b',
          mode: 'soft',
          capNanoUsd: cap(),
          failOpenNanoUsd: 100 as NanoUsd,
          thresholds: [{ basisPoints: 10_000, action: 'block' }],
        })
      : null,
    random.chance(0.4)
      ? budget('search', { scope: 'tag:feature=search', period: 'week', capNanoUsd: cap() })
      : null,
  ]
  const drawn = all.filter((one) => one !== null)
  if (random.chance(0.15)) return drawn.map((one) => ({ ...one, ...soft }))
  return drawn
}

const soft = { mode: 'soft', failOpenNanoUsd: 200 as NanoUsd } as const

function drawLimits(random: Random): readonly LimitRow[] {
  if (!random.chance(0.3)) return []
  return [
    {
      id: 'rpm',
      scope: 'tenant',
      kind: 'requests',
      limit: 60 + random.below(200),
      windowMs: 60_000,
    },
    { id: 'tpm', scope: 'key:b', kind: 'tokens', limit: 2000, windowMs: 30_000 },
    { id: 'slots', scope: 'key:a', kind: 'concurrency', limit: 2 + random.below(6), windowMs: 0 },
  ]
}
