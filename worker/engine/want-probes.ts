import type { PlannedStep } from '../policy/plan.ts'
import type { Ports } from './ports.ts'

/**
 * Asks for leave to try out what would have stood before the first choice. Not
 * for the tiers behind it: nobody is sent there while it answers, so a permit for
 * them would only keep the object from trying them itself.
 */
export function wantProbes(
  steps: readonly [PlannedStep, ...PlannedStep[]],
  { runtime, health }: Pick<Ports, 'runtime' | 'health'>,
): void {
  const [first] = steps
  for (const { target, tier, barred } of steps) {
    if (!barred || (!first.barred && tier > first.tier)) continue
    const known = runtime.targets.get(target)
    if (known !== undefined) health.want(known)
  }
}
