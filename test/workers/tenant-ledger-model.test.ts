import { env } from 'cloudflare:workers'
import * as fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  emptyLedger,
  type LedgerEffect,
  type LedgerEvent,
  type LedgerState,
  step,
} from '../../durable-objects/tenant-ledger/ledger.ts'
import { logOf } from '../../durable-objects/tenant-ledger/log-of.ts'
import type {
  Ask,
  AttemptLine,
  Exchange,
  Granted,
  ScopeId,
  Statement,
} from '../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetRow, LimitRow, LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { standingNow } from '../../durable-objects/tenant-ledger/standing.ts'
import { actor, budget, line, n, TestLedger } from './tenant-ledger-object.ts'
import { dayMs, ledgerWorld } from './tenant-ledger-world.ts'

/** `LEDGER_SEED` repeats a run, `LEDGER_RUNS` makes it longer (`vitest.config.ts`). */
const given = env as unknown as Readonly<Record<'LEDGER_SEED' | 'LEDGER_RUNS', string>>
const runs = Number(given.LEDGER_RUNS || 12)
const seed = Number(given.LEDGER_SEED || Date.now() % 2 ** 31)

function beginAnew(): void {
  ledgerWorld.reset()
  // What the shell deletes the core knows nothing of.
  ledgerWorld.settings = { ...ledgerWorld.settings, keepLinesMs: Infinity }
}

beforeEach(beginAnew)

/** One thing that happens. Numbers choose among what there is when it does. */
type Happening =
  | { readonly kind: 'ask'; readonly by: number; readonly worst: number; readonly what: number }
  | { readonly kind: 'settle'; readonly of: number; readonly cost: number; readonly what: number }
  | { readonly kind: 'both'; readonly of: number; readonly cost: number; readonly what: number }
  | { readonly kind: 'again'; readonly of: number }
  | { readonly kind: 'configure'; readonly caps: number; readonly what: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'ring' }
  | { readonly kind: 'freeze' | 'thaw'; readonly of: number }
  | { readonly kind: 'reconcile'; readonly of: number; readonly cost: number }
  | { readonly kind: 'restore'; readonly isComplete: boolean }
  | { readonly kind: 'release' }

const small = fc.nat(7)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ask'),
      by: small,
      worst: fc.integer({ min: 1, max: 120 }),
      what: small,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('settle', 'both'),
      of: fc.nat(40),
      cost: fc.nat(150),
      what: small,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('again'), of: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('configure'), caps: fc.nat(2000), what: small }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pass'),
      ms: fc.constantFrom(1, 1000, 20_000, 61_000, 400_000, 1_000_000, 41 * dayMs, -30_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('ring') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('freeze', 'thaw'), of: small }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('reconcile'), of: fc.nat(40), cost: fc.nat(100) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore'), isComplete: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release') }) },
)

const scopes: readonly ScopeId[] = ['tenant', 'key:a', 'route:chat', 'tag:feature=search']

/** The pure core with the same inputs, and never out of memory. */
class Model {
  state: LedgerState = emptyLedger(ledgerWorld.settings.ledger)
  readonly lines = new Map<string, LineRow>()
  readonly log: unknown[] = []

  take(event: LedgerEvent, by = ''): readonly LedgerEffect[] {
    const { state, effects } = step(this.state, event, ledgerWorld.nowMs)
    this.state = state
    for (const effect of effects)
      if (effect.kind === 'write')
        for (const change of effect.changes)
          if (change.table === 'lines' && !this.lines.has(change.id))
            this.lines.set(change.id, change.row)
    this.log.push(...logOf(effects, by))
    return effects
  }
}

interface Held {
  readonly lease: Granted
  readonly holder: string
  spent: number
  number: number
  sequence: number
  readonly lines: AttemptLine[]
}

/** The object and its model, and what happens to both. */
class Pair {
  readonly model = new Model()
  readonly ledger = new TestLedger()
  readonly held: Held[] = []
  readonly said: Exchange[] = []
  #asks = 0
  readonly #end: (ledger: TestLedger) => Promise<void>

  constructor(end: (ledger: TestLedger) => Promise<void>) {
    this.#end = end
  }

  async happen(one: Happening): Promise<void> {
    await this.#do(one)
    await this.#end(this.ledger)
    await this.compare()
  }

