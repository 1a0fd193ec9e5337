import type { ProviderPreferences } from '../canonical/request.ts'
import type { Candidate } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import type { RankingFacts } from './ranking.ts'
import type { RoutePolicy } from './route-policy.ts'

/** Everything a plan is made of: plain data, never the text of a message. The same input gives the same plan. */
export interface PlanInput {
  readonly facts: RequestFacts
  /** The caller's `provider`: it narrows only. */
  readonly preferences: ProviderPreferences
  readonly candidates: readonly Candidate[]
  readonly policy: RoutePolicy
  /** What the order goes by beside the targets; absent where the route has no such options. */
  readonly ranking?: RankingFacts
  /** A budget has crossed a threshold that asks for the cheapest first. */
  readonly isThrifty: boolean
  readonly nowMs: number
  /** A uint32; all chance of the plan comes from it. */
  readonly seed: number
}
