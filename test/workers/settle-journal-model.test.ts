import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Granted } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { TestLedger as Ledger } from './tenant-ledger-object.ts'
import { actor, budget, line, n, TestLedger } from './tenant-ledger-object.ts'
import {
  databaseOf,
  type Database,
  JournalPost,
  pointInTime,
  rollBack,
} from './settle-journal-world.ts'
import { beginningMs, ledgerWorld } from './tenant-ledger-world.ts'

/** `LEDGER_SEED` repeats a run, `LEDGER_RUNS` makes it longer (`vitest.config.ts`). */
const given = env as unknown as Readonly<Record<'LEDGER_SEED' | 'LEDGER_RUNS', string>>
const runs = Number(given.LEDGER_RUNS || 12)
// What comes about how often is chance: nothing at all, in one run of a thousand.
const seed = Number(given.LEDGER_SEED || 20_261_126)

type Happening =
  | {
      readonly kind: 'hold' | 'lease' | 'close' | 'report'
      readonly of: number
      readonly cost: number
    }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'evict' | 'abort' | 'back up' | 'arrive' }
  | { readonly kind: 'network'; readonly fault: 'isAway' | 'losesAnswers' | 'doubles' | null }
  | { readonly kind: 'rewind' | 'roll back' }

const money = fc.record({
  kind: fc.constantFrom('hold', 'lease', 'close', 'report'),
  of: fc.nat(20),
  cost: fc.integer({ min: 1, max: 30 }),
})
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: money },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.constantFrom(1000, 70_000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('evict', 'abort', 'back up', 'arrive') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('network'),
      fault: fc.constantFrom('isAway', 'losesAnswers', 'doubles', null),
    }),
  },
)

const some = fc.array(happening, { maxLength: 12, size: 'max' })
const goingBack: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom('rewind', 'roll back', 'roll back'),
})

/** At least one backup that is gone back to, and life behind that. */
const history: fc.Arbitrary<readonly Happening[]> = fc
  .tuple(some, some, goingBack, some, some, goingBack, some)
  .map(([first, second, back, third, fourth, again, last]) => [
    ...first,
    { kind: 'back up' },
    ...second,
    back,
    ...third,
    { kind: 'back up' },
    ...fourth,
    again,
    ...last,
  ])

/** What of a ledger was in its journal when it was last known to be all there. */
interface Settled {
  readonly spent: number
  readonly lines: readonly string[]
}

interface Held {
  readonly lease: Granted
  spent: number
  number: number
}

/** A ledger, its journal, and what must not be lost. */
class History {
  readonly ledger: Ledger = new TestLedger()
  readonly post = new JournalPost().install()
  readonly held: Held[] = []
  readonly seen: Record<'read on' | 'rewound' | 'released', number>
  #backup: Database | null = null
  #settled: Settled = { spent: 0, lines: [] }

  constructor(seen: History['seen']) {
    this.seen = seen
  }

  async begin(): Promise<void> {
    await this.ledger.configure([budget('b', { capNanoUsd: n(100_000) })])
    await this.#arrive()
  }

  async happen(one: Happening): Promise<void> {
    switch (one.kind) {
      case 'hold':
      case 'lease':
        return this.#ask(one.kind, one.cost)
      case 'close':
      case 'report':
        return this.#say(one.kind, one.of, one.cost)
      case 'pass':
        return this.ledger.pass(one.ms)
      case 'evict':
        // It has to be there.
        await this.ledger.stub.budgets()
        return this.ledger.evict()
      case 'abort':
        return this.ledger.abort()
      case 'back up':
        this.#backup = await databaseOf(this.ledger)
        // So that what it may be rewound to lies behind it.
        return ledgerWorld.pass(2)
      case 'arrive':
        return this.#arrive()
      case 'network':
        Object.assign(this.post, { isAway: false, losesAnswers: false, doubles: false })
        if (one.fault !== null) this.post[one.fault] = true
        return
      case 'rewind':
      case 'roll back':
        return this.#goBack(one.kind === 'rewind')
    }
  }