  async #do(one: Happening): Promise<void> {
    switch (one.kind) {
      case 'ask':
        return this.exchange({
          holder: `i${one.by % 3}`,
          statements: [],
          asks: [this.#ask(one.worst, one.what)],
        })
      case 'settle':
      case 'both': {
        const held = this.#pick(one.of)
        if (held === undefined) return
        const asks = one.kind === 'both' ? [this.#ask(one.cost + 1, one.what)] : []
        return this.exchange({
          holder: held.holder,
          statements: [sayOf(held, one.cost, one.what)],
          asks,
        })
      }
      case 'again': {
        const again = this.said[one.of % Math.max(1, this.said.length)]
        return again === undefined ? undefined : this.exchange(again)
      }
      case 'pass':
        return ledgerWorld.pass(one.ms)
      case 'ring':
        return this.#ring()
      default:
        return this.#administer(one)
    }
  }

  async #administer(
    one: Exclude<Happening, { kind: 'ask' | 'settle' | 'both' | 'again' | 'pass' | 'ring' }>,
  ): Promise<void> {
    const { stub } = this.ledger
    switch (one.kind) {
      case 'configure': {
        const { budgets, limits } = configuration(one.caps, one.what)
        const reply = await stub.configure({ budgets, limits, actor })
        return this.#refusal(reply, { kind: 'configure', budgets, limits })
      }
      case 'freeze': {
        const scope = scopes[one.of % scopes.length] ?? 'tenant'
        const reply = await stub.freeze({ scope, reason: 'frozen', actor })
        return this.#refusal(reply, { kind: 'kill', scope, reason: 'frozen' })
      }
      case 'thaw': {
        const scope = scopes[one.of % scopes.length] ?? 'tenant'
        return this.#refusal(await stub.thaw({ scope, actor }), { kind: 'revive', scope })
      }
      case 'reconcile': {
        const leaseId = this.#pick(one.of)?.lease.leaseId ?? '1.99'
        const finalNanoUsd = n(one.cost)
        const reply = await stub.reconcile({ leaseId, finalNanoUsd, actor })
        return this.#refusal(reply, { kind: 'reconcile', leaseId, finalNanoUsd, actor })
      }
      case 'restore': {
        const { isComplete } = one
        const reply = await stub.restore({ journal: [], isComplete, actor })
        const epoch = (await stub.budgets()).epoch
        return this.#refusal(reply, { kind: 'restored', epoch, journal: [], isComplete })
      }
      case 'release':
        return this.#refusal(await stub.release({ actor }), { kind: 'release', actor })
    }
  }

  #refusal(reply: unknown, event: LedgerEvent): void {
    const refused = this.model.take(event, actor).find((effect) => effect.kind === 'refused')
    expect(reply).toEqual({ refused: refused?.kind === 'refused' ? refused.reason : null })
  }

  async exchange(exchange: Exchange): Promise<void> {
    const reply = await this.ledger.stub.exchange(exchange)
    const effects = this.model.take({ kind: 'exchange', exchange })
    const expected = effects.find((effect) => effect.kind === 'reply')
    expect(reply).toEqual(expected?.kind === 'reply' ? expected.reply : null)
    this.said.push(exchange)
    for (const answer of reply.answers)
      if (
        answer.kind === 'granted' &&
        !this.held.some(({ lease }) => lease.leaseId === answer.leaseId)
      )
        this.held.push({
          lease: answer,
          holder: exchange.holder,
          spent: 0,
          number: 0,
          sequence: 0,
          lines: [],
        })
  }

  async #ring(): Promise<void> {
    if ((await this.ledger.alarmAtMs()) === null) return
    await this.ledger.ring()
    this.model.take({ kind: 'tick' })
  }

  #ask(worst: number, what: number): Ask {
    this.#asks += 1
    const common = {
      askId: `ask ${this.#asks}`,
      scopes: scopes.filter((_, index) => index === 0 || (what + index) % 3 === 0),
    }
    if (what % 2 === 0)
      return {
        kind: 'hold',
        ...common,
        worstNanoUsd: n(worst),
        leastNanoUsd: n(what === 0 ? 1 : worst),
        tokens: worst,
      }
    if (what === 7)
      return {
        kind: 'advance',
        ...common,
        wantNanoUsd: n(worst * 2),
        softNanoUsd: n(worst * 9),
        leastNanoUsd: n(1),
        tokens: worst,
      }
    const units = { requests: 1 + what, tokens: worst, slots: 1 }
    return {
      kind: 'grant',
      ...common,
      wantNanoUsd: n(worst * 4),
      leastNanoUsd: n(Math.ceil(worst / 8)),
      units,
    }
  }

  #pick(of: number): Held | undefined {
    return this.held[of % Math.max(1, this.held.length)]
  }

  async compare(): Promise<void> {
    const { state, lines } = this.model
    expect(await this.ledger.stub.budgets()).toEqual(standingNow(state, ledgerWorld.nowMs))
    expect(await this.ledger.stored()).toEqual(state.tables)
    expect(await this.ledger.count('lines')).toBe(lines.size)
    const soonest = Math.min(
      Infinity,
      ...[...state.index.open.values()].map(({ expiresAtMs }) => expiresAtMs),
    )
    expect((await this.ledger.alarmAtMs()) ?? Infinity).toBeLessThanOrEqual(soonest)
  }

  async compareBooks(): Promise<void> {
    const lines = await this.ledger.allLines(7)
    expect(new Map(lines.map((row) => [row.id, row]))).toEqual(this.model.lines)
    const sums = new Map<string, number>()
    for (const { accounts, kind, amountNanoUsd } of lines)
      for (const id of accounts)
        sums.set(id, (sums.get(id) ?? 0) + (kind === 'found' ? -amountNanoUsd : amountNanoUsd))
    for (const { id, postedNanoUsd, phantomNanoUsd } of this.model.state.tables.accounts.values())
      expect(sums.get(id) ?? 0, id).toBe(postedNanoUsd + phantomNanoUsd)
    const order = (log: readonly unknown[]) => log.map((entry) => JSON.stringify(entry)).toSorted()
    expect(order(ledgerWorld.log)).toEqual(order(this.model.log))
  }
}

