import { Background } from '../provider-health/background.ts'
import { sendAlert } from '../provider-health/webhook.ts'
import type { AccessChange } from './access/rows.ts'
import { type AccessState, applyAccess, keysDueMs } from './access/state.ts'
import { AccessStore } from './access-store.ts'
import {
  type AlertChange,
  type AlertRow,
  alertsDueMs,
  type AlertTurn,
  isLastTry,
  settled,
  tellAlerts,
} from './alert-rows.ts'
import { alertOfEffect, type AlertSource, type LedgerAlert } from './alerts.ts'
import type {
  LedgerComposition,
  LedgerLogEntry,
  LedgerObjectSettings,
  Variables,
} from './composition.ts'
import { type AccessNews, jointTurn, type JointTurn } from './joint-turn.ts'
import { type LedgerEffect, type LedgerEvent, type LedgerState, loadLedger } from './ledger.ts'
import { courierOf } from './journal-host.ts'
import type { JournalCourier } from './journal-courier.ts'
import { LineStore } from './line-store.ts'
import { logOf } from './log-of.ts'
import { pinnedLedgerName, readLedgerName } from './place.ts'
import type { RowChange } from './rows.ts'
import { LedgerStorage } from './storage.ts'
import { sweepAll } from './sweep-all.ts'
import { newSweep, nextSweepMs, type Sweeps } from './sweeps.ts'

/** An alarm that failed rings again after, ms. */
const alarmRetryMs = 10_000

/** Beside the tables: the ledger outside of a pinned tenant has none. */
const pinKey = 'pinned-to'

const platformClock = { nowMs: () => Date.now() }

/** What is read from the rows, and no more than that. */
export interface Memory {
  readonly state: LedgerState
  readonly alerts: Map<string, AlertRow>
  readonly access: AccessState
  readonly sweeps: Sweeps
  /** Of all answers that are kept; null before somebody asks, because every one is looked at. */
  storedBytes: number | null
}

/** One call, as the cores have decided it. */
export interface News {
  readonly events?: readonly LedgerEvent[]
  readonly access?: AccessNews
  /** What the answers that are kept grow by. */
  readonly storedBytes?: number
  /** Whose call it is, where the core does not know. */
  readonly actor?: string
  readonly alerts?: readonly LedgerAlert[]
}

const noAccess: AccessNews = { changes: [], effects: [] }

/** What lives as long as the object: memory, database, alarm, alerts on their way. Holds no rules. */
export class LedgerKeeper {
  source: AlertSource
  readonly settings: LedgerObjectSettings
  readonly #composition: LedgerComposition
  readonly #clock: NonNullable<LedgerComposition['clock']>
  readonly #platform: DurableObjectStorage
  readonly #storage: LedgerStorage
  readonly #lines: LineStore
  readonly #entries: AccessStore
  readonly #background: Background
  #isMigrated = false
  /** Null: what is stored is to be read again. */
  #memory: Memory | null = null
  /** For when the platform's alarm is set; Infinity for never. */
  #alarmAtMs = Infinity
  #pinnedTo: string | null
  /** Null: nothing is written down for a journal. */
  readonly courier: JournalCourier | null
  #isRewinding = false

