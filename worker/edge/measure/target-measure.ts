import type {
  DomainSnapshot,
  SizeClass,
  Speed,
} from '../../../durable-objects/provider-health/protocol.ts'
import type { Measured } from '../../policy/measured.ts'
import { Decaying } from './decaying.ts'
import { DecayingHistogram } from './decaying-histogram.ts'

/** What was seen of speed and failures loses half of its weight in so long, ms. */
const speedHalfLifeMs = 120_000
/** What was seen of the soundness of answers: it is rarer, and changes with a version of the model. */
const validityHalfLifeMs = 600_000
/** A slow answer is believed at once, and forgotten with this time constant, ms. */
const peakTauMs = 10_000
/** Own samples that weigh more than what the object of the region says. */
const ownSamples = 10

/**
 * What the object says of the speed of a target is what its last answers were like, however long ago that is. When it
 * has said the same for so long, it is taken for unknown, so that a target that was slow once is tried again, ms.
 */
const sharedTrustMs = 300_000

/** What the object of the region last said of a target. */
export interface SharedWord {
  readonly speed: Speed | null
  readonly domain: DomainSnapshot | null
}

/** How a target answers, as one isolate has measured it. Numbers in place: nothing is allocated for a call. */
export class TargetMeasure {
  readonly #firstToken: (DecayingHistogram | undefined)[] = []
  readonly #peakMs = [0, 0, 0, 0]
  readonly #peakAtMs = [0, 0, 0, 0]
  readonly #sharedP50Ms: (number | null)[] = [null, null, null, null]
  readonly #sharedP95Ms: (number | null)[] = [null, null, null, null]
  readonly #sharedSinceMs = [0, 0, 0, 0]
  readonly #whole = new Decaying(speedHalfLifeMs)
  readonly #tokensPerSecond = new Decaying(speedHalfLifeMs)
  readonly #failed = new Decaying(speedHalfLifeMs)
  readonly #aborted = new Decaying(speedHalfLifeMs)
  readonly #schema = new Decaying(validityHalfLifeMs)
  readonly #toolCalls = new Decaying(validityHalfLifeMs)
  readonly #cached = new Decaying(validityHalfLifeMs)
  readonly #promptCached = new Decaying(validityHalfLifeMs)

  /** A stream gave its first token, or gave none in all that time. */
  firstToken(size: SizeClass, ms: number, nowMs: number): void {
    let histogram = this.#firstToken[size]
    if (histogram === undefined)
      this.#firstToken[size] = histogram = new DecayingHistogram(speedHalfLifeMs)
    histogram.note(ms, nowMs)
    if (ms >= this.#peakAt(size, nowMs)) {
      this.#peakMs[size] = ms
      this.#peakAtMs[size] = nowMs
    }
  }

  /** A whole answer took so long: all that is known of speed where nobody streams. */
  whole(ms: number, nowMs: number): void {
    this.#whole.note(ms, nowMs)
  }

  /** `aborted`: it failed after the model had begun to work. */
  ended(failed: boolean, aborted: boolean, nowMs: number): void {
    this.#failed.note(failed ? 1 : 0, nowMs)
    this.#aborted.note(aborted ? 1 : 0, nowMs)
  }

  /** Output tokens in so many ms after the first of them. */
  wrote(tokens: number, ms: number, nowMs: number): void {
    if (tokens > 0 && ms >= 1) this.#tokensPerSecond.note((tokens * 1000) / ms, nowMs)
  }

  /** Whether an answer that had to hold to a schema did. */
  schema(sound: boolean, nowMs: number): void {
    this.#schema.note(sound ? 1 : 0, nowMs)
  }

  /** Whether all tool calls of an answer that had some parsed. */
  toolCalls(sound: boolean, nowMs: number): void {
    this.#toolCalls.note(sound ? 1 : 0, nowMs)
  }

  /** Share of a prompt that came from the provider's cache, for a session that was here before. */
  cached(share: number, nowMs: number): void {
    this.#cached.note(share, nowMs)
  }

