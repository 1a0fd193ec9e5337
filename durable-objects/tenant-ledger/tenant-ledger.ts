import { DurableObject } from 'cloudflare:workers'
import { begin } from './access/idempotency.ts'
import { type ListedKey, listKeys, revokeKey, rotateKey } from './access/keys.ts'
import { isKeyBudget } from './access/key-budgets.ts'
import type { TenantRow } from './access/rows.ts'
import {
  readBegin,
  readCreateKey,
  readFinish,
  readOpen,
  readPin,
  readPutTenant,
  readRevokeKey,
  readRotateKey,
  readRun,
} from './access-border.ts'
import {
  readConfigure,
  readFreeze,
  readLinesCall,
  readReconcile,
  readRelease,
  readRequestLines,
  readRestore,
  readRewind,
  readThaw,
  readTotalsCall,
} from './admin-border.ts'
import { acceptVersion, readExchange } from './border.ts'
import type { LedgerComposition, Variables } from './composition.ts'
import { accountIdOf } from './core/accounts.ts'
import { configureEvent } from './joint-turn.ts'
import { beginEpoch } from './journal-host.ts'
import { LedgerKeeper, type News } from './keeper.ts'
import { changeTenant, keyReply, makeKey } from './key-calls.ts'
import type { LedgerEffect } from './ledger.ts'
import { abandoned, finished, lost, type OnceTurn } from './once-calls.ts'
import { advanceExchange, withAdvance } from './open-advance.ts'
import { openKey } from './open-key.ts'
import { pinLedger } from './pin.ts'
import type { Exchange, ExchangeReply } from './protocol.ts'
import { rewind } from './rewind.ts'
import { epochAfter, epochBeyond } from './rollback.ts'
import type * as rpc from './rpc.ts'
import type { LineRow } from './rows.ts'
import { standingNow } from './standing.ts'

/** The class that a Worker exports: `export class TenantLedger extends tenantLedgerClass(composition) {}`. */
export function tenantLedgerClass(composition: LedgerComposition) {
  return class extends TenantLedgerObject {
    constructor(ctx: DurableObjectState, env: Variables) {
      super(ctx, env, composition)
    }
  }
}

/**
 * Money and keys of one tenant, named by it. Holds no rules: it reads the clock, asks the cores what follows, and has
 * it done (`keeper.ts`).
 *
 * Between the step of a core and its write nothing is awaited, and the write is one transaction: no other event sees
 * one without the other. Replies and outgoing calls wait until the disk has it: the platform's output gate holds them
 * back, and resets the object when the write is lost (blog.cloudflare.com/durable-objects-easy-fast-correct-choose-three;
 * developers.cloudflare.com/durable-objects/best-practices/rules-of-durable-objects, read 2026-11-20).
 */
export class TenantLedgerObject extends DurableObject<Variables> implements rpc.TenantLedgerRpc {
  #keeper!: LedgerKeeper

  constructor(ctx: DurableObjectState, env: Variables, composition: LedgerComposition) {
    super(ctx, env)
    // When it throws, every call gets the error, and the next one starts anew.
    void ctx.blockConcurrencyWhile(async () => {
      this.#keeper = new LedgerKeeper(ctx, env, composition)
      await this.#keeper.start()
    })
  }

  async exchange(version: number, exchange: Exchange): Promise<ExchangeReply> {
    acceptVersion(version)
    const read = readExchange(exchange)
    this.#noticeRollback(read)
    const effects = this.#keeper.take({ events: [{ kind: 'exchange', exchange: read }] })
    await this.#keeper.setAlarm()
    return replyOf(effects)
  }

  async configure(version: number, call: rpc.ConfigureCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { budgets, limits, actor } = readConfigure(call)
    const reserved = budgets.find(isKeyBudget)
    if (reserved !== undefined)
      return { refused: `ids of this form are of budgets that come with keys: ${reserved.id}` }
    const { keys } = this.#keeper.memory().access
    return this.#obey({ events: [configureEvent(budgets, keys, limits)], actor })
  }

  async freeze(version: number, call: rpc.FreezeCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { scope, reason, actor } = readFreeze(call)
    return this.#obey({ events: [{ kind: 'kill', scope, reason }], actor })
  }

  async thaw(version: number, call: rpc.ThawCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { scope, actor } = readThaw(call)
    return this.#obey({ events: [{ kind: 'revive', scope }], actor })
  }

