import { failureTable, type Failure } from '../canonical/failure.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { IsolateMemory } from './ports.ts'
import { RetryBudget } from './retry-budget.ts'

/** What may be tried after `failure`: everything, nothing, or only targets with a larger context. */
export function fallbackSteps(
  step: PlannedStep,
  failure: Failure,
  rest: readonly PlannedStep[],
): readonly PlannedStep[] {
  if (failure.targetFault === true) return rest
  switch (failureTable[failure.class].fallback) {
    case 'yes':
    case 'preferred':
      return rest
    case 'no':
      return []
    case 'larger-context':
      return rest.filter(({ contextTokens }) => (contextTokens ?? 0) > (step.contextTokens ?? 0))
  }
}

/** Full jitter over the class's base; an overloaded provider is left alone for at least a second, or as long as it asks. */
export function retryDelayMs(failure: Failure, random: number): number {
  const { retryBaseMs } = failureTable[failure.class]
  if (failure.class === 'overloaded')
    return Math.max(retryBaseMs, failure.retryAfterMs ?? 0) * (1 + 0.2 * random)
  return retryBaseMs * random
}

export function budgetOf(memory: IsolateMemory, provider: string): RetryBudget {
  let budget = memory.retryBudgets.get(provider)
  if (budget === undefined) memory.retryBudgets.set(provider, (budget = new RetryBudget()))
  return budget
}