  /** Share of any prompt that came from the provider's cache, as its usage report says. */
  promptCached(share: number, nowMs: number): void {
    this.#promptCached.note(share, nowMs)
  }

  /** What is known: own measurements, and the word of the region's object where they are few. */
  measured(size: SizeClass, { speed, domain }: SharedWord, nowMs: number): Measured {
    const own = this.#firstToken[size]
    const isOwn = own !== undefined && own.count(nowMs) >= ownSamples
    const p50 = own?.quantile(0.5, nowMs) ?? null
    const p95 = own?.quantile(0.95, nowMs) ?? null
    const told = this.#isFresh(size, speed, nowMs) ? speed : null
    const firstTokenP50Ms = isOwn ? p50 : (told?.ttftP50Ms[size] ?? p50)
    const firstTokenP95Ms = isOwn ? p95 : (told?.ttftP95Ms[size] ?? p95)
    const { judged = 0, failed = 0, broken = 0 } = domain?.evidence ?? {}
    const calls = this.#failed.count(nowMs)
    const isOwnRate = calls >= ownSamples || judged === 0
    const soundness = judged > 0 ? 1 - broken / judged : null
    const schemas = this.#schema.count(nowMs)
    const toolCalls = this.#toolCalls.count(nowMs)
    return {
      firstTokenP50Ms,
      firstTokenP95Ms,
      firstTokenNowMs: this.#expectedMs(size, firstTokenP50Ms, nowMs),
      tokensPerSecond: rounded(this.#tokensPerSecond.mean(nowMs)),
      failureRate: rounded(isOwnRate ? this.#failed.mean(nowMs) : failed / judged),
      abortRate: rounded(this.#aborted.mean(nowMs)),
      schemaValidity: rounded(schemas >= ownSamples ? this.#schema.mean(nowMs) : soundness),
      schemaSamples: schemas >= ownSamples ? schemas : judged,
      toolCallValidity: rounded(toolCalls >= ownSamples ? this.#toolCalls.mean(nowMs) : soundness),
      toolCallSamples: toolCalls >= ownSamples ? toolCalls : judged,
      cachedShare: rounded(this.#cached.mean(nowMs)),
      promptCachedShare: this.#shareOfPrompts(nowMs),
      samples: Math.round(Math.max(calls, judged)),
    }
  }

  /** A few prompts say little of all. */
  #shareOfPrompts(nowMs: number): number | null {
    const isEnough = this.#promptCached.count(nowMs) >= ownSamples
    return isEnough ? rounded(this.#promptCached.mean(nowMs)) : null
  }

  /** The median, and what is left of a slower answer just now; whole answers where nobody streams. */
  #expectedMs(size: SizeClass, p50Ms: number | null, nowMs: number): number | null {
    if (p50Ms === null) return rounded(this.#whole.mean(nowMs))
    return Math.round(Math.max(p50Ms, this.#peakAt(size, nowMs)))
  }

  #isFresh(size: SizeClass, speed: Speed | null, nowMs: number): boolean {
    if (speed === null) return false
    const [p50, p95] = [speed.ttftP50Ms[size], speed.ttftP95Ms[size]]
    if (p50 !== this.#sharedP50Ms[size] || p95 !== this.#sharedP95Ms[size]) {
      this.#sharedP50Ms[size] = p50
      this.#sharedP95Ms[size] = p95
      this.#sharedSinceMs[size] = nowMs
    }
    return nowMs - (this.#sharedSinceMs[size] ?? 0) < sharedTrustMs
  }

  #peakAt(size: SizeClass, nowMs: number): number {
    const passedMs = Math.max(0, nowMs - (this.#peakAtMs[size] ?? 0))
    return (this.#peakMs[size] ?? 0) * Math.exp(-passedMs / peakTauMs)
  }
}

/** Three digits: records hold these numbers. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(3))
}
