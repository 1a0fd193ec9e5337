import { DurableObject } from 'cloudflare:workers'
import { sendAlert } from '../provider-health/webhook.ts'
import {
  readConfigure,
  readFreeze,
  readLinesCall,
  readReconcile,
  readRelease,
  readRequestLines,
  readRestore,
  readThaw,
  readTotalsCall,
} from './admin-border.ts'
import {
  type AlertChange,
  type AlertRow,
  alertsDueMs,
  type AlertTurn,
  isLastTry,
  settled,
  tellAlerts,
} from './alert-rows.ts'
import { alertOfEffect, alertOfRollback, type AlertSource, type LedgerAlert } from './alerts.ts'
import { acceptVersion, readExchange } from './border.ts'
import type {
  LedgerComposition,
  LedgerLogEntry,
  LedgerObjectSettings,
  Variables,
} from './composition.ts'
import {
  type LedgerEffect,
  type LedgerEvent,
  type LedgerState,
  loadLedger,
  step,
} from './ledger.ts'
import { LineStore } from './line-store.ts'
import { logOf } from './log-of.ts'
import { readLedgerName } from './place.ts'
import type { Exchange, ExchangeReply } from './protocol.ts'
import { epochAfter, epochBeyond } from './rollback.ts'
import type * as rpc from './rpc.ts'
import type { LineRow, RowChange } from './rows.ts'
import { standingNow } from './standing.ts'
import { LedgerStorage } from './storage.ts'

/** The class that a Worker exports: `export class TenantLedger extends tenantLedgerClass(composition) {}`. */
export function tenantLedgerClass(composition: LedgerComposition) {
  return class extends TenantLedgerObject {
    constructor(ctx: DurableObjectState, env: Variables) {
      super(ctx, env, composition)
    }
  }
}

/** An alarm that failed rings again after, ms. */
const alarmRetryMs = 10_000

/** Between two slices of old lines that are deleted, ms. */
const sweepPauseMs = 1000

const platformClock = { nowMs: () => Date.now() }

/** What is read from the rows, and no more than that. */
interface Memory {
  readonly state: LedgerState
  readonly alerts: Map<string, AlertRow>
  oldestLineAtMs: number | null
  sweptAtMs: number
}

/**
 * The money of one tenant, named by it. Holds no rules: it reads the clock, asks the core what follows, and does it.
 *
 * Between the step of the core and its write nothing is awaited, and the write is one transaction: no other event sees
 * one without the other. Replies and outgoing calls wait until the disk has it: the platform's output gate holds them
 * back, and resets the object when the write is lost (blog.cloudflare.com/durable-objects-easy-fast-correct-choose-three;
 * developers.cloudflare.com/durable-objects/best-practices/rules-of-durable-objects, read 2026-11-20).
 */
export class TenantLedgerObject extends DurableObject<Variables> implements rpc.TenantLedgerRpc {
  readonly #composition: LedgerComposition
  readonly #clock: NonNullable<LedgerComposition['clock']>
  readonly #storage: LedgerStorage
  readonly #lines: LineStore
  #source!: AlertSource
  #settings!: LedgerObjectSettings
  /** Null: what is stored is to be read again. */
  #memory: Memory | null = null
  /** For when the platform's alarm is set; Infinity for never. */
  #alarmAtMs = Infinity
  readonly #running = new Set<Promise<void>>()

  constructor(ctx: DurableObjectState, env: Variables, composition: LedgerComposition) {
    super(ctx, env)
    this.#composition = composition
    this.#clock = composition.clock ?? platformClock
    this.#storage = new LedgerStorage(ctx.storage)
    this.#lines = new LineStore(ctx.storage.sql)
    void ctx.blockConcurrencyWhile(() => this.#start())
  }

  /** Before any call, and before an alarm. When it throws, every call gets the error, and the next one starts anew. */
  async #start(): Promise<void> {
    this.#source = readLedgerName(this.ctx.id.name ?? '', this.ctx.id.jurisdiction)
    this.#settings = this.#composition.settingsOf(this.env)
    this.#storage.migrate(this.#clock.nowMs())
    this.#remembered()
    this.#alarmAtMs = (await this.ctx.storage.getAlarm()) ?? Infinity
  }

