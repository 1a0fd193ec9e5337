import { DurableObject } from 'cloudflare:workers'
import { refuse } from '../tenant-ledger/border.ts'
import { type JournalComposition, keepChangesMs } from './composition.ts'
import { append, claim, conclude, swept } from './journal.ts'
import {
  type AppendCall,
  type AppendReply,
  type ClaimReply,
  type JournalHead,
  journalVersion,
  type ReadCall,
  type ReadReply,
  type SettleJournalRpc,
} from './protocol.ts'
import { JournalStorage } from './storage.ts'

/** Changes deleted at once, and the pause between two slices, ms. */
const sweepSlice = 500
const sweepPauseMs = 1000

/** Between two sweeps when nothing was left over, ms. */
const restMs = 86_400_000

/** Of one page. */
const maxPageChanges = 5000

const platformClock = { nowMs: () => Date.now() }

/** The class that a Worker exports: `export class SettleJournal extends settleJournalClass(composition) {}`. */
export function settleJournalClass(composition: JournalComposition) {
  return class extends SettleJournalObject {
    constructor(ctx: DurableObjectState, env: unknown) {
      super(ctx, env, composition)
    }
  }
}

/**
 * What the ledger of one tenant has written in the last month, where a point-in-time restore of the ledger does not
 * reach (`docs/ledger.md`). Holds no rules: `journal.ts` has them. Asked by its ledger and nobody else.
 */
export class SettleJournalObject extends DurableObject<unknown> implements SettleJournalRpc {
  readonly #storage: JournalStorage
  readonly #composition: JournalComposition
  /** False also while nobody has looked. */
  #hasAlarm = false

  constructor(ctx: DurableObjectState, env: unknown, composition: JournalComposition) {
    super(ctx, env)
    this.#storage = new JournalStorage(ctx.storage)
    this.#composition = composition
  }

  async head(version: number): Promise<JournalHead> {
    acceptVersion(version)
    return this.#storage.state.head
  }

  async append(version: number, call: AppendCall): Promise<AppendReply> {
    acceptVersion(version)
    const appended = append(this.#storage.state, call)
    if (!appended.reply.isTaken) return appended.reply
    this.#storage.append(appended, this.#nowMs())
    this.#hasAlarm ||= (await this.ctx.storage.getAlarm()) !== null
    if (!this.#hasAlarm) await this.ctx.storage.setAlarm(this.#nowMs() + keepChangesMs)
    this.#hasAlarm = true
    return appended.reply
  }

  async conclude(version: number, head: JournalHead): Promise<AppendReply> {
    acceptVersion(version)
    const { state, reply } = conclude(this.#storage.state, head)
    if (reply.isTaken) this.#storage.put(state)
    return reply
  }

  async claim(version: number, behind: number): Promise<ClaimReply> {
    acceptVersion(version)
    const { state, reply } = claim(this.#storage.state, behind, crypto.randomUUID())
    this.#storage.put(state)
    return reply
  }

  async read(version: number, { behind, limit }: ReadCall): Promise<ReadReply> {
    acceptVersion(version)
    const changes = this.#storage.read(behind, Math.min(limit, maxPageChanges))
    const last = changes.at(-1)
    const isAll = last === undefined || this.#storage.read(last.number, 1).length === 0
    return { changes, nextBehind: isAll ? null : last.number }
  }

  /** Forgets what no restore can ask for any more. */
  override async alarm(): Promise<void> {
    this.#hasAlarm = false
    const nowMs = this.#nowMs()
    let atMs = nowMs + sweepPauseMs
    try {
      const through = this.#storage.sweep(nowMs - keepChangesMs, sweepSlice)
      if (through > 0) this.#storage.put(swept(this.#storage.state, through))
      const oldestAtMs = this.#storage.oldestAtMs()
      if (oldestAtMs === Infinity) return
      // Not for each change: once a day is enough for what may be a day too old.
      if (oldestAtMs + keepChangesMs > nowMs) atMs = nowMs + restMs
    } catch (fault) {
      this.#composition.log({ event: 'journal_fault', fault })
    }
    await this.ctx.storage.setAlarm(atMs)
    this.#hasAlarm = true
  }

  #nowMs(): number {
    return (this.#composition.clock ?? platformClock).nowMs()
  }
}

function acceptVersion(version: unknown): void {
  if (typeof version === 'number' && Math.abs(version - journalVersion) <= 1) return
  refuse('version', `within one of ${journalVersion}`, version)
}
