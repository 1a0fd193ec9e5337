import type {
  HealthReply,
  HealthReport,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { HealthHost } from '../../../worker/edge/health/edge-health.ts'
import { HealthBook } from '../../../worker/edge/health/health-book.ts'
import { RetryBudget } from '../../../worker/engine/retry-budget.ts'
import { invariant } from '../kernel/broken.ts'
import type { Random } from '../kernel/random.ts'
import type { Timeline } from '../kernel/timeline.ts'
import type { Branches } from './branches.ts'
import type { Network, TakeReport } from './network.ts'

export interface IsolateSetup {
  readonly id: string
  readonly timeline: Timeline
  readonly random: Random
  readonly network: Network
  readonly branches: Branches
  readonly observeOnly: boolean
  /** Milliseconds that its clock is ahead. */
  readonly skewMs: number
  readonly takeReport: (provider: string) => TakeReport
  readonly onReply: (isolate: SimulatedIsolate, provider: string, reply: HealthReply) => void
}

interface Heard {
  boot: string
  version: number
  atMs: number
  /** Names of lives, in the order in which they were heard of. */
  readonly lives: string[]
}

/** One isolate of the Worker: the real book of watches, behind a network that may fail it. */
export class SimulatedIsolate {
  readonly id: string
  readonly book: HealthBook
  readonly random: () => number
  /** Nothing reaches an object, and nothing comes back, until then, ms. */
  cutOffUntilMs = 0
  isAlive = true
  readonly #setup: IsolateSetup
  readonly #budgets = new Map<string, RetryBudget>()
  readonly #heard = new Map<string, Heard>()
  /** Permits it has answered, by provider: each own core has ids of its own. */
  readonly #answered = new Set<string>()

  constructor(setup: IsolateSetup) {
    this.id = setup.id
    this.#setup = setup
    this.random = setup.random.next
    const { id, observeOnly } = setup
    this.book = new HealthBook({ isolate: id, observeOnly, random: this.random })
  }

  get nowMs(): number {
    return Math.floor(this.#setup.timeline.nowMs + this.#setup.skewMs)
  }

  get isCutOff(): boolean {
    return !this.isAlive || this.#setup.timeline.nowMs < this.cutOffUntilMs
  }

  /** What its requests see of the world. */
  readonly host: HealthHost = {
    nowMs: () => this.nowMs,
    after: (delayMs, then) =>
      this.#setup.timeline.after(delayMs, () => {
        this.#setup.timeline.settle()
        then()
      }),
    waitUntil: (work) => void work,
    send: (provider, report) => this.#send(provider, report),
  }

  budget(provider: string): RetryBudget {
    let budget = this.#budgets.get(provider)
    if (budget === undefined) this.#budgets.set(provider, (budget = new RetryBudget()))
    return budget
  }

  /** How long ago its object was last heard of, ms. */
  silenceMs(provider: string): number {
    return this.#setup.timeline.nowMs - (this.#heard.get(provider)?.atMs ?? -Infinity)
  }

  #send(provider: string, report: HealthReport): Promise<HealthReply> {
    this.#orBreak(() => this.#check(provider, report))
    const { network, takeReport } = this.#setup
    const sent = network.send(report, takeReport(provider), () => this.isCutOff)
    // Before the watch takes it in: what is noted here is how it was until then.
    return sent.then((reply) => {
      this.#orBreak(() => {
        this.#noteReply(provider, reply)
        this.#setup.onReply(this, provider, reply)
      })
      return reply
    })
  }

  /** Whoever sends reports takes any error for a lost one: what breaks in here breaks the run instead. */
  #orBreak(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#setup.timeline.after(0, () => {
        throw error
      })
    }
  }

  #check(provider: string, report: HealthReport): void {
    for (const { permitId } of report.probes) {
      const permit = `${provider} ${permitId}`
      invariant(!this.#answered.has(permit), 'a permit is answered once', () => permit)
      this.#answered.add(permit)
    }
    invariant(report.rows.length <= maxRows, 'a report is bounded', () => report.rows.length)
  }

  #noteReply(provider: string, { boot, version }: HealthReply): void {
    const { branches, timeline } = this.#setup
    const heard = this.#heard.get(provider)
    if (heard === undefined) {
      this.#heard.set(provider, { boot, version, atMs: timeline.nowMs, lives: [boot] })
      return
    }
    if (heard.boot !== boot && heard.lives.includes(boot))
      branches.reached('reply of an earlier life came late')
    if (heard.boot === boot && version < heard.version)
      branches.reached('reply overtaken by a newer one')
    if (!heard.lives.includes(boot)) heard.lives.push(boot)
    Object.assign(heard, { boot, version, atMs: timeline.nowMs })
  }
}

/** `maxPendingRows` of an isolate; the object reads 256. */
const maxRows = 200
