import type { ConfigProblem } from './config-problem.ts'
import { ConfigurationError, describeProblems } from './config.ts'
import { intentDoubts } from './intent-lint.ts'
import { retiringTargets } from './retirements.ts'
import { routeCircles } from './route-circles.ts'
import { routeDoubts } from './route-lint.ts'
import type { Runtime } from './runtime.ts'
import { doubtful, impossible } from './target-lint.ts'

/** Throws when the configuration asks for what can never be: a constraint that leaves no target. */
export function refuseImpossible(runtime: Runtime): void {
  const problems = impossible(runtime)
  if (problems.length > 0)
    throw new ConfigurationError(`routes.json is refused:\n${describeProblems(problems)}`, problems)
}

/** What is doubtful in a configuration that loads: printed at the start and by `npm run lint:config`. */
export function doubtsOf(runtime: Runtime, nowMs: number): ConfigProblem[] {
  return [
    ...routeCircles(runtime.config.rules ?? [], [...runtime.routes.keys()]).warnings,
    ...intentDoubts(runtime),
    ...detectorDoubts(runtime),
    ...doubtful(runtime),
    ...routeDoubts(runtime),
    ...retiringTargets(runtime, nowMs),
  ]
}

/** Rules that wait for a detector that is off. */
function detectorDoubts({ config, policies }: Runtime): ConfigProblem[] {
  const text = JSON.stringify((config.rules ?? []).map(({ when }) => when))
  return Object.entries(policies.detectors).flatMap(([finding, raises]) =>
    raises === null && text.includes('"found"') && text.includes(`"${finding}"`)
      ? [
          {
            path: `detectors.${finding}`,
            rule: 'is off, and a rule asks what it finds',
            value: 'off',
          },
        ]
      : [],
  )
}
