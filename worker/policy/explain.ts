import type { Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import type { SourcedConstraint } from './constraint.ts'
import type { Plan } from './plan.ts'
import { plainPolicy, type RoutePolicy, type TierIntent } from './route-policy.ts'

/** What `POST /v1/explain` says: the plan as it would be carried out, and why. */
export interface Explanation {
  readonly steps: readonly {
    readonly target: string
    readonly tier: number
    /** Why its tier is there, where the route says so. */
    readonly intent?: TierIntent
    readonly reason: string
    readonly warnings: readonly string[]
    /** What the objective of its tier makes of it, the lower the better (nano-USD, ms, or 0 to 1); null: unknown. */
    readonly score?: number | null
  }[]
  readonly exclusions: readonly Exclusion[]
  readonly facts: {
    readonly needs: readonly string[]
    readonly wishes: readonly string[]
    readonly prompt_tokens_estimate: number
    readonly max_output_tokens: number | null
    readonly class: string | null
    readonly size: string
    readonly data_class: string | null
    /** What the detectors found; null: nobody asked them. */
    readonly data_found: readonly string[] | null
    readonly region: string | null
    readonly tenant_tier: string | null
    readonly channel: string | null
    readonly environment: string | null
    readonly latency_budget_ms: number | null
    readonly messages: number
    readonly tools: number
    readonly stream: boolean
  }
  /** All that had to be met, and who asked for it. */
  readonly constraints: readonly SourcedConstraint[]
}

/** A request that is refused has no steps. */
export function explain(plan: Plan, policy: RoutePolicy = plainPolicy): Explanation {
  return {
    steps:
      plan.kind === 'none'
        ? []
        : plan.steps.map(({ target, tier, intent, reason, warnings, score }) => ({
            target,
            tier: tier + 1,
            ...(intent === undefined ? {} : { intent }),
            reason,
            warnings,
            ...(score === undefined ? {} : { score }),
          })),
    exclusions: plan.exclusions,
    facts: factsOf(plan.facts),
    constraints: policy.constraints ?? [],
  }
}

function factsOf(facts: RequestFacts): Explanation['facts'] {
  return {
    needs: facts.needs.map(({ feature }) => feature),
    wishes: [...facts.preferred, ...facts.wishes].map(({ feature }) => feature),
    prompt_tokens_estimate: facts.promptTokens,
    max_output_tokens: facts.maxOutputTokens,
    class: facts.class,
    size: facts.size,
    data_class: facts.dataClass,
    data_found: facts.found,
    region: facts.region,
    tenant_tier: facts.tenantTier,
    channel: facts.channel,
    environment: facts.environment,
    latency_budget_ms: facts.latencyBudgetMs,
    messages: facts.messages,
    tools: facts.tools,
    stream: facts.stream,
  }
}
