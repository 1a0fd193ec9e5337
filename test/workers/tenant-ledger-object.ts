import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { loadLedger } from '../../durable-objects/tenant-ledger/ledger.ts'
import { nanoUsd, zeroNanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import {
  ledgerNamespace,
  type LedgerPlace,
  type ObjectNamespace,
} from '../../durable-objects/tenant-ledger/place.ts'
import type {
  Answer,
  Ask,
  AttemptLine,
  ExchangeReply,
  Granted,
  LeaseId,
  Statement,
} from '../../durable-objects/tenant-ledger/protocol.ts'
import type { TenantLedgerRpc } from '../../durable-objects/tenant-ledger/rpc.ts'
import type { BudgetRow, LimitRow, LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { LedgerStorage } from '../../durable-objects/tenant-ledger/storage.ts'
import {
  tenantLedgerStub,
  type TenantLedgerStub,
} from '../../durable-objects/tenant-ledger/stub.ts'
import { ledgerWorld } from './tenant-ledger-world.ts'
import type { TenantLedger } from './worker.ts'

export const namespace = env.TENANT_LEDGER as unknown as ObjectNamespace<
  TenantLedgerRpc & DurableObjectStub<TenantLedger>
>

export const local = { local: true }

export const n = nanoUsd

export const actor = 'ops'

let ledgers = 0

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

export function line(amount: number, more: Partial<AttemptLine> = {}): AttemptLine {
  attempts += 1
  return {
    number: 1,
    attemptId: `attempt ${attempts}`,
    requestId: `request ${attempts}`,
    route: 'chat',
    target: 'model@acme',
    servedModel: null,
    priceVersion: 'v1',
    usage: { inputTokens: 3, outputTokens: 5 },
    worstNanoUsd: n(amount),
    amountNanoUsd: n(amount),
    basis: 'exact',
    atMs: 0,
    ...more,
  }
}

/** A ledger that no other test has used, and what tests do with it. */
export class TestLedger {
  readonly place: LedgerPlace
  readonly stub: TenantLedgerStub
  #asks = 0

  constructor(place: Partial<LedgerPlace> = {}) {
    ledgers += 1
    this.place = { tenantId: `t${ledgers}`, region: 'weur', jurisdiction: null, ...place }
    this.stub = tenantLedgerStub(namespace, this.place, local)
  }

  /** Not the one of before: an object that was aborted takes its stubs along. */
  get raw(): TenantLedgerRpc & DurableObjectStub<TenantLedger> {
    const { name, placed } = ledgerNamespace(namespace, this.place, local)
    return placed.get(placed.idFromName(name))
  }

  async configure(budgets: readonly BudgetRow[], limits: readonly LimitRow[] = []): Promise<this> {
    const { refused } = await this.stub.configure({ budgets, limits, actor })
    if (refused !== null) throw new Error(refused)
    return this
  }

  exchange(
    statements: readonly Statement[] = [],
    asks: readonly Ask[] = [],
    holder = 'i1',
  ): Promise<ExchangeReply> {
    return this.stub.exchange({ holder, statements, asks })
  }

  async ask(ask: Ask, holder?: string): Promise<Answer> {
    const { answers } = await this.exchange([], [ask], holder)
    const [answer] = answers
    if (answer === undefined) throw new Error('no answer')
    return answer
  }

  holdAsk(worst: number): Ask & { readonly kind: 'hold' } {
    this.#asks += 1
    const askId = `ask ${this.#asks}`
    return {
      kind: 'hold',
      askId,
      scopes: ['tenant'],
      worstNanoUsd: n(worst),
      leastNanoUsd: n(worst),
      tokens: 1,
    }
  }

  async hold(worst: number): Promise<Granted> {
    return granted(await this.ask(this.holdAsk(worst)))
  }

  async lease(want: number): Promise<Granted> {
    this.#asks += 1
    return granted(
      await this.ask({
        kind: 'grant',
        askId: `ask ${this.#asks}`,
        scopes: ['tenant'],
        wantNanoUsd: n(want),
        leastNanoUsd: n(1),
        units: { requests: 1, tokens: 1, slots: 1 },
      }),
    )
  }

  post(leaseId: LeaseId, of: AttemptLine): Promise<ExchangeReply> {
    return this.exchange([{ kind: 'post', leaseId, line: of }])
  }

  /** A hold of what it costs, and its line. */
  async spend(amount: number, more: Partial<AttemptLine> = {}): Promise<AttemptLine> {
    const { leaseId } = await this.hold(amount)
    const posted = line(amount, more)
    await this.post(leaseId, posted)
    return posted
  }

  async budget(id = 'b') {
    const { budgets } = await this.stub.budgets()
    return budgets.find(({ budgetId }) => budgetId === id)
  }

  async allLines(pageOf = 500): Promise<readonly LineRow[]> {
    const all: LineRow[] = []
    let cursor: string | null = null
    do {
      const page = await this.stub.lines({
        fromMs: 0,
        toMs: Number.MAX_SAFE_INTEGER,
        cursor,
        limit: pageOf,
      })
      all.push(...page.lines)
      cursor = page.nextCursor
    } while (cursor !== null)
    return all
  }

  alarmAtMs(): Promise<number | null> {
    return this.inside((_object, { storage }) => storage.getAlarm())
  }

  /** Lets time pass to when the alarm is set for, and rings it. */
  async ring(): Promise<void> {
    const dueMs = await this.alarmAtMs()
    if (dueMs === null) throw new Error('no alarm is set')
    ledgerWorld.nowMs = Math.max(ledgerWorld.nowMs, dueMs)
    if (!(await runDurableObjectAlarm(this.raw))) throw new Error('no alarm is set')
  }

  /** Lets `ms` pass, and rings whenever an alarm is set for a moment in it. */
  async pass(ms: number): Promise<void> {
    const untilMs = ledgerWorld.nowMs + ms
    for (;;) {
      const dueMs = await this.alarmAtMs()
      if (dueMs === null || dueMs > untilMs) break
      await this.ring()
      await this.idle()
    }
    ledgerWorld.nowMs = untilMs
  }

  idle(): Promise<void> {
    return this.inside((object) => object.idle())
  }

  /** What storage holds, read as a new object would. */
  stored() {
    return this.inside((_object, { storage }) => {
      const rows = new LedgerStorage(storage).rows()
      return loadLedger(ledgerWorld.settings.ledger, rows).tables
    })
  }

  /** Every record of a table, as it lies there. */
  records(table: string): Promise<readonly Record<string, SqlStorageValue>[]> {
    return this.inside((_object, { storage }) =>
      storage.sql.exec(`SELECT * FROM "${table}" ORDER BY id`).toArray(),
    )
  }

  /** Zero also when there is no such table yet. */
  count(table: string): Promise<number> {
    return this.inside((_object, { storage: { sql } }) => {
      const tables = sql.exec('SELECT name FROM sqlite_master WHERE name = ?', table).toArray()
      if (tables.length === 0) return 0
      return Number(sql.exec(`SELECT count(*) AS count FROM "${table}"`).one()['count'])
    })
  }

  inside<Result>(
    work: (object: TenantLedger, state: DurableObjectState) => Result | Promise<Result>,
  ): Promise<Result> {
    return runInDurableObject(this.raw as unknown as DurableObjectStub<TenantLedger>, work)
  }

  evict(): Promise<void> {
    return evictDurableObject(this.raw)
  }

  abort(): Promise<void> {
    return abortAllDurableObjects()
  }
}

export function granted(answer: Answer): Granted {
  if (answer.kind !== 'granted') throw new Error(`denied: ${answer.reason}`)
  return answer
}

export const fault = new Error('the disk is gone')

/** Counts what is written, and lets the statement of this number fail. */
export async function failAt(ledger: TestLedger, number: number): Promise<() => Promise<void>> {
  let count = 0
  await ledger.inside((_object, { storage }) => {
    const { sql } = storage
    sql.exec = ((query: string, ...bindings: unknown[]) => {
      if (!query.startsWith('SELECT')) {
        count += 1
        if (count === number) throw fault
      }
      return (Object.getPrototypeOf(sql) as SqlStorage).exec.call(sql, query, ...bindings)
    }) as SqlStorage['exec']
  })
  return () =>
    ledger.inside((_object, { storage }) => void Reflect.deleteProperty(storage.sql, 'exec'))
}
