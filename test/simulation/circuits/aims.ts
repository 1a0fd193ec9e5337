import type { FailureClass } from '../../../worker/canonical/failure.ts'
import { fleetIsolates } from './comparison.ts'
import { fleetFalseTrips, outage, type Outage } from './fleet-trials.ts'
import { calmNetwork, fairNetwork, type NetworkWeather } from './network.ts'
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
  /** To every isolate that carries traffic, in that share of the outages. */
  knownWithinMs: 3000,
  knownShare: 0.95,
  /** Over all isolates, in the worst outage of the run, probes of its first seconds included. */
  failedFirstAttempts: 40,
  backgroundErrors: 0.03,
}

const outageClasses = ['server_error', 'connect', 'overloaded'] as const

/** How messages fare in the outages of the aims: what the network costs is seen beside what the rules cost. */
const networks = [
  { name: 'no message lost', weather: calmNetwork },
  { name: 'messages lost and late', weather: fairNetwork },
] as const

/** Watched behind the opening: the first probes are in it, ms. */
const watchMs = 10_000

export async function outagesOf(
  seeds: readonly number[],
  failureClass: FailureClass | 'silence',
  isolates: number,
  network: NetworkWeather = fairNetwork,
): Promise<readonly Outage[]> {
  const outages: Outage[] = []
  for (const number of seeds) {
    const seed = `outage ${number}`
    const shape = onsetShape(seed, promises.requestsPerS, 1)
    const trial = { seed, isolates, network, failureClass, shape }
    outages.push(await outage(trial, watchMs, longestMs))
  }
  return outages
}

export async function outageAims(
  seeds: readonly number[],
  progress: (text: string) => void,
): Promise<readonly Aim[]> {
  const aims: Aim[] = []
  for (const failureClass of outageClasses)
    for (const { name, weather } of networks) {
      progress(`outages of ${failureClass}, ${name}`)
      const found = await outagesOf(seeds, failureClass, fleetIsolates, weather)
      const title = `total outage (${failureClass}) at ${promises.requestsPerS} rps, ${fleetIsolates} isolates, ${name}`
      aims.push(...aimsOf(title, found))
    }
  return aims
}

function aimsOf(title: string, outages: readonly Outage[]): readonly Aim[] {
  const { knownWithinMs, knownShare, failedFirstAttempts } = promises
  const known = outages.map(({ allKnowAfterMs }) => allKnowAfterMs)
  const opened = outages.map(({ openedAfterMs }) => openedAfterMs)
  const failed = outages.map((one) => one.failed)
  const visible = outages.reduce((sum, one) => sum + one.visible, 0)
  const mostMs = quantile(known, knownShare)
  return [
    {
      name: `${title}: known to all that carry traffic within ${seconds(knownWithinMs)} in ${knownShare * 100} % of the outages`,
      measured: `${spread(known)}; of it until it opens ${spread(opened)}`,
      holds: mostMs !== null && mostMs <= knownWithinMs,
    },
    {
      name: `${title}: under ${failedFirstAttempts} failed first attempts`,
      measured: `${median(failed)}, worst ${Math.max(...failed)}`,
      holds: Math.max(...failed) < failedFirstAttempts,
    },
    {
      name: `${title}: none visible to users with a second tier`,
      measured: String(visible),
      holds: visible === 0,
    },
  ]
}

/** Median, 95th percentile, worst. */
function spread(timesMs: readonly (number | null)[]): string {
  const at = (share: number) => seconds(quantile(timesMs, share))
  return `${at(0.5)}, 95 % ${at(0.95)}, worst ${at(1)}`
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
