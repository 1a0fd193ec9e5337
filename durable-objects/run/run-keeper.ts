import { sendAlert } from '../provider-health/webhook.ts'
import type { RunComposition, Variables } from './composition.ts'
import { expiresAtMs, lostRun, noticed, noticePayload, type RunHead } from './kept-run.ts'
import { RunStorage } from './storage.ts'

/** From one alarm to the next while a request runs that nobody reads, ms. */
const watchAfterMs = 1000
/** An alarm that waits for a request keeps its object alive for at most 15 minutes; it rings again before that, ms. */
const longestWatchMs = 600_000

/** What lives as long as the object: what is stored, the alarm, a webhook on its way. Holds no request. */
export class RunKeeper {
  readonly #ctx: DurableObjectState
  readonly #env: Variables
  readonly #composition: RunComposition
  readonly #stored: RunStorage
  /** What is stored, as far as it was read or written. */
  #head: RunHead | null = null
  #loading: Promise<void> | null = null

  constructor(ctx: DurableObjectState, env: Variables, composition: RunComposition, name: string) {
    this.#ctx = ctx
    this.#env = env
    this.#composition = composition
    this.#stored = new RunStorage(ctx.storage, name, composition.peppersOf(env))
  }

  /**
   * Before anything is asked of what is stored: a request under an id that was drawn for it finds nothing, and opens no
   * database.
   */
  load(): Promise<void> {
    this.#loading ??= this.#load()
    return this.#loading
  }

  async #load(): Promise<void> {
    const head = await this.#stored.head()
    this.#head ??= head
  }

  nowMs(): number {
    return this.#composition.clock?.nowMs() ?? Date.now()
  }

  /** What is stored, and its time is not over. */
  kept(): RunHead | null {
    const head = this.remembered()
    return head?.isRecordOnly === true ? null : head
  }

  /** The same, or a record whose answer is not kept. */
  remembered(): RunHead | null {
    const head = this.#head
    return head === null || expiresAtMs(head) <= this.nowMs() ? null : head
  }

  /** Writes down a record whose answer is not kept. An answer that is kept stays. */
  async remember(head: RunHead): Promise<void> {
    await this.load()
    if (this.kept() !== null) return
    await this.write(head, null)
    await this.ring(expiresAtMs(head))
  }

  frames(): Promise<readonly Uint8Array[]> {
    return this.#stored.frames()
  }

  async write(head: RunHead, frames: readonly Uint8Array[] | null): Promise<void> {
    await this.#stored.write(head, frames)
    this.#head = head
  }

  async ring(atMs: number): Promise<void> {
    await this.#ctx.storage.setAlarm(atMs)
  }

  async watch(): Promise<void> {
    await this.ring(this.nowMs() + watchAfterMs)
  }

  /** Nobody reads what goes on: an alarm that waits for it keeps the object alive. */
  stay(): void {
    this.#ctx.waitUntil(this.watch())
  }

  /** For as long as one alarm may last. */
  async wait(work: Promise<unknown>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const long = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, longestWatchMs)
    })
    await Promise.race([work.catch(() => undefined), long])
    clearTimeout(timer)
  }

  /** An alarm while nothing runs: a webhook is due, or a job was lost, or all of it is to be forgotten. */
  async tick(): Promise<void> {
    const head = this.#head
    if (head === null) return this.#forget()
    const told = await this.#notify(head.state === 'running' ? this.#lost(head) : head)
    const dueAtMs = told.notice?.dueAtMs ?? null
    if (dueAtMs === null && expiresAtMs(told) <= this.nowMs()) return this.#forget()
    if (told !== head) await this.write(told, null)
    await this.ring(dueAtMs ?? expiresAtMs(told))
  }

  async #forget(): Promise<void> {
    this.#head = null
    await this.#ctx.storage.deleteAll()
  }

  /** Nothing runs, and it is written that something does: the object went away in the middle. */
  #lost(head: RunHead): RunHead {
    this.#composition.log({ event: 'run_lost', runId: head.runId })
    return lostRun(head, this.nowMs())
  }

  async #notify(head: RunHead): Promise<RunHead> {
    const { notice, runId } = head
    if (notice === null || notice.dueAtMs === null || notice.dueAtMs > this.nowMs()) return head
    const settings = this.#composition.webhookOf(this.#env, notice.webhook)
    // It signs and sends what has an id and a payload, whatever is in that.
    const message = { id: runId, payload: noticePayload(head) } as unknown
    const { taken, status } =
      settings === null
        ? { taken: false, status: null }
        : await sendAlert(message as Parameters<typeof sendAlert>[0], settings, this.nowMs())
    const next = noticed(notice, taken, this.nowMs())
    if (!taken) {
      const givenUp = next.dueAtMs === null
      this.#composition.log({ event: 'run_webhook_unsent', runId, status, givenUp })
    }
    return { ...head, notice: next }
  }
}