/** Mostly what an honest holder says; sometimes the wrong number, or too much. */
function sayOf(held: Held, cost: number, what: number): Statement {
  const { leaseId, grantNanoUsd } = held.lease
  if (what === 7) return { kind: 'void', askId: held.lease.askId }
  held.sequence += 1
  held.number += 1
  const worst = Math.min(cost, Math.max(0, grantNanoUsd - held.spent))
  const one = line(what === 6 ? cost : worst, {
    number: held.number,
    worstNanoUsd: n(worst),
    ...(what === 5 && { isImpossible: true }),
    ...(what % 2 === 0 && { keyId: what === 2 ? 'b' : 'a' }),
  })
  held.lines.push(one)
  held.spent += Math.min(worst, one.amountNanoUsd)
  if (what === 4) return { kind: 'post', leaseId, line: one }
  const kind = (['report', 'report', 'seal', 'close'] as const)[what % 4] ?? 'report'
  const heldNanoUsd = n(kind === 'close' ? 0 : Math.max(0, grantNanoUsd - held.spent) >> 1)
  return {
    kind,
    leaseId,
    sequence: held.sequence,
    spentNanoUsd: n(held.spent),
    heldNanoUsd,
    lines: held.lines.slice(-3),
    ...(what === 1 && {
      adopt: { grantNanoUsd, accounts: held.lease.accounts, scopes: held.lease.scopes },
    }),
  }
}

function configuration(caps: number, what: number) {
  const budgets: readonly BudgetRow[] = [
    budget('all', { period: what % 2 === 0 ? 'total' : 'month', capNanoUsd: n(caps + 500) }),
    budget('key', { scope: 'key:a', period: 'hour', capNanoUsd: n(caps) }),
    budget('route', {
      scope: 'route:chat',
      period: 'day',
      mode: 'soft',
      capNanoUsd: n(caps >> 1),
      thresholds: [
        { basisPoints: 5000, action: 'warn' },
        { basisPoints: 10_000, action: what % 3 === 0 ? 'block' : 'clamp' },
      ],
    }),
  ]
  const limits: readonly LimitRow[] = [
    { id: 'rpm', scope: 'tenant', kind: 'requests', limit: 30, windowMs: 60_000 },
    { id: 'tpm', scope: 'key:a', kind: 'tokens', limit: 2000, windowMs: 60_000 },
    { id: 'slots', scope: 'route:chat', kind: 'concurrency', limit: 4, windowMs: 0 },
  ]
  return { budgets: budgets.slice(what >> 2), limits: limits.slice(what & 3) }
}

const endings = [
  ['never ends', async () => undefined],
  ['is evicted after every step', (ledger: TestLedger) => ledger.evict()],
  ['is aborted after every step', (ledger: TestLedger) => ledger.abort()],
] as const

describe('a ledger that', () => {
  it.each(endings)(
    '%s answers what the pure core answers, and stores what it holds',
    async (ending, end) => {
      let steps = 0
      console.log(`${ending}: seed ${seed}, ${runs} histories`)
      await fc.assert(
        fc.asyncProperty(fc.array(happening, { maxLength: 60, size: 'max' }), async (history) => {
          beginAnew()
          const pair = new Pair(end)
          await pair.happen({ kind: 'configure', caps: 1500, what: 0 })
          for (const one of history) await pair.happen(one)
          await pair.compareBooks()
          steps += history.length
        }),
        { seed, numRuns: runs },
      )
      console.log(`${ending}: ${steps} steps`)
    },
    300_000,
  )
})