  async budgets(version: number): Promise<rpc.LedgerStanding> {
    acceptVersion(version)
    const standing = standingNow(this.#keeper.memory().state, this.#keeper.nowMs())
    const journal = this.#keeper.courier?.standing()
    return journal === undefined ? standing : { ...standing, journal }
  }

  async lines(version: number, call: rpc.LinesCall): Promise<rpc.LinesReply> {
    acceptVersion(version)
    return this.#keeper.lines.page(readLinesCall(call))
  }

  async lineTotals(version: number, call: rpc.TotalsCall): Promise<rpc.TotalsReply> {
    acceptVersion(version)
    return this.#keeper.lines.totals(readTotalsCall(call))
  }

  async requestLines(version: number, call: rpc.RequestLinesCall): Promise<readonly LineRow[]> {
    acceptVersion(version)
    return this.#keeper.lines.ofRequest(readRequestLines(call).requestId)
  }

  async reconcile(version: number, call: rpc.ReconcileCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor, ...read } = readReconcile(call)
    return this.#obey({ events: [{ kind: 'reconcile', actor, ...read }], actor })
  }

  async restore(version: number, call: rpc.RestoreCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor, ...read } = readRestore(call)
    const epoch = epochAfter(this.#keeper.memory().state, 0, this.#keeper.nowMs())
    this.#keeper.courier?.beginAnew()
    return this.#obey({ events: [{ kind: 'restored', epoch, ...read }], actor })
  }

  async release(version: number, call: rpc.ReleaseCall): Promise<rpc.LedgerAdminReply> {
    acceptVersion(version)
    const { actor, billed = [] } = readRelease(call)
    const bills = billed.map(({ budgetId, startsAtMs, amountNanoUsd }) => ({
      accountId: accountIdOf(budgetId, startsAtMs),
      amountNanoUsd,
    }))
    return this.#obey({ events: [{ kind: 'release', actor, billed: bills }], actor })
  }

