import { failure, type Failure, type FailureClass } from '../../../worker/canonical/failure.ts'
import type { Random } from '../kernel/random.ts'

/** What is wrong with a target for a while. */
export type Fault =
  | {
      readonly kind: 'failing'
      readonly failureClass: FailureClass
      /** Of the calls, 0 to 1: 1 is an outage, 0.3 a brownout. */
      readonly share: number
      readonly retryAfterMs?: number
      readonly ramp?: true
    }
  /** Takes the call and never says a word. */
  | { readonly kind: 'silent'; readonly share: number }
  /** First tokens come so many times later. */
  | { readonly kind: 'slow'; readonly factor: number }
  /** Stops after its first token. */
  | { readonly kind: 'stalling'; readonly share: number }
  /** The answer comes whole and does not parse. */
  | { readonly kind: 'broken'; readonly share: number }
  /** Good answers cost so many times more. */
  | { readonly kind: 'dear'; readonly factor: number }

export interface Episode {
  readonly targets: readonly string[]
  readonly fromMs: number
  readonly untilMs: number
  readonly fault: Fault
}

/** How one call would go, were nobody to stop it. */
export type Call =
  | { readonly kind: 'refused'; readonly afterMs: number; readonly failure: Failure }
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'answers'
      readonly firstTokenAfterMs: number
      readonly endsAfterMs: number
      /** What breaks it off at its end; null when it ends well. */
      readonly cutBy: Failure | null
      readonly broken: boolean
      readonly costNanoUsd: number
    }

/** How a healthy target is: a share of errors at any time, and log-normal times. */
export interface Weather {
  readonly backgroundErrors: number
  readonly firstTokenMedianMs: number
  readonly firstTokenSigma: number
  readonly answerMedianMs: number
  readonly costMedianNanoUsd: number
}

export const fairWeather: Weather = {
  backgroundErrors: 0.01,
  firstTokenMedianMs: 500,
  firstTokenSigma: 0.4,
  answerMedianMs: 2500,
  costMedianNanoUsd: 4_000_000,
}

/** Whoever says how calls go. */
export interface Upstream {
  call(target: string, nowMs: number): Call
}

/** A generative model of providers: fair weather, and faults that come and go. */
export class ProviderModel implements Upstream {
  readonly #random: Random
  #weather: Weather
  #episodes: Episode[] = []

  constructor(random: Random, weather: Weather = fairWeather) {
    this.#random = random
    this.#weather = weather
  }

  add(episode: Episode): void {
    this.#episodes.push(episode)
  }

  /** From now on nothing fails any more. */
  heal(): void {
    this.#episodes = []
    this.#weather = { ...this.#weather, backgroundErrors: 0 }
  }

  call(target: string, nowMs: number): Call {
    this.#episodes = this.#episodes.filter(({ untilMs }) => untilMs > nowMs)
    const faults = this.#episodes
      .filter(({ targets, fromMs }) => fromMs <= nowMs && targets.includes(target))
      .map(({ fault }) => fault)
    for (const fault of faults) {
      if (fault.kind === 'failing' && this.#random.chance(fault.share)) return this.#refusal(fault)
      if (fault.kind === 'silent' && this.#random.chance(fault.share)) return { kind: 'silent' }
    }
    if (this.#random.chance(this.#weather.backgroundErrors))
      return this.#refusal({ kind: 'failing', failureClass: 'server_error', share: 1 })
    return this.#answer(faults)
  }

  #refusal({ failureClass, retryAfterMs, ramp }: Extract<Fault, { kind: 'failing' }>): Call {
    return {
      kind: 'refused',
      afterMs: this.#random.logNormal(refusalMedianMs, 0.5),
      failure: failure(failureClass, 'simulated', {
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
        ...(ramp === undefined ? {} : { ramp }),
      }),
    }
  }

  #answer(faults: readonly Fault[]): Call {
    const { firstTokenMedianMs, firstTokenSigma, answerMedianMs, costMedianNanoUsd } = this.#weather
    let firstTokenAfterMs = this.#random.logNormal(firstTokenMedianMs, firstTokenSigma)
    let costNanoUsd = this.#random.logNormal(costMedianNanoUsd, 0.5)
    let cutBy: Failure | null = null
    let broken = false
    for (const fault of faults) {
      if (fault.kind === 'slow') firstTokenAfterMs *= fault.factor
      if (fault.kind === 'dear') costNanoUsd *= fault.factor
      if (fault.kind === 'broken' && this.#random.chance(fault.share)) broken = true
      if (fault.kind === 'stalling' && this.#random.chance(fault.share))
        cutBy = failure('timeout', 'simulated stall')
    }
    const answerMs = this.#random.logNormal(answerMedianMs, 0.6)
    const endsAfterMs = firstTokenAfterMs + (cutBy === null ? answerMs : idleTimeoutMs)
    return { kind: 'answers', firstTokenAfterMs, endsAfterMs, cutBy, broken, costNanoUsd }
  }
}

/** A refusal comes fast: it is not computed. */
const refusalMedianMs = 120

/** `timeouts.idleTimeoutMs` of a route, its default. */
const idleTimeoutMs = 30_000
