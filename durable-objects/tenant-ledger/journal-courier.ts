import type { JournalHead, SettleJournalStub } from '../settle-journal/protocol.ts'
import { journalAlert, type JournalAlertCode, type LedgerAlert } from './alerts.ts'
import type { LedgerLogEntry } from './composition.ts'
import {
  appendCallOf,
  entriesOf,
  type JournalStanding,
  type Verdict,
  verdictOf,
  verdictOfReply,
} from './core/journal.ts'
import type { JournalSettings } from './journal-settings.ts'
import type { OutboxStore } from './outbox-store.ts'
import type { RowChange } from './rows.ts'
import type { JournalLag } from './rpc.ts'

/** What of the object the journal's courier works with. */
export interface CourierHost {
  nowMs(): number
  log(entry: LedgerLogEntry): void
  tell(alert: LedgerAlert): void
  /** Runs behind the calls. */
  run(work: () => Promise<void>): void
  setAlarm(): Promise<void>
  /** Writes what the journal says, and `known` in the same transaction; what is in memory is read again. */
  writeOn(changes: readonly RowChange[], known: () => void): void
  /** The database went back: it is as far as the journal now, and begins a new epoch. */
  restored(isComplete: boolean): void
}

/** Carries what the ledger writes to its journal, and back after a rollback. Holds no rules: `core/journal.ts`. */
export class JournalCourier {
  readonly outbox: OutboxStore
  readonly #stub: SettleJournalStub
  readonly #settings: JournalSettings
  readonly #host: CourierHost
  #isRunning = false
  #retryAtMs: number | null = null

  constructor(
    outbox: OutboxStore,
    stub: SettleJournalStub,
    settings: JournalSettings,
    host: CourierHost,
  ) {
    this.outbox = outbox
    this.#stub = stub
    this.#settings = settings
    this.#host = host
  }

  /** When a delivery that failed is made again; Infinity for never. */
  get dueMs(): number {
    return this.#retryAtMs ?? Infinity
  }

  /** Something was written, or an alarm rang. */
  wake(): void {
    if (this.#isRunning || this.#isWaiting() || this.outbox.isEmpty()) return
    this.#isRunning = true
    this.#host.run(() => this.#deliverAll())
  }

  #isWaiting(): boolean {
    return this.#retryAtMs !== null && this.#host.nowMs() < this.#retryAtMs
  }

  async #deliverAll(): Promise<void> {
    try {
      for (;;) {
        if (!(await this.deliver()) || this.outbox.isEmpty()) return
        if (this.#settings.pauseMs > 0) await scheduler.wait(this.#settings.pauseMs)
      }
    } catch (fault) {
      await this.#failed(fault)
    } finally {
      this.#isRunning = false
    }
  }

  /** Sends what is oldest. False: the journal knows another history, and takes nothing of this one. */
  async deliver(): Promise<boolean> {
    const { outbox } = this
    const { standing } = outbox
    if (standing.restoring !== null || outbox.isEmpty()) return false
    const entries = entriesOf(outbox.packs(this.#settings.mostCharacters))
    const call = appendCallOf(standing, entries)
    const reply = await this.#stub.append(call)
    this.#retryAtMs = null
    return this.#agree(verdictOfReply(outbox.standing, outbox.heads(), call, reply))
  }

  #agree(verdict: Verdict): boolean {
    const { outbox } = this
    const { standing } = outbox
    switch (verdict.kind) {
      case 'known':
        if (verdict.upTo.number > standing.acked.number)
          outbox.put({ ...standing, acked: verdict.upTo, restarts: false })
        return true
      case 'journal_lost':
        outbox.put({ ...standing, isWhole: false, restarts: true })
        this.#tell('journal_lost')
        return true
      case 'rolled_back':
        // It has granted since, so what the journal knows cannot be written over that.
        outbox.clear()
        outbox.put({ ...standing, restoring: 'forked' })
        this.#tell('journal_forked')
        this.#host.restored(false)
        return false
    }
  }

  #tell(code: JournalAlertCode): void {
    this.#host.log({ event: 'ledger_journal', code })
    this.#host.tell(journalAlert(code, this.#host.nowMs()))
  }

  async #failed(fault: unknown): Promise<void> {
    const nowMs = this.#host.nowMs()
    this.#host.log({ event: 'ledger_fault', fault })
    this.#retryAtMs = nowMs + this.#settings.retryMs
    if (nowMs - (this.outbox.oldestAtMs() ?? nowMs) >= this.#settings.alertAfterMs)
      this.#tell('journal_behind')
    await this.#host.setAlarm()
  }

  /**
   * Before an object answers anybody: does its journal know of more than it does? Then it was rolled back, and reads on.
   * One that does not answer is not waited for, unless it is in the middle of that.
   */
  async prove(): Promise<void> {
    const { standing } = this.outbox
    if (standing.restoring === 'forked') return
    if (standing.restoring !== null) return this.#readOn(standing.restoring === 'whole')
    const head = await this.#headInTime()
    if (head === null) return
    const verdict = verdictOf(standing, this.outbox.heads(), head)
    if (verdict.kind !== 'rolled_back') {
      this.#agree(verdict)
      return
    }
    const { isComplete } = await this.#stub.claim(standing.acked.number)
    await this.#readOn(isComplete)
  }

  async #headInTime(): Promise<JournalHead | null> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), this.#settings.proveTimeoutMs)
    })
    try {
      return await Promise.race([this.#stub.head(), late])
    } catch (fault) {
      this.#host.log({ event: 'ledger_fault', fault })
      return null
    } finally {
      clearTimeout(timer)
    }
  }

  /** Page by page, each in a transaction with how far it is: an object that dies goes on where it was. */
  async #readOn(isComplete: boolean): Promise<void> {
    const { outbox } = this
    const restoring = isComplete ? 'whole' : 'part'
    const head = await this.#stub.head()
    let behind: number | null = outbox.standing.acked.number
    while (behind !== null) {
      const page = await this.#stub.read({ behind, limit: this.#settings.pageChanges })
      const acked: JournalHead =
        page.nextBehind === null ? head : { number: page.nextBehind, token: '' }
      const standing: JournalStanding = { ...outbox.standing, acked, restoring }
      const changes = page.changes.map(({ change }) => change)
      this.#host.writeOn(changes, () => {
        outbox.clear()
        outbox.put(standing)
      })
      behind = page.nextBehind
    }
    this.#host.restored(isComplete)
  }

  /** Everything is in the journal, and nothing follows. Null, or why not. */
  async conclude(): Promise<string | null> {
    const { outbox } = this
    if (outbox.standing.restoring !== null)
      return 'the journal has another history than this ledger'
    while (!outbox.isEmpty())
      if (!(await this.deliver())) return 'the journal has another history than this ledger'
    const { isTaken } = await this.#stub.conclude(outbox.last)
    return isTaken ? null : 'the journal has not all that was written'
  }

  /** Somebody says what the truth is: the journal begins anew with it. */
  beginAnew(): void {
    const { outbox } = this
    const acked = outbox.last
    outbox.clear()
    outbox.put({ acked, isWhole: false, restarts: true, restoring: null })
  }

  /** How far the journal is behind: changes that wait, and for how long the oldest has, ms. */
  standing(): Required<JournalLag> {
    const { outbox } = this
    const nowMs = this.#host.nowMs()
    return {
      pendingChanges: outbox.last.number - outbox.standing.acked.number,
      behindMs: Math.max(0, nowMs - (outbox.oldestAtMs() ?? nowMs)),
      isForked: outbox.standing.restoring === 'forked',
    }
  }
}
