import { newCourse, withCalls } from '../../durable-objects/provider-health/rules/trial.ts'
import { seededRandom } from '../../worker/policy/seeded-random.ts'

export interface TrialRun {
  /** Share of the requests that go to the canary. */
  readonly share: number
  /** Share of calls that fail on the side of the others, and on the canary's. */
  readonly controlRate: number
  readonly canaryRate: number
  /** The run ends after so many calls of the canary. */
  readonly canaryCalls: number
  readonly seed: number
}

/** Calls come in reports of about so many. */
const reportCalls = 20

/** After how many of its own calls the canary of one run was stopped; null when it was not. */
export function stoppedAfter({
  share,
  controlRate,
  canaryRate,
  canaryCalls,
  seed,
}: TrialRun): number | null {
  const random = seededRandom(seed)
  let course = newCourse
  let seen = 0
  while (seen < canaryCalls) {
    const more = {
      canary: { calls: 0, bad: 0 },
      control: { calls: 0, bad: 0 },
    }
    for (let call = 0; call < reportCalls; call += 1) {
      const isCanary = random() < share
      const side = isCanary ? more.canary : more.control
      side.calls += 1
      if (random() < (isCanary ? canaryRate : controlRate)) side.bad += 1
    }
    seen += more.canary.calls
    course = withCalls(course, more)
    if (course.isWorse) return seen
  }
  return null
}

/** Of `runs` runs, those that were stopped, with seeds that follow on one another. */
export function stops(run: Omit<TrialRun, 'seed'>, runs: number, firstSeed: number): number[] {
  return Array.from({ length: runs }, (_, index) => firstSeed + index).flatMap((seed) => {
    const after = stoppedAfter({ ...run, seed })
    return after === null ? [] : [after]
  })
}