  async rewind(version: number, call: rpc.RewindCall): Promise<rpc.RewindReply> {
    acceptVersion(version)
    return rewind(this.#keeper, this.ctx, readRewind(call))
  }

  async pin(version: number, call: rpc.PinCall): Promise<rpc.PinReply> {
    acceptVersion(version)
    return pinLedger(this.#keeper, readPin(call))
  }

  async pinned(version: number): Promise<string | null> {
    acceptVersion(version)
    return this.#keeper.pinnedTo
  }

  async putTenant(version: number, call: rpc.PutTenantCall): Promise<rpc.TenantReply> {
    acceptVersion(version)
    const { tenant, actor } = readPutTenant(call)
    this.#keeper.called(call.tenantId)
    const { source } = this.#keeper
    const before = this.#keeper.memory().access.tenant
    const { news, reply } = changeTenant(
      before,
      source.tenantId,
      tenant,
      actor,
      this.#keeper.nowMs(),
    )
    if (news !== null) this.#keeper.take({ access: news })
    return reply
  }

  async tenant(version: number): Promise<TenantRow | null> {
    acceptVersion(version)
    return this.#keeper.memory().access.tenant
  }

  async createKey(version: number, call: rpc.CreateKeyCall): Promise<rpc.KeyReply> {
    acceptVersion(version)
    const read = readCreateKey(call)
    this.#keeper.called(call.tenantId)
    const { source, settings } = this.#keeper
    const { access } = this.#keeper.memory()
    return this.#changeKey(
      makeKey(access, source.tenantId, read, settings.access, this.#keeper.nowMs()),
      read.actor,
    )
  }

  async rotateKey(version: number, call: rpc.RotateKeyCall): Promise<rpc.KeyReply> {
    acceptVersion(version)
    const { actor, ...read } = readRotateKey(call)
    const settings = this.#keeper.settings.access
    const { keys } = this.#keeper.memory().access
    const asked = { overlapMs: settings.overlapDefaultMs, ...read }
    return this.#changeKey(rotateKey(keys, asked, actor, settings, this.#keeper.nowMs()), actor)
  }

  async revokeKey(version: number, call: rpc.RevokeKeyCall): Promise<rpc.KeyReply> {
    acceptVersion(version)
    const { keyId, actor } = readRevokeKey(call)
    const { keys } = this.#keeper.memory().access
    return this.#changeKey(revokeKey(keys, keyId, actor, this.#keeper.nowMs()), actor)
  }

  async keys(version: number): Promise<readonly ListedKey[]> {
    acceptVersion(version)
    return listKeys(this.#keeper.memory().access.keys, this.#keeper.nowMs())
  }

  async open(version: number, call: rpc.OpenCall): Promise<rpc.OpenReply | rpc.Elsewhere> {
    acceptVersion(version)
    const { key, advance } = readOpen(call)
    const { pinnedTo } = this.#keeper
    if (pinnedTo !== null) return { kind: 'elsewhere', residency: pinnedTo }
    this.#keeper.called(call.tenantId)
    // Anybody can write keys of tenants that there are not: they leave no database behind.
    if ('proofs' in key && this.#keeper.isNew()) return { kind: 'rejected', reason: 'unknown' }
    const { source, settings } = this.#keeper
    const { access, state } = this.#keeper.memory()
    const nowMs = this.#keeper.nowMs()
    const opened = openKey(access, state, source.tenantId, key, settings.access, nowMs)
    const { reply, changes } = opened
    const exchange =
      advance === undefined || reply.kind === 'rejected'
        ? null
        : advanceExchange(state, reply.profile, advance)
    if (changes.length === 0 && exchange === null) return reply
    const events = exchange === null ? [] : [{ kind: 'exchange', exchange } as const]
    const effects = this.#keeper.take({ access: { changes, effects: [] }, events })
    if (exchange === null) return reply
    const advanced = withAdvance(state, reply, exchange, effects)
    await this.#keeper.setAlarm()
    return advanced
  }

  async beginOnce(version: number, call: rpc.BeginCall): Promise<rpc.BeginReply> {
    acceptVersion(version)
    const ask = readBegin(call)
    const { entries, settings } = this.#keeper
    const entry = entries.entry(ask.id)
    const begun = begin(entry, ask, settings.access, this.#keeper.nowMs())
    switch (begun.kind) {
      case 'fresh':
        this.#keeper.take({
          access: { changes: begun.changes, effects: [] },
          storedBytes: begun.changes.length > 0 ? -(entry?.answer?.bytes ?? 0) : 0,
        })
        await this.#keeper.setAlarm()
        return { kind: 'fresh' }
      case 'replay': {
        const { status, headers } = begun.answer
        return { ...begun, answer: { status, headers, chunks: entries.body(ask) } }
      }
      case 'running':
      case 'conflict':
        return begun
    }
  }

  async finishOnce(version: number, call: rpc.FinishCall): Promise<rpc.OnceReply> {
    acceptVersion(version)
    const { id, runId, answer } = readFinish(call)
    const keeper = this.#keeper
    const { storesAnswers } = keeper.memory().access.tenant ?? { storesAnswers: true }
    const kept = { storedBytes: keeper.storedBytes(), storesAnswers }
    return this.#endOnce(
      finished(keeper.entries.entry(id), runId, answer, kept, keeper.settings.access),
    )
  }

  async abandonOnce(version: number, call: rpc.RunCall): Promise<rpc.OnceReply> {
    acceptVersion(version)
    const { id, runId } = readRun(call, 'abandonOnce')
    return this.#endOnce(abandoned(this.#keeper.entries.entry(id), runId))
  }

  async loseOnce(version: number, call: rpc.RunCall): Promise<rpc.OnceReply> {
    acceptVersion(version)
    const { id, runId } = readRun(call, 'loseOnce')
    return this.#endOnce(lost(this.#keeper.entries.entry(id), runId))
  }

  override alarm(): Promise<void> {
    return this.#keeper.alarm()
  }

  idle(): Promise<void> {
    return this.#keeper.idle()
  }

  async #obey(news: News): Promise<rpc.LedgerAdminReply> {
    const effects = this.#keeper.take(news)
    await this.#keeper.setAlarm()
    const refused = effects.find((effect) => effect.kind === 'refused')
    return { refused: refused?.kind === 'refused' ? refused.reason : null }
  }

  async #changeKey(made: ReturnType<typeof makeKey>, actor: string): Promise<rpc.KeyReply> {
    if (made.kind === 'done') this.#keeper.take({ access: made, actor })
    const reply = keyReply(made, this.#keeper.memory().access.keys, this.#keeper.nowMs())
    await this.#keeper.setAlarm()
    return reply
  }

  async #endOnce({ changes, storedBytes, reply }: OnceTurn): Promise<rpc.OnceReply> {
    this.#keeper.take({ access: { changes, effects: [] }, storedBytes })
    await this.#keeper.setAlarm()
    return reply
  }

  /** Safe without it as long as a restore is told of; holders tell when nobody else does. */
  #noticeRollback(exchange: Exchange): void {
    const nowMs = this.#keeper.nowMs()
    const { state } = this.#keeper.memory()
    const beyond = epochBeyond(state, exchange, nowMs)
    if (beyond === null) return
    beginEpoch(this.#keeper, beyond, false)
  }
}

function replyOf(effects: readonly LedgerEffect[]): ExchangeReply {
  const reply = effects.find((effect) => effect.kind === 'reply')
  if (reply?.kind !== 'reply') throw new Error('the core has no answer to an exchange')
  return reply.reply
}
