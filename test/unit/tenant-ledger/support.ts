import {
  emptyLedger,
  type LedgerEffect,
  type LedgerEvent,
  type LedgerState,
  loadLedger,
  rowsOf,
  step,
} from '../../../durable-objects/tenant-ledger/ledger.ts'
import { type NanoUsd, nanoUsd, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type {
  Answer,
  Ask,
  AttemptLine,
  ExchangeReply,
  Granted,
  LeaseId,
  ScopeId,
  Statement,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import type {
  AccountRow,
  BudgetRow,
  LeaseRow,
  LimitRow,
  LineRow,
  RowChange,
} from '../../../durable-objects/tenant-ledger/rows.ts'
import {
  defaultLedgerSettings,
  type LedgerSettings,
} from '../../../durable-objects/tenant-ledger/settings.ts'
import { BookKeeper } from '../../simulation/ledger/book-keeper.ts'
import { Truth } from '../../simulation/ledger/truth.ts'

/** Noon of a Friday in the middle of a month. */
export const startMs = Date.UTC(2027, 0, 15, 12)

export const n = nanoUsd

export function budget(id: string, more: Partial<BudgetRow> = {}): BudgetRow {
  return {
    id,
    scope: 'tenant',
    period: 'total',
    zone: 'UTC',
    capNanoUsd: n(1000),
    mode: 'hard',
    thresholds: [],
    failOpenNanoUsd: zeroNanoUsd,
    ...more,
  }
}

let attempts = 0

export function line(number: number, amount: number, worst = amount): AttemptLine {
  attempts += 1
  return {
    number,
    attemptId: `attempt ${attempts}`,
    requestId: 'request',
    route: 'chat',
    target: 'model@acme',
    servedModel: null,
    priceVersion: 'v1',
    usage: { inputTokens: 1, outputTokens: 1 },
    worstNanoUsd: n(worst),
    amountNanoUsd: n(amount),
    basis: 'exact',
    atMs: 0,
  }
}

/** A truth that believes every line: the tests here say themselves what was billed. */
class Believed extends Truth {
  override readonly attempts = {
    has: () => true,
    get: () => ({ leaseId: '', surprise: 0, isTold: false, isUnknown: false }),
  } as unknown as Truth['attempts']
}

/** A ledger with its books kept beside it: every step is checked against I1 to I5, I13 to I16 and I23. */
export class Ledger {
  state: LedgerState
  nowMs = startMs
  effects: readonly LedgerEffect[] = []
  readonly lines: LineRow[] = []
  readonly books: BookKeeper
  #asks = 0
  #backup: readonly RowChange[] = []
  #journal: (readonly RowChange[])[] = []

  constructor(
    budgets: readonly BudgetRow[] = [budget('b')],
    limits: readonly LimitRow[] = [],
    settings: Partial<LedgerSettings> = {},
  ) {
    const all = { ...defaultLedgerSettings, marginMinNanoUsd: n(5), ...settings }
    this.state = emptyLedger(all)
    this.books = new BookKeeper(new Believed(), all.lostPolicy !== 'strict')
    this.take({ kind: 'configure', budgets, limits })
  }

  take(event: LedgerEvent): readonly LedgerEffect[] {
    this.effects = step(this.state, event, this.nowMs).effects
    this.books.adoptedNanoUsd = 0
    for (const effect of this.effects)
      if (effect.kind === 'alert' && effect.code === 'lease_adopted')
        this.books.adoptedNanoUsd += effect.amountNanoUsd
    if (event.kind === 'release')
      for (const { amountNanoUsd } of event.billed ?? []) this.books.adoptedNanoUsd += amountNanoUsd
    for (const effect of this.effects) {
      if (effect.kind !== 'write') continue
      this.#journal.push(effect.changes)
      if (event.kind !== 'restored') this.books.step(effect.changes)
      for (const change of effect.changes) if (change.table === 'lines') this.lines.push(change.row)
    }
    return this.effects
  }

  backUp(): void {
    const lines = this.lines.map((row): RowChange => ({ table: 'lines', id: row.id, row }))
    this.#backup = [...rowsOf(this.state), ...lines]
    this.#journal = []
  }

  /** Back to the backup, with so many of the transactions since. */
  restore(transactions: number, epoch = 7): void {
    const journal = this.#journal.slice(0, transactions)
    const isComplete = journal.length === this.#journal.length
    this.state = loadLedger(this.state.settings, this.#backup)
    this.lines.length = 0
    for (const change of this.#backup) if (change.table === 'lines') this.lines.push(change.row)
    this.take({ kind: 'restored', epoch, journal, isComplete })
    this.books.restart(rowsOf(this.state), this.lines)
  }

  after(ms: number): this {
    this.nowMs += ms
    return this
  }

  tick(afterMs: number): this {
    this.after(afterMs).take({ kind: 'tick' })
    return this
  }

  exchange(
    statements: readonly Statement[],
    asks: readonly Ask[] = [],
    holder = 'i1',
  ): ExchangeReply {
    this.take({ kind: 'exchange', exchange: { holder, statements, asks } })
    const reply = this.effects.find((effect) => effect.kind === 'reply')
    if (reply?.kind !== 'reply') throw new Error('no reply')
    return reply.reply
  }

  ask(ask: Ask, holder = 'i1'): Answer {
    const [answer] = this.exchange([], [ask], holder).answers
    if (answer === undefined) throw new Error('no answer')
    return answer
  }

  hold(worst: number, more: Partial<Ask & { kind: 'hold' }> = {}): Answer {
    return this.ask(this.holdAsk(worst, more))
  }

  holdAsk(worst: number, more: Partial<Ask & { kind: 'hold' }> = {}): Ask {
    this.#asks += 1
    return {
      kind: 'hold',
      askId: `i1-${this.#asks}`,
      scopes: ['tenant'],
      worstNanoUsd: n(worst),
      leastNanoUsd: more.worstNanoUsd ?? n(worst),
      tokens: 1,
      ...more,
    }
  }

  grant(
    want: number,
    least = 1,
    more: { scopes?: readonly ScopeId[]; holder?: string; units?: Ask & object } | object = {},
  ): Answer {
    const {
      scopes = ['tenant'],
      holder = 'i1',
      units,
    } = more as {
      scopes?: readonly ScopeId[]
      holder?: string
      units?: { requests: number; tokens: number; slots: number }
    }
    this.#asks += 1
    const askId = `${holder}-g${this.#asks}`
    return this.ask(
      {
        kind: 'grant',
        askId,
        scopes,
        wantNanoUsd: n(want),
        leastNanoUsd: n(least),
        units: units ?? { requests: 1, tokens: 1, slots: 1 },
      },
      holder,
    )
  }

  /** A granted lease; throws when it is denied. */
  lease(want: number, least = 1, more: object = {}): Granted {
    return granted(this.grant(want, least, more))
  }

  say(
    kind: 'report' | 'seal' | 'close',
    leaseId: LeaseId,
    spent: number,
    held = 0,
    lines: readonly AttemptLine[] = [],
    sequence = 1,
  ): ExchangeReply {
    return this.exchange([statement(kind, leaseId, spent, held, lines, sequence)])
  }

  post(leaseId: LeaseId, amount: number, worst = amount): ExchangeReply {
    return this.exchange([{ kind: 'post', leaseId, line: line(1, amount, worst) }])
  }

  account(id = 'b'): AccountRow {
    const found = [...this.state.tables.accounts.values()].findLast(
      ({ budgetId }) => budgetId === id,
    )
    if (found === undefined) throw new Error(`no account of ${id}`)
    return found
  }

  row(id: LeaseId): LeaseRow {
    const found = this.state.tables.leases.get(id)
    if (found === undefined) throw new Error(`no lease ${id}`)
    return found
  }

  alerts(): readonly string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'alert' ? [effect.code] : []))
  }
}

export function statement(
  kind: 'report' | 'seal' | 'close',
  leaseId: LeaseId,
  spent: number,
  held = 0,
  lines: readonly AttemptLine[] = [],
  sequence = 1,
): Statement {
  return { kind, leaseId, sequence, spentNanoUsd: n(spent), heldNanoUsd: n(held), lines }
}

export function granted(answer: Answer): Granted {
  if (answer.kind !== 'granted') throw new Error(`denied: ${answer.reason}`)
  return answer
}

export function amounts(lines: readonly LineRow[]): readonly (readonly [string, NanoUsd])[] {
  return lines.map(({ kind, amountNanoUsd }) => [kind, amountNanoUsd])
}