  constructor(ctx: DurableObjectState, env: Variables, composition: LedgerComposition) {
    this.#composition = composition
    this.#clock = composition.clock ?? platformClock
    this.source = readLedgerName(ctx.id.name ?? '', ctx.id.jurisdiction)
    this.settings = composition.settingsOf(env)
    this.#platform = ctx.storage
    this.#pinnedTo = ctx.storage.kv.get<string>(pinKey) ?? null
    this.courier = courierOf(this, ctx, env, composition)
    this.#storage = new LedgerStorage(ctx.storage, this.courier?.outbox)
    this.#lines = new LineStore(ctx.storage.sql)
    this.#entries = new AccessStore(ctx.storage.sql)
    this.#background = new Background(
      (work) => ctx.waitUntil(work),
      (fault) => this.log({ event: 'ledger_fault', fault }),
    )
  }

  /** Before any call, and before an alarm. A ledger that was only asked about gets no tables. */
  async start(): Promise<void> {
    this.#alarmAtMs = (await this.#platform.getAlarm()) ?? Infinity
    if (this.isNew()) return
    this.called(this.memory().access.tenant?.tenantId)
    await this.courier?.prove()
    this.courier?.wake()
  }

  /** Where the tenant is pinned to, and this is the ledger outside: nothing but this word may be here. */
  get pinnedTo(): string | null {
    return this.#pinnedTo
  }

  /** Nobody has put, given or spent anything here. */
  isBlank(): boolean {
    if (this.isNew()) return true
    const { access, state } = this.memory()
    const { budgets, limits, leases, asks } = state.tables
    const used = [access.keys, budgets, limits, leases, asks].some(({ size }) => size > 0)
    return access.tenant === null && !used
  }

  pin(residency: string): void {
    this.#platform.kv.put(pinKey, residency)
    this.#pinnedTo = residency
  }

  /** A ledger inside a jurisdiction cannot read its tenant from its name. */
  called(tenantId: string | undefined): void {
    const { tenantId: known, jurisdiction } = this.source
    if (tenantId === undefined || tenantId === known || jurisdiction === null) return
    if (known !== pinnedLedgerName(tenantId))
      throw new Error('this is the ledger of another tenant')
    this.source = { tenantId, jurisdiction }
  }

  isNew(): boolean {
    return !this.#isMigrated && this.#storage.isNew()
  }

  #migrate(): void {
    if (this.#isMigrated) return
    this.#storage.migrate(this.nowMs())
    this.#isMigrated = true
  }

  get lines(): LineStore {
    this.#migrate()
    return this.#lines
  }

  get entries(): AccessStore {
    this.#migrate()
    return this.#entries
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  log(entry: LedgerLogEntry): void {
    this.#composition.log(this.source.tenantId, entry)
  }

  /** Behind the calls. */
  run(work: () => Promise<void>): void {
    this.#background.run(work)
  }

  /** When nothing runs behind the calls any more. */
  idle(): Promise<void> {
    return this.#background.idle()
  }

  memory(): Memory {
    this.#memory ??= this.#read()
    return this.#memory
  }

  #read(): Memory {
    const { ledger, access: settings } = this.settings
    const access = this.entries.load()
    return {
      state: loadLedger(ledger, this.#storage.rows()),
      alerts: new Map([...this.#storage.alerts()].map((row) => [row.id, row])),
      access,
      sweeps: {
        lines: newSweep(this.linesDueMs()),
        entries: newSweep(this.entries.entriesDueMs()),
        keys: newSweep(keysDueMs(access, settings)),
      },
      storedBytes: null,
    }
  }

  /** Asked for by the first answer that is to be kept. */
  storedBytes(): number {
    const memory = this.memory()
    memory.storedBytes ??= this.entries.storedBytes()
    return memory.storedBytes
  }

  /**
   * One call through the cores; when this returns, what it changed is stored. When it throws nothing is, and what is
   * in memory may be ahead of that: it is read again.
   */
  take(news: News): readonly LedgerEffect[] {
    if (this.pinnedTo !== null)
      throw new Error('the ledger of this tenant is inside its jurisdiction')
    if (this.#isRewinding) throw new Error('this ledger is about to be rewound')
    const { events = [], access = noAccess, actor = '', alerts = [] } = news
    const nowMs = this.nowMs()
    const memory = this.memory()
    try {
      const turn = jointTurn(memory.state, memory.access.keys, events, access, nowMs)
      const told = this.#alertsOf(memory, turn.effects, alerts, nowMs)
      this.#storage.write(turn.changes, told.changes, turn.access)
      this.#remember(memory, turn, told.changes, news.storedBytes ?? 0)
      for (const row of told.sending) this.run(() => this.#send(row))
      this.courier?.wake()
      for (const entry of logOf([...turn.effects, ...access.effects], actor)) this.log(entry)
      return turn.effects
    } catch (fault) {
      this.#forget()
      throw fault
    }
  }

  #forget(): void {
    this.#memory = null
    this.courier?.outbox.forget()
  }

  /** Rows that the journal has, past the cores; `known` belongs to the same transaction. */
  writeOn(changes: readonly RowChange[], known: () => void): void {
    this.#forget()
    this.#storage.writeOn(changes, known)
  }

  /** Nothing is written any more in this life. */
  beRewound(): void {
    this.#isRewinding = true
  }

  /** What was stored, in memory. */
  #remember(
    memory: Memory,
    { changes, access }: Pick<JointTurn, 'changes' | 'access'>,
    alerts: readonly AlertChange[],
    storedBytes: number,
  ): void {
    const { sweeps } = memory
    for (const { id, row } of alerts)
      if (row === null) memory.alerts.delete(id)
      else memory.alerts.set(id, row)
    for (const { table, row } of changes)
      if (table === 'lines')
        sweeps.lines.dueMs = Math.min(sweeps.lines.dueMs, row.atMs + this.settings.keepLinesMs)
    applyAccess(memory.access, access)
    if (memory.storedBytes !== null) memory.storedBytes += storedBytes
    if (access.some(({ table }) => table === 'keys'))
      sweeps.keys.dueMs = keysDueMs(memory.access, this.settings.access)
    for (const change of access)
      sweeps.entries.dueMs = Math.min(sweeps.entries.dueMs, expiryOf(change))
  }

  #alertsOf(
    { alerts }: Memory,
    effects: readonly LedgerEffect[],
    more: readonly LedgerAlert[],
    nowMs: number,
  ): AlertTurn {
    if (this.settings.alerts === null) return { changes: [], sending: [] }
    const found = effects.flatMap((effect) => alertOfEffect(effect, nowMs) ?? [])
    return tellAlerts(alerts, [...more, ...found], this.source, nowMs)
  }

  async #send(row: AlertRow): Promise<void> {
    const settings = this.settings.alerts
    if (settings === null || row.message === null) return
    const { id: alertId } = row.message
    // It signs and sends what has an id and a payload, whatever is in that.
    const message = row.message as unknown as Parameters<typeof sendAlert>[0]
    const { taken, status } = await sendAlert(message, settings, this.nowMs())
    const givenUp = !taken && isLastTry(row)
    if (!taken) this.log({ event: 'ledger_alert_unsent', alertId, status, givenUp })
    const change = taken || givenUp ? settled(this.memory().alerts, row) : null
    if (change !== null) {
      this.#storage.write([], [change])
      this.#remember(this.memory(), { changes: [], access: [] }, [change], 0)
    }
    await this.setAlarm()
  }

  /** The platform tries an alarm that fails six times and then never again, so one that fails is set anew. */
  async alarm(): Promise<void> {
    this.#alarmAtMs = Infinity
    try {
      this.take({ events: [{ kind: 'tick' }] })
      sweepAll(this)
      this.courier?.wake()
    } catch (fault) {
      this.log({ event: 'ledger_fault', fault })
      await this.#ring(this.nowMs() + alarmRetryMs)
      return
    }
    await this.setAlarm()
  }

  linesDueMs(): number {
    return (this.lines.oldestAtMs() ?? Infinity) + this.settings.keepLinesMs
  }

  /** One alarm for everything that has a time. Never moved back: one that comes too early costs less than a write. */
  async setAlarm(): Promise<void> {
    const { state, alerts, sweeps } = this.memory()
    const alertsMs = this.settings.alerts === null ? Infinity : alertsDueMs(alerts)
    const journalMs = this.courier?.dueMs ?? Infinity
    const atMs = Math.min(state.wakeAtMs, alertsMs, nextSweepMs(sweeps), journalMs)
    if (atMs < this.#alarmAtMs) await this.#ring(Math.max(atMs, 1))
  }

  async #ring(atMs: number): Promise<void> {
    await this.#platform.setAlarm(atMs)
    this.#alarmAtMs = atMs
  }
}

/** When an idempotency key that was stored is to be forgotten. */
function expiryOf({ table, row }: AccessChange): number {
  return table === 'idempotency' && row !== null ? row.expiresAtMs : Infinity
}
