import type { Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import type { Plan } from './plan.ts'

/** What `POST /v1/explain` says: the plan as it would be carried out, and why. */
export interface Explanation {
  readonly steps: readonly {
    readonly target: string
    readonly tier: number
    readonly reason: string
    readonly warnings: readonly string[]
  }[]
  readonly exclusions: readonly Exclusion[]
  readonly facts: {
    readonly needs: readonly string[]
    readonly wishes: readonly string[]
    readonly prompt_tokens_estimate: number
    readonly max_output_tokens: number | null
  }
}

export function explain(plan: Plan): Explanation {
  return {
    steps:
      plan.kind === 'none'
        ? []
        : plan.steps.map(({ target, tier, reason, warnings }) => ({
            target,
            tier: tier + 1,
            reason,
            warnings,
          })),
    exclusions: plan.exclusions,
    facts: factsOf(plan.facts),
  }
}

function factsOf(facts: RequestFacts): Explanation['facts'] {
  return {
    needs: facts.needs.map(({ feature }) => feature),
    wishes: [...facts.preferred, ...facts.wishes].map(({ feature }) => feature),
    prompt_tokens_estimate: facts.promptTokens,
    max_output_tokens: facts.maxOutputTokens,
  }
}