  async exchange(version: number, exchange: Exchange): Promise<ExchangeReply> {
    acceptVersion(version)
    const read = readExchange(exchange)
    this.#noticeRollback(read)
    const effects = this.#take({ kind: 'exchange', exchange: read })
    await this.#setAlarm()
    return replyOf(effects)
  }

  async configure(version: number, call: rpc.ConfigureCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { budgets, limits, actor } = readConfigure(call)
    return this.#obey({ kind: 'configure', budgets, limits }, actor)
  }

  async freeze(version: number, call: rpc.FreezeCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { scope, reason, actor } = readFreeze(call)
    return this.#obey({ kind: 'kill', scope, reason }, actor)
  }

  async thaw(version: number, call: rpc.ThawCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { scope, actor } = readThaw(call)
    return this.#obey({ kind: 'revive', scope }, actor)
  }

  async budgets(version: number): Promise<rpc.LedgerStanding> {
    acceptVersion(version)
    return standingNow(this.#remembered().state, this.#clock.nowMs())
  }

  async lines(version: number, call: rpc.LinesCall): Promise<rpc.LinesReply> {
    acceptVersion(version)
    return this.#lines.page(readLinesCall(call))
  }

  async lineTotals(version: number, call: rpc.TotalsCall): Promise<rpc.TotalsReply> {
    acceptVersion(version)
    return this.#lines.totals(readTotalsCall(call))
  }

  async requestLines(version: number, call: rpc.RequestLinesCall): Promise<readonly LineRow[]> {
    acceptVersion(version)
    return this.#lines.ofRequest(readRequestLines(call).requestId)
  }

  async reconcile(version: number, call: rpc.ReconcileCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor, ...read } = readReconcile(call)
    return this.#obey({ kind: 'reconcile', actor, ...read }, actor)
  }

  async restore(version: number, call: rpc.RestoreCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor, ...read } = readRestore(call)
    const epoch = epochAfter(this.#remembered().state, 0, this.#clock.nowMs())
    return this.#obey({ kind: 'restored', epoch, ...read }, actor)
  }

