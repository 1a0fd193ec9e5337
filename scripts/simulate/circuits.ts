import {
  outageAims,
  quietDayAim,
  fleetSizeTable,
  type Aim,
} from '../../test/simulation/circuits/aims.ts'
import { newBranches, type Branches } from '../../test/simulation/circuits/branches.ts'
import { calmBoundMs } from '../../test/simulation/circuits/calm.ts'
import { chaosDefaults, runChaos, type ChaosResult } from '../../test/simulation/circuits/chaos.ts'
import { comparisonTable, longOutageTable } from '../../test/simulation/circuits/comparison.ts'
import { median, quantile, seconds, type Table } from '../../test/simulation/circuits/statistics.ts'
import type { Suite, SuiteFailure, SuiteOptions, SuiteReport } from './suite.ts'

/** Provider health: isolates, objects, networks and providers that fail in every way there is. */
export const circuits: Suite = {
  name: 'circuits',
  run: async (options) => {
    const branches = newBranches()
    const chaos = await allSeeds(options, branches)
    if (options.isReplay) return { ...chaos, tables: [], checks: options.seeds.length }
    const outages = Array.from({ length: outageSeeds }, (_, index) => index + 1)
    const aims = [
      ...(await outageAims(outages, options.progress)),
      await quietDayAim(options.hours, options.progress),
    ]
    const sizes = { ruleTraces: 200, fleetTraces: 40, hours: options.hours }
    const comparison = { ...sizes, progress: options.progress }
    const tables = [
      await comparisonTable(comparison),
      await longOutageTable(comparison),
      await fleetSizeTable(outages.slice(0, sizes.fleetTraces), options.progress),
      aimsTable(aims),
      chaos.calmTable,
      branchTable(branches),
    ]
    return {
      failures: [
        ...chaos.failures,
        ...aims.filter(({ holds }) => !holds).map(missedAim),
        ...neverReached(branches, options),
      ],
      tables,
      log: chaos.log,
      checks: options.seeds.length + aims.length,
    }
  },
}

interface ChaosReport extends Pick<SuiteReport, 'failures' | 'log'> {
  readonly calmTable: Table
}

/** Every seed once, and some of them twice: a replay that differs would make every other replay worthless. */
async function allSeeds(options: SuiteOptions, branches: Branches): Promise<ChaosReport> {
  const failures: SuiteFailure[] = []
  const calmAfterMs: (number | null)[] = []
  let log: readonly string[] = []
  for (const [index, seed] of options.seeds.entries()) {
    options.progress(`seed ${seed}: ${index} of ${options.seeds.length} done`)
    const keptLines = options.keepsLog ? Infinity : chaosDefaults.keptLines
    const result = await runChaos(nameOf(seed), { ...chaosDefaults, keptLines })
    branches.add(result.world.branches)
    log = result.world.log.lines
    if (result.broken === null) calmAfterMs.push(result.calmAfterMs)
    else failures.push({ what: result.broken, seed, log: log.slice(-shownLines) })
    if ((options.isReplay || index % replayEvery === 0) && !(await isReplayed(seed, result)))
      failures.push({ what: 'a second run of the seed was another one', seed, log: [] })
  }
  return { failures, log, calmTable: calmTable(options.seeds.length, calmAfterMs) }
}

async function isReplayed(seed: number, { world }: ChaosResult): Promise<boolean> {
  const again = await runChaos(nameOf(seed), { ...chaosDefaults, keptLines: 0 })
  return again.world.log.hash === world.log.hash && again.world.log.count === world.log.count
}

function nameOf(seed: number): string {
  return `circuits ${seed}`
}

function missedAim({ name, measured }: Aim): SuiteFailure {
  return { what: `aim missed: ${name}: ${measured}`, seed: null, log: [] }
}

function neverReached(branches: Branches, { seeds }: SuiteOptions): SuiteFailure[] {
  if (seeds.length < seedsForBranches) return []
  return branches.never.map((name) => ({
    what: `never reached in ${seeds.length} seeds: ${name}`,
    seed: null,
    log: [],
  }))
}

function aimsTable(aims: readonly Aim[]): Table {
  return {
    title: 'Aims',
    header: ['aim', 'measured', ''],
    rows: aims.map(({ name, measured, holds }) => [name, measured, holds ? 'holds' : '**missed**']),
    notes: [
      `${outageSeeds} outages for each class. Messages lost and late: one in a thousand each, and as many come twice or after their call was given up. An isolate carries traffic when it asked the provider within 2.5 s of the beginning; a failed first attempt counts until ten seconds behind the opening. The standby never fails, so that what users see is the circuits' doing alone.`,
    ],
  }
}

function calmTable(seeds: number, calmAfterMs: readonly (number | null)[]): Table {
  return {
    title: 'Faults of every kind, and the calm after them',
    header: ['seeds', 'green', 'calm after the last fault: median', '95 %', 'worst', 'bound'],
    rows: [
      [
        String(seeds),
        String(calmAfterMs.length),
        seconds(median(calmAfterMs)),
        seconds(quantile(calmAfterMs, 0.95)),
        seconds(quantile(calmAfterMs, 1)),
        seconds(calmBoundMs),
      ],
    ],
    notes: [
      'Calm: every circuit closed, every ramp over, every gate open, every permit back. The long waits are standbys that nobody asks: the object probes them by itself, once a minute, ten times.',
    ],
  }
}

function branchTable(branches: Branches): Table {
  return {
    title: 'Rare branches',
    header: ['branch', 'times'],
    rows: [...branches.counts].map(([name, count]) => [name, String(count)]),
    notes: [],
  }
}

/** Enough that 19 of 20 of them are no single one. */
const outageSeeds = 100

const shownLines = 12

const replayEvery = 10

/** Fewer seeds may well miss a branch by chance. */
export const seedsForBranches = 20
