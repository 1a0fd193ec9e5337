import type { CanonicalRequest } from '../../canonical/request.ts'
import type { Target } from '../runtime.ts'
import { type Calibration, learnedBasisPoints } from './calibration.ts'
import type { CallTerms } from './settlement.ts'
import { type Bounded, defaultWorstCaseRules, type Refused, worstCase } from './worst-case.ts'

/** Whether some budget of a request is hard. `unknown`: its ledger has not said yet. */
export type BudgetKind = 'hard' | 'soft' | 'unknown'

export interface BoundedAttempt extends Bounded {
  /** Bound of its input by bytes, whatever was learned, tokens. */
  readonly byteTokens: number
}

export interface AttemptTerms extends CallTerms {
  readonly mayHideReasoning: boolean
  readonly byteTokens: number
}

/** Where neither the caller nor the catalog knows how long an answer can be, tokens. */
const longestAnswerTokens = 16_384

/**
 * The most that one call can cost. Hard: by bytes, with a limit that is enforced (`reliability.md` 3.3). Soft: with
 * what was learned of prompts of this model. Unknown: a bound for either, as far as there is one.
 */
export function boundOf(
  request: CanonicalRequest,
  target: Target,
  kind: BudgetKind,
  isStrict: boolean,
  calibration: Calibration,
): BoundedAttempt | Refused {
  const { provider, facts, name } = target
  const priced = {
    provider: provider.id,
    model: target.adapterTarget.upstreamModel,
    prices: facts?.prices ?? null,
    ...(facts?.contextTokens === undefined ? {} : { contextTokens: facts.contextTokens }),
    ...(facts?.maxOutputTokens === undefined ? {} : { maxOutputTokens: facts.maxOutputTokens }),
  }
  if (kind === 'hard' || isStrict) return bytes(worstCase(request, priced, defaultWorstCaseRules))
  const { leastOutputTokens } = defaultWorstCaseRules
  const rules = { isStrict: false, defaultOutputTokens: longestAnswerTokens, leastOutputTokens }
  const bound = worstCase(request, priced, rules)
  if (kind === 'unknown' || bound.kind === 'refused') return bytes(bound)
  const basisPoints = learnedBasisPoints(calibration, name)
  if (basisPoints >= 10_000) return bytes(bound)
  const likely = worstCase(request, priced, {
    ...rules,
    estimate: { inputTokens: bound.inputTokens, basisPoints },
  })
  return bytes(likely, bound.inputTokens)
}

function bytes(bound: Bounded | Refused, byteTokens?: number): BoundedAttempt | Refused {
  if (bound.kind === 'refused') return bound
  return { ...bound, byteTokens: byteTokens ?? bound.inputTokens }
}

export function tokensOf({ inputTokens, outputTokens, answers }: Bounded): number {
  return inputTokens + outputTokens * answers
}