  async release(version: number, call: rpc.ReleaseCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor } = readRelease(call)
    return this.#obey({ kind: 'release', actor }, actor)
  }

  /** The platform tries an alarm that fails six times and then never again, so one that fails is set anew. */
  override async alarm(): Promise<void> {
    this.#alarmAtMs = Infinity
    try {
      this.#take({ kind: 'tick' })
      this.#sweepLines()
    } catch (fault) {
      this.#log({ event: 'ledger_fault', fault })
      await this.#ring(this.#clock.nowMs() + alarmRetryMs)
      return
    }
    await this.#setAlarm()
  }

  /** When nothing runs behind the calls any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #obey(event: LedgerEvent, actor: string): Promise<rpc.LedgerAdminReply> {
    const effects = this.#take(event, { actor })
    await this.#setAlarm()
    const refused = effects.find((effect) => effect.kind === 'refused')
    return { refused: refused?.kind === 'refused' ? refused.reason : null }
  }

  /** Safe without it as long as a restore is told of; holders tell when nobody else does. */
  #noticeRollback(exchange: Exchange): void {
    const nowMs = this.#clock.nowMs()
    const { state } = this.#remembered()
    const beyond = epochBeyond(state, exchange, nowMs)
    if (beyond === null) return
    const epoch = epochAfter(state, beyond, nowMs)
    this.#log({ event: 'ledger_rolled_back', epoch })
    this.#take(
      { kind: 'restored', epoch, journal: [], isComplete: false },
      { actor: 'ledger', alerts: [alertOfRollback(epoch, nowMs)] },
    )
  }

  /**
   * One event through the core; when this returns, what it changed is stored. When it throws nothing is, and what is
   * in memory may be ahead of that: it is read again.
   */
  #take(
    event: LedgerEvent,
    { actor = '', alerts = [] as readonly LedgerAlert[] } = {},
  ): readonly LedgerEffect[] {
    const nowMs = this.#clock.nowMs()
    const memory = this.#remembered()
    try {
      const { effects } = step(memory.state, event, nowMs)
      const changes = effects.flatMap((one) => (one.kind === 'write' ? one.changes : []))
      const told = this.#alertsOf(memory, effects, alerts, nowMs)
      this.#storage.write(changes, told.changes)
      remember(memory, told.changes, changes)
      for (const row of told.sending) this.#behind(() => this.#send(row))
      for (const entry of logOf(effects, actor)) this.#log(entry)
      return effects
    } catch (fault) {
      this.#memory = null
      throw fault
    }
  }

  #remembered(): Memory {
    this.#memory ??= {
      state: loadLedger(this.#settings.ledger, this.#storage.rows()),
      alerts: new Map([...this.#storage.alerts()].map((row) => [row.id, row])),
      oldestLineAtMs: this.#lines.oldestAtMs(),
      sweptAtMs: -Infinity,
    }
    return this.#memory
  }

  #alertsOf(
    { alerts }: Memory,
    effects: readonly LedgerEffect[],
    more: readonly LedgerAlert[],
    nowMs: number,
  ): AlertTurn {
    if (this.#settings.alerts === null) return { changes: [], sending: [] }
    const found = effects.flatMap((effect) => alertOfEffect(effect, nowMs) ?? [])
    return tellAlerts(alerts, [...more, ...found], this.#source, nowMs)
  }

  async #send(row: AlertRow): Promise<void> {
    const settings = this.#settings.alerts
    if (settings === null || row.message === null) return
    const { id: alertId } = row.message
    // It signs and sends what has an id and a payload, whatever is in that.
    const message = row.message as unknown as Parameters<typeof sendAlert>[0]
    const { taken, status } = await sendAlert(message, settings, this.#clock.nowMs())
    const givenUp = !taken && isLastTry(row)
    if (!taken) this.#log({ event: 'ledger_alert_unsent', alertId, status, givenUp })
    const change = taken || givenUp ? settled(this.#remembered().alerts, row) : null
    if (change !== null) {
      this.#storage.write([], [change])
      remember(this.#remembered(), [change], [])
    }
    await this.#setAlarm()
  }

  /** A slice of the lines that are too old; the next one follows soon. */
  #sweepLines(): void {
    const nowMs = this.#clock.nowMs()
    const memory = this.#remembered()
    const beforeMs = nowMs - this.#settings.keepLinesMs
    if (memory.oldestLineAtMs === null || memory.oldestLineAtMs > beforeMs) return
    this.#lines.sweep(beforeMs)
    memory.sweptAtMs = nowMs
    memory.oldestLineAtMs = this.#lines.oldestAtMs()
  }

  /** One alarm for everything that has a time. Never moved back: one that comes too early costs less than a write. */
  async #setAlarm(): Promise<void> {
    const { state, alerts, oldestLineAtMs, sweptAtMs } = this.#remembered()
    const linesMs =
      oldestLineAtMs === null
        ? Infinity
        : Math.max(oldestLineAtMs + this.#settings.keepLinesMs, sweptAtMs + sweepPauseMs)
    const alertsMs = this.#settings.alerts === null ? Infinity : alertsDueMs(alerts)
    const atMs = Math.min(state.wakeAtMs, alertsMs, linesMs)
    if (atMs < this.#alarmAtMs) await this.#ring(atMs)
  }

  async #ring(atMs: number): Promise<void> {
    await this.ctx.storage.setAlarm(atMs)
    this.#alarmAtMs = atMs
  }

  /** Runs work that no call waits for. */
  #behind(work: () => Promise<void>): void {
    const running = work()
      .catch((fault: unknown) => this.#log({ event: 'ledger_fault', fault }))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    this.ctx.waitUntil(running)
  }

  #log(entry: LedgerLogEntry): void {
    this.#composition.log(this.#source.tenantId, entry)
  }
}

/** What was stored, in memory. */
function remember(
  memory: Memory,
  alerts: readonly AlertChange[],
  changes: readonly RowChange[],
): void {
  for (const { id, row } of alerts)
    if (row === null) memory.alerts.delete(id)
    else memory.alerts.set(id, row)
  for (const change of changes)
    if (change.table === 'lines') memory.oldestLineAtMs ??= change.row.atMs
}

function replyOf(effects: readonly LedgerEffect[]): ExchangeReply {
  const reply = effects.find((effect) => effect.kind === 'reply')
  if (reply?.kind !== 'reply') throw new Error('the core has no answer to an exchange')
  return reply.reply
}
