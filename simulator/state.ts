import type { Fault, FaultRule } from './faults.ts'
import { PromptCache } from './prompt-cache.ts'
import type { Replay } from './replays.ts'
import { RequestLog } from './request-log.ts'

/** How fast answers come, ms. */
export interface Pace {
  readonly firstByteMs: number
  readonly perChunkMs: number
}

interface Standing<Rule> {
  readonly id: string
  readonly rule: Rule
  left: number | null
  readonly untilMs: number
}

export interface StandingFault {
  readonly id: string
  readonly rule: FaultRule
  readonly left: number | null
}

/** Faults and replays that may stand at once. */
export const maxStanding = 1000

/** These join whatever else happens; of the others one call meets one. */
const joining = new Set(['latency', 'noUsage', 'split'])

/**
 * Everything the simulator remembers. It lives in the module scope of its only
 * isolate (workerd runs one per Worker locally), and every method runs without
 * an `await`: so `times: n` hits exactly n calls however many run at once.
 */
export class SimulatorState {
  readonly log = new RequestLog()
  readonly cache = new PromptCache()
  readonly defaultPace: Pace
  readonly seed: number
  pace: Pace
  #faults: Standing<FaultRule>[] = []
  #replays: Standing<Replay>[] = []
  #sequence = 0
  #ids = 0
  #random: () => number

  constructor(pace: Pace, seed: number) {
    this.defaultPace = pace
    this.pace = pace
    this.seed = seed
    this.#random = randomFrom(seed)
  }

  /** Number of this call since the last reset, from 1. */
  nextSequence(): number {
    this.#sequence += 1
    return this.#sequence
  }

  /** False when too many stand already. */
  addFault(rule: FaultRule, nowMs: number): string | null {
    this.#faults = this.#faults.filter((one) => one.untilMs > nowMs)
    if (this.#faults.length >= maxStanding) return null
    const untilMs = rule.forMs === null ? Number.POSITIVE_INFINITY : nowMs + rule.forMs
    const standing = { id: this.#nextId('fault'), rule, left: rule.times, untilMs }
    this.#faults.push(standing)
    return standing.id
  }

  /** A replay without `times` takes the place of those before it that it covers. */
  addReplay(rule: Replay): string | null {
    if (rule.times === null)
      this.#replays = this.#replays.filter(
        (one) => one.left !== null || !matches(rule, one.rule.provider, one.rule.model),
      )
    if (this.#replays.length >= maxStanding) return null
    const id = this.#nextId('replay')
    this.#replays.push({ id, rule, left: rule.times, untilMs: Number.POSITIVE_INFINITY })
    return id
  }

  /**
   * The faults that hit one call, oldest first; each counts down its `times`.
   * Of those that decide the outcome only the oldest hits, so that two rules
   * in a row hit two calls in a row.
   */
  takeFaults(provider: string, model: string | null, nowMs: number): Fault[] {
    this.#faults = this.#faults.filter((one) => one.untilMs > nowMs)
    const hits: Fault[] = []
    let isDecided = false
    for (const one of this.#faults) {
      const { fault, probability } = one.rule
      if (!matches(one.rule, provider, model)) continue
      if (isDecided && !joining.has(fault.kind)) continue
      if (probability !== null && this.#random() >= probability) continue
      hits.push(fault)
      if (!joining.has(fault.kind)) isDecided = true
      if (one.left !== null) one.left -= 1
    }
    this.#faults = this.#faults.filter((one) => one.left !== 0)
    return hits
  }

  /** Those with `times` come first, oldest first; of the others the newest counts. */
  takeReplay(provider: string, model: string | null): { id: string; replay: Replay } | null {
    const matching = this.#replays.filter((one) => matches(one.rule, provider, model))
    const found = matching.find((one) => one.left !== null) ?? matching.at(-1)
    if (found === undefined) return null
    if (found.left !== null) found.left -= 1
    this.#replays = this.#replays.filter((one) => one.left !== 0)
    return { id: found.id, replay: found.rule }
  }

  listFaults(nowMs: number): StandingFault[] {
    return this.#faults
      .filter((one) => one.untilMs > nowMs)
      .map(({ id, rule, left }) => ({ id, rule, left }))
  }

  get replayIds(): string[] {
    return this.#replays.map((one) => one.id)
  }

  /** Removes one, or all without an id; answers how many went. */
  removeFaults(id: string | null): number {
    const before = this.#faults.length
    this.#faults = id === null ? [] : this.#faults.filter((one) => one.id !== id)
    return before - this.#faults.length
  }

  removeReplays(id: string | null): number {
    const before = this.#replays.length
    this.#replays = id === null ? [] : this.#replays.filter((one) => one.id !== id)
    return before - this.#replays.length
  }

  /** Forgets everything: as right after the start, but ids of faults are not used twice. */
  reset(): void {
    this.#faults = []
    this.#replays = []
    this.#sequence = 0
    this.#random = randomFrom(this.seed)
    this.pace = this.defaultPace
    this.log.clear()
    this.cache.clear()
  }

  #nextId(prefix: string): string {
    this.#ids += 1
    return `${prefix}-${this.#ids}`
  }
}

function matches(
  rule: { readonly provider: string; readonly model: string | null },
  provider: string,
  model: string | null,
): boolean {
  if (rule.provider !== provider && rule.provider !== '*') return false
  return rule.model === null || rule.model === model
}

/** mulberry32: the same seed gives the same row of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
