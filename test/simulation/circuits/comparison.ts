import { fleetFalseTrips, fleetLongOutage, outage } from './fleet-trials.ts'
import { falseTrips, longOutage, onset, outageMsOf, ruleMakers } from './rule-trials.ts'
import { median, quantile, seconds, shortNumber, type Table } from './statistics.ts'
import { onsetShape } from './traces.ts'

export interface ComparisonOptions {
  /** Traces for each cell of onsets, for rules alone and for the whole protocol. */
  readonly ruleTraces: number
  readonly fleetTraces: number
  /** Simulated hours behind each count of false trips. */
  readonly hours: number
  readonly progress: (text: string) => void
}

const rates = [10, 2, 0.5] as const
const shares = [1, 0.6, 0.4, 0.3] as const
/** The reference counts false trips at half of the rates of its onsets. */
const falseTripRates = [5, 1, 0.3] as const
const errorShares = [0.01, 0.03, 0.05, 0.1] as const

export const fleetIsolates = 5

/** `reliability.md` 1.3, rows "6 s + 30 s". */
const reference: readonly (readonly string[])[] = [
  ['2.0 s (20)', '3.5 s', '5.3 s', '11 s', '0 / 0 / 0 / 3.7'],
  ['3.0 s (7)', '5.1 s', '8.0 s', '19 s', '0 / 0 / 0.33 / 11'],
  ['12 s (7)', '22 s', '37 s', '76 s', '0 / 0 / 0 / 3.7'],
]

/** The table of `reliability.md` 1.3, measured: the rules alone, in a fleet, and two other rules on the same traces. */
export async function comparisonTable(options: ComparisonOptions): Promise<Table> {
  const rows: (readonly string[])[] = []
  for (const [index, rate] of rates.entries()) {
    const falseRate = falseTripRates[index] ?? rate
    const title = (name: string) => `${rate} rps, ${name}`
    rows.push([title('reference'), ...(reference[index] ?? [])])
    for (const make of ruleMakers) {
      const { name } = make('')
      options.progress(`${name} at ${rate} rps`)
      const cells = shares.map((share) =>
        onsetCell(seedsOf(options.ruleTraces).map((seed) => onset(make(seed), seed, rate, share))),
      )
      const trips = errorShares.map((share) =>
        perDay(
          falseTrips(make('day'), `day ${share}`, falseRate, share, options.hours),
          options.hours,
        ),
      )
      rows.push([title(name), ...cells, trips.join(' / ')])
    }
    rows.push([title('Switchyard, fleet of 5'), ...(await fleetCells(rate, falseRate, options))])
  }
  return {
    title: 'Detection, and trips for nothing',
    header: [
      'rate, rule',
      'total outage',
      '60 % fail',
      '40 % fail',
      '30 % fail',
      'false trips a day at 1 / 3 / 5 / 10 % errors; here at 5, 1 and 0.3 rps',
    ],
    rows,
    notes: [
      `Median time from the beginning of the fault on top of 1 % errors to the trip, in brackets failed requests until then, then the 95th percentile; ${options.ruleTraces} traces a cell (fleet: ${options.fleetTraces}), false trips over ${shortNumber(options.hours)} simulated hours a cell. A fault that was not found within half an hour counts as never.`,
    ],
  }
}

function seedsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `onset ${index}`)
}

function onsetCell(
  found: readonly { readonly afterMs: number | null; readonly failed: number }[],
): string {
  const times = found.map(({ afterMs }) => afterMs)
  const middle = median(times)
  if (middle === null) return 'never'
  const failed = median(found.map(({ failed }) => failed)) ?? 0
  return `${seconds(middle)} (${failed}), ${seconds(quantile(times, 0.95))}`
}

function perDay(trips: number, hours: number): string {
  return shortNumber((trips * 24) / hours)
}

async function fleetCells(
  rate: number,
  falseRate: number,
  { fleetTraces, hours, progress }: ComparisonOptions,
): Promise<string[]> {
  const trial = { isolates: fleetIsolates, failureClass: 'server_error' } as const
  const cells: string[] = []
  for (const share of shares) {
    progress(`fleet at ${rate} rps, ${share * 100} % fail`)
    const found = []
    for (const seed of seedsOf(fleetTraces)) {
      const shape = onsetShape(seed, rate, share)
      const { openedAfterMs, failedUntilOpen } = await outage(
        { ...trial, seed, shape },
        0,
        longestMs,
      )
      found.push({ afterMs: openedAfterMs, failed: failedUntilOpen })
    }
    cells.push(onsetCell(found))
  }
  const trips: string[] = []
  for (const share of errorShares) {
    const shape = { requestsPerS: falseRate, failing: () => share }
    const counted = await fleetFalseTrips(
      { ...trial, seed: `day ${share}`, shape },
      hours,
      (hour) => progress(`fleet at ${falseRate} rps with ${share * 100} % errors: hour ${hour}`),
    )
    trips.push(perDay(counted, hours))
  }
  return [...cells, trips.join(' / ')]
}

/** What a dead provider costs while it stays dead, and how soon it is used again. */
export async function longOutageTable({
  progress,
  fleetTraces,
}: ComparisonOptions): Promise<Table> {
  const rows: (readonly string[])[] = []
  const seeds = seedsOf(Math.min(10, fleetTraces))
  for (const make of ruleMakers.slice(1)) {
    const found = seeds.map((seed) => longOutage(make(seed), seed, 10))
    rows.push([
      make('').name,
      String(median(found.map(({ failed }) => failed))),
      seconds(median(found.map(({ backAfterMs }) => backAfterMs))),
      'all at once',
    ])
  }
  progress('fleet in an outage of ten minutes')
  const found = []
  for (const seed of seeds)
    found.push(
      await fleetLongOutage(
        { seed, isolates: fleetIsolates, failureClass: 'server_error' },
        10,
        outageMsOf(seed),
      ),
    )
  rows.push([
    'Switchyard, fleet of 5',
    String(median(found.map(({ failed }) => failed))),
    seconds(median(found.map(({ backAfterMs }) => backAfterMs))),
    'over 30 s more',
  ])
  return {
    title: 'Ten minutes of total outage at 10 rps',
    header: [
      'rule',
      'failed first attempts',
      'closed after the recovery',
      'its traffic comes back',
    ],
    rows,
    notes: [
      `Medians of ${seeds.length} traces. In the fleet each of these attempts had its fallback; waits grow to two minutes, which is what the later return costs.`,
    ],
  }
}

const longestMs = 1_800_000
