import type { FailureClass } from '../../../worker/canonical/failure.ts'
import { fleetIsolates } from './comparison.ts'
import { fleetFalseTrips, outage, type Outage } from './fleet-trials.ts'
import { median, quantile, seconds, shortNumber, type Table } from './statistics.ts'
import { onsetShape } from './traces.ts'

/** What issue 3 promises, and what was measured. */
export interface Aim {
  readonly name: string
  readonly measured: string
  readonly holds: boolean
}

/** The promises, in one place. */
export const promises = {
  requestsPerS: 10,
  /** To every isolate that carries traffic, in the median outage: the rules alone need 2 s for half of the outages and 3 s for 19 of 20. */
  knownWithinMs: 3000,
  /** Over all isolates, in the worst outage of the run, probes of its first seconds included. */
  failedFirstAttempts: 40,
  backgroundErrors: 0.03,
}

const outageClasses = ['server_error', 'connect', 'overloaded'] as const

/** Watched behind the opening: the first probes are in it, ms. */
const watchMs = 10_000

export async function outagesOf(
  seeds: readonly number[],
  failureClass: FailureClass | 'silence',
  isolates: number,
): Promise<readonly Outage[]> {
  const outages: Outage[] = []
  for (const number of seeds) {
    const seed = `outage ${number}`
    const shape = onsetShape(seed, promises.requestsPerS, 1)
    outages.push(await outage({ seed, isolates, failureClass, shape }, watchMs, longestMs))
  }
  return outages
}

export async function outageAims(
  seeds: readonly number[],
  progress: (text: string) => void,
): Promise<readonly Aim[]> {
  const aims: Aim[] = []
  for (const failureClass of outageClasses) {
    progress(`outages of ${failureClass}`)
    const found = await outagesOf(seeds, failureClass, fleetIsolates)
    const known = found.map(({ allKnowAfterMs }) => allKnowAfterMs)
    const failed = found.map((one) => one.failed)
    const visible = found.reduce((sum, one) => sum + one.visible, 0)
    const half = median(known)
    const name = `total outage (${failureClass}) at ${promises.requestsPerS} rps, ${fleetIsolates} isolates`
    aims.push(
      {
        name: `${name}: known to all that carry traffic within ${seconds(promises.knownWithinMs)} in the median`,
        measured: `${seconds(half)}, 95 % ${seconds(quantile(known, 0.95))}`,
        holds: half !== null && half <= promises.knownWithinMs,
      },
      {
        name: `${name}: under ${promises.failedFirstAttempts} failed first attempts`,
        measured: `${median(failed)}, worst ${Math.max(...failed)}`,
        holds: Math.max(...failed) < promises.failedFirstAttempts,
      },
      {
        name: `${name}: none visible to users with a second tier`,
        measured: String(visible),
        holds: visible === 0,
      },
    )
  }
  return aims
}

export async function quietDayAim(hours: number, progress: (text: string) => void): Promise<Aim> {
  const share = promises.backgroundErrors
  const trips = await fleetFalseTrips(
    {
      seed: 'quiet day',
      isolates: fleetIsolates,
      failureClass: 'server_error',
      shape: { requestsPerS: promises.requestsPerS, failing: () => share },
    },
    hours,
    (hour) => progress(`quiet day: hour ${hour}`),
  )
  return {
    name: `no false trip in ${shortNumber(hours)} simulated hours at ${share * 100} % errors, ${promises.requestsPerS} rps`,
    measured: String(trips),
    holds: trips === 0,
  }
}

/** How the size of the fleet changes what an outage costs, and what a provider does that says nothing at all. */
export async function fleetSizeTable(
  seeds: readonly number[],
  progress: (text: string) => void,
): Promise<Table> {
  const rows: (readonly string[])[] = []
  for (const failureClass of ['server_error', 'overloaded', 'silence'] as const)
    for (const isolates of [1, 5, 20]) {
      progress(`${failureClass} with ${isolates} isolates`)
      const found = await outagesOf(seeds, failureClass, isolates)
      const opened = found.map(({ openedAfterMs }) => openedAfterMs)
      const known = found.map(({ allKnowAfterMs }) => allKnowAfterMs)
      rows.push([
        failureClass,
        String(isolates),
        `${seconds(median(opened))}, ${seconds(quantile(opened, 0.95))}`,
        `${seconds(median(known))}, ${seconds(quantile(known, 0.95))}`,
        `${median(found.map((one) => one.failed))}, ${Math.max(...found.map((one) => one.failed))}`,
        String(found.reduce((sum, one) => sum + one.visible, 0)),
      ])
    }
  return {
    title: `Total outage at ${promises.requestsPerS} rps, by the size of the fleet`,
    header: [
      'calls end as',
      'isolates',
      'open: median, 95 %',
      'all that carry traffic told: median, 95 %',
      'failed first attempts: median, worst',
      'visible to users',
    ],
    rows,
    notes: [
      `${seeds.length} outages a row; failed first attempts until ${watchMs / 1000} s behind the opening, probes included. \`silence\`: the provider takes the call and never says a word, so that nothing is known before the first call is given up.`,
    ],
  }
}

const longestMs = 120_000
