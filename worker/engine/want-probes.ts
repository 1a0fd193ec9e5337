import type { PlannedStep } from '../policy/plan.ts'
import type { Ports } from './ports.ts'

/**
 * Asks for leave to try out what would have stood before the first choice. Not
 * for the tiers behind it: nobody is sent there while it answers, so a permit for
 * them would only keep the object from trying them itself.
 */
export function wantProbes(
  [first, ...rest]: readonly [PlannedStep, ...PlannedStep[]],
  { runtime, health }: Pick<Ports, 'runtime' | 'health'>,
): void {
  for (const { target, tier, barred } of [first, ...rest]) {
    const known = runtime.targets.get(target)
    if (barred && known !== undefined && (first.barred || tier <= first.tier)) health.want(known)
  }
}