  async #ask(kind: 'hold' | 'lease', worst: number): Promise<void> {
    const { frozenForMs, budgets } = await this.ledger.stub.budgets()
    if (frozenForMs > 0 || budgets[0]?.isUncertain === true) return
    const lease = await (kind === 'hold' ? this.ledger.hold(worst) : this.ledger.lease(worst * 4))
    this.held.push({ lease, spent: 0, number: 0 })
  }

  async #say(kind: 'close' | 'report', of: number, cost: number): Promise<void> {
    const held = this.held[of % Math.max(1, this.held.length)]
    if (held === undefined) return
    const { leaseId, grantNanoUsd } = held.lease
    const amount = Math.min(cost, grantNanoUsd - held.spent)
    if (amount <= 0) return
    held.spent += amount
    held.number += 1
    await this.ledger.exchange([
      {
        kind,
        leaseId,
        sequence: held.number,
        spentNanoUsd: n(held.spent),
        heldNanoUsd: n(0),
        lines: [line(amount, { number: held.number })],
      },
    ])
    if (kind === 'close') this.held.splice(this.held.indexOf(held), 1)
  }

  /** Everything reaches the journal. */
  async #arrive(): Promise<void> {
    Object.assign(this.post, { isAway: false, losesAnswers: false, doubles: false })
    await this.ledger.idle()
    await this.ledger.pass(6000)
    await this.ledger.idle()
    const { journal } = await this.ledger.stub.budgets()
    expect(journal).toMatchObject({ pendingChanges: 0 })
    this.#settled = await this.#books()
  }

  async #books(): Promise<Settled> {
    const { spentNanoUsd = n(0) } = (await this.ledger.budget()) ?? {}
    const lines = await this.ledger.allLines()
    return { spent: spentNanoUsd, lines: lines.map(({ id }) => id) }
  }

  async #goBack(isPlanned: boolean): Promise<void> {
    const backup = this.#backup
    if (backup === null) return
    Object.assign(this.post, { isAway: false, losesAnswers: false, doubles: false })
    if (isPlanned) {
      await pointInTime(this.ledger)
      const before = await this.#books()
      const { refused } = await this.ledger.stub.rewind({ atMs: ledgerWorld.nowMs, actor })
      expect(refused).toBeNull()
      this.#settled = before
    }
    await rollBack(this.ledger, backup)
    const { epoch } = await this.ledger.stub.budgets()
    const after = await this.#books()
    // Nothing that was known to be in the journal is lost; what came after may be.
    expect(after.spent).toBeGreaterThanOrEqual(this.#settled.spent)
    expect(after.lines).toEqual(expect.arrayContaining([...this.#settled.lines]))
    if (isPlanned) expect(after).toEqual(this.#settled)
    if (epoch >= beginningMs) this.seen[isPlanned ? 'rewound' : 'read on'] += 1
    await this.checkBooks()
    await this.#unfreeze()
    this.#backup = null
  }

  async #unfreeze(): Promise<void> {
    const { frozenForMs, budgets } = await this.ledger.stub.budgets()
    if (budgets[0]?.isUncertain === true) this.seen.released += 1
    if (frozenForMs > 0) await this.ledger.pass(frozenForMs)
    await this.ledger.stub.release({ actor })
    this.held.length = 0
  }

  /** Sum of lines = budget movement, and an account is the sum of its open leases and its lines. */
  async checkBooks(): Promise<void> {
    const { accounts, leases } = await this.ledger.stored()
    const lines = await this.ledger.allLines(50)
    for (const account of accounts.values()) {
      const sum = lines
        .filter((row) => row.accounts.includes(account.id))
        .reduce(
          (all, { kind, amountNanoUsd }) => all + (kind === 'found' ? -1 : 1) * amountNanoUsd,
          0,
        )
      expect(account.postedNanoUsd + account.phantomNanoUsd).toBe(sum)
      const open = [...leases.values()]
        .filter(({ endedAtMs }) => endedAtMs === null)
        .reduce(
          (all, { limitNanoUsd, netNanoUsd }) =>
            all + Math.max(limitNanoUsd, netNanoUsd) - netNanoUsd,
          0,
        )
      expect(account.chargedNanoUsd).toBe(sum + open)
    }
  }
}

describe('a ledger with a journal, whose database goes back', () => {
  it('loses nothing that had arrived there, whatever becomes of messages and memory', async () => {
    const seen = { 'read on': 0, rewound: 0, released: 0 }
    console.log(`seed ${seed}, ${runs} histories`)
    await fc.assert(
      fc.asyncProperty(history, async (all) => {
        ledgerWorld.reset()
        const world = new History(seen)
        await world.begin()
        for (const one of all) await world.happen(one)
        await world.checkBooks()
      }),
      { seed, numRuns: runs },
    )
    console.log(JSON.stringify(seen))
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(0)
  }, 300_000)
})
