import type { CanonicalRequest } from '../../canonical/request.ts'
import type { Target } from '../runtime.ts'
import { type Calibration, learnedBasisPoints } from './calibration.ts'
import type { ScopeSet } from './holder-state.ts'
import type { CallTerms } from './settlement.ts'
import {
  type Bounded,
  defaultWorstCaseRules,
  type PricedTarget,
  type Refused,
  worstCase,
} from './worst-case.ts'

/** Whether some budget of a request is hard. `unknown`: its ledger has not said yet. */
export type BudgetKind = 'hard' | 'soft' | 'unknown'

/** By what an attempt is bounded. */
export interface BoundRules {
  readonly kind: BudgetKind
  /** The tenant wants a bound that is enforced, also where all budgets are soft. */
  readonly isStrict: boolean
  /** A budget has crossed a threshold that asks for short answers. */
  readonly isClamped: boolean
}

export interface BoundedAttempt extends Bounded {
  readonly rules: BoundRules
  /** `outputTokens` has to be sent as the limit, or this is no bound. */
  readonly isEnforced: boolean
  /** The longest answer without a threshold that makes it shorter. */
  readonly askedOutputTokens: number
  /** What it counts for where tokens are limited. */
  readonly tokens: number
  /** Bound of its input by bytes, tokens; null where something in it has none: nothing is learned from that. */
  readonly byteTokens: number | null
}

export interface AttemptTerms extends CallTerms {
  readonly mayHideReasoning: boolean
  readonly byteTokens: number | null
}

/** The longest answer while a threshold asks for short ones, tokens. */
export const clampedOutputTokens = 1024
/** Where nobody knows how long an answer, or a window, can be, tokens. */
export const longestAnswerTokens = 16_384
const largeContextTokens = 1_000_000

/** What is known of the budgets of a request, as rules. */
export function rulesOf(set: ScopeSet | null, isStrict: boolean): BoundRules {
  if (set === null) return { kind: 'unknown', isStrict, isClamped: false }
  return {
    kind: set.remainingNanoUsd === null ? 'soft' : 'hard',
    isStrict,
    isClamped: set.actions.includes('clamp'),
  }
}

/**
 * The most that one call can cost. Hard: by bytes, with a limit that is enforced (`reliability.md` 3.3). Soft: as long
 * as the model can answer, with what was learned of prompts of this model. Unknown: as if hard, where that is possible,
 * so that nobody sets aside what others need; it is asked for again if that turns out too little.
 */
export function boundOf(
  request: CanonicalRequest,
  target: Target,
  rules: BoundRules,
  calibration: Calibration,
): BoundedAttempt | Refused {
  const limited = rules.isClamped ? clamped(request) : request
  // What costs nothing needs no bound.
  if (target.facts?.free === true) return loose(request, limited, target, rules, null)
  if (rules.kind === 'soft' && !rules.isStrict)
    return loose(request, limited, target, rules, calibration)
  const bound = worstCase(limited, pricedTarget(target), defaultWorstCaseRules)
  if (bound.kind === 'bounded') return attempt(bound, request, target, rules, true)
  return rules.kind === 'unknown' && !rules.isStrict && bound.reason !== 'unpriced'
    ? loose(request, limited, target, rules, null)
    : bound
}

/** Nothing is enforced, and what has no bound counts as a full window. `calibration` null: nothing learned is used. */
function loose(
  request: CanonicalRequest,
  limited: CanonicalRequest,
  target: Target,
  rules: BoundRules,
  calibration: Calibration | null,
): BoundedAttempt | Refused {
  const known = pricedTarget(target)
  const priced = { contextTokens: largeContextTokens, ...known }
  const looseRules = {
    isStrict: false,
    defaultOutputTokens: known.maxOutputTokens ?? longestAnswerTokens,
    leastOutputTokens: defaultWorstCaseRules.leastOutputTokens,
  }
  const bound = worstCase(limited, priced, looseRules)
  if (bound.kind === 'refused') return bound
  const whole = attempt(bound, request, target, rules, rules.isClamped)
  if (calibration === null || !bound.isText) return whole
  const basisPoints = learnedBasisPoints(calibration, target.name)
  if (basisPoints >= 10_000) return whole
  const estimate = { inputTokens: bound.inputTokens, basisPoints }
  const likely = worstCase(limited, priced, { ...looseRules, estimate })
  return likely.kind === 'refused' ? whole : { ...whole, ...likely }
}

function attempt(
  bound: Bounded,
  { maxOutputTokens }: CanonicalRequest,
  target: Target,
  rules: BoundRules,
  isEnforced: boolean,
): BoundedAttempt {
  const { inputTokens, outputTokens, answers, isText } = bound
  const { defaultOutputTokens } = defaultWorstCaseRules
  const most = target.facts?.maxOutputTokens ?? Infinity
  // An answer that nobody limited counts as one of the usual length: as its longest it would fit no limit of tokens.
  const usual = maxOutputTokens === undefined ? defaultOutputTokens : outputTokens
  return {
    ...bound,
    rules,
    isEnforced,
    askedOutputTokens: Math.min(maxOutputTokens ?? defaultOutputTokens, most),
    tokens: inputTokens + Math.min(usual, outputTokens) * answers,
    byteTokens: isText ? inputTokens : null,
  }
}

function clamped(request: CanonicalRequest): CanonicalRequest {
  const { maxOutputTokens = Infinity } = request
  return maxOutputTokens <= clampedOutputTokens
    ? request
    : { ...request, maxOutputTokens: clampedOutputTokens }
}

/** Targets live as long as the configuration. */
const pricedTargets = new WeakMap<Target, PricedTarget>()

function pricedTarget(target: Target): PricedTarget {
  let priced = pricedTargets.get(target)
  if (priced === undefined) pricedTargets.set(target, (priced = toPriced(target)))
  return priced
}

function toPriced({ provider, facts, adapterTarget }: Target): PricedTarget {
  return {
    provider: provider.id,
    model: adapterTarget.upstreamModel,
    prices: facts?.prices ?? null,
    ...(facts?.contextTokens === undefined ? {} : { contextTokens: facts.contextTokens }),
    ...(facts?.maxOutputTokens === undefined ? {} : { maxOutputTokens: facts.maxOutputTokens }),
  }
}
