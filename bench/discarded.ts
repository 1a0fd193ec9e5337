/**
 * Which optimized functions V8 throws away because the last object of a shape they knew was collected:
 * `node bench/discarded.ts CASE [LABEL] [--slices N]` runs one case on workerd and prints, for each major collection,
 * how many, and then which. A request should have no shape that is not always there: `worker/canonical/specimens.ts`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments } from '../scripts/read-arguments.ts'
import { benchCases, modelsOf } from './cases.ts'
import { measure, warmUp } from './measure.ts'
import { startLoad } from './processes.ts'
import { emptyMeasures } from './results.ts'
import { startTestbed } from './targets.ts'

interface Collection {
  /** Requests that were logged before it. */
  readonly atRequest: number
  readonly functions: string[]
}

/** Reads what V8 traces between the log lines of the gateway. */
function readCollections(log: string): readonly Collection[] {
  const collections: Collection[] = []
  let requests = 0
  let last: string[] = []
  for (const line of log.split('\n')) {
    if (line.includes('"event":"request"')) requests += 1
    else if (line.includes('embedded weak objects cleared'))
      last.push(/<SharedFunctionInfo ?([^>]*)>/.exec(line)?.[1] || '(anonymous)')
    else if (line.includes(' ms: Mark-Compact')) {
      // V8 names the functions while it collects, and the collection when it is over.
      collections.push({ atRequest: requests, functions: last })
      last = []
    }
  }
  return collections
}

function print(collections: readonly Collection[]): void {
  const write = (text: string) => process.stdout.write(`${text}\n`)
  for (const { atRequest, functions } of collections)
    write(`after ${String(atRequest).padStart(7)} answers: ${functions.length} thrown away`)
  const counts = new Map<string, number>()
  // The first collections are of the start.
  for (const { functions } of collections.slice(2))
    for (const name of functions) counts.set(name, (counts.get(name) ?? 0) + 1)
  const [...ranked] = [...counts].sort(([, a], [, b]) => b - a).slice(0, 40)
  for (const [name, count] of ranked) write(`${String(count).padStart(6)}  ${name}`)
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments({
    allowPositionals: true,
    options: { slices: { type: 'string', default: '60' } },
  })
  const [caseName = 'json-openai-c64', label = 'Switchyard'] = positionals
  const benchCase = benchCases({ quick: false }).find(({ name }) => name === caseName)
  const entrant = benchCase?.entrants.find((candidate) => candidate.label === label)
  if (benchCase === undefined || entrant === undefined)
    throw new Error(`there is no case "${caseName}" with an entrant "${label}"`)
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-discarded-'))
  const testbed = await startTestbed([entrant.target], modelsOf([benchCase]), directory, () => {}, {
    v8Flags: ['--trace-gc', '--trace-deopt'],
    isReadable: true,
  })
  const load = await startLoad()
  try {
    const target = testbed.targets.get(entrant.target)
    if (target === undefined) throw new Error('the gateway did not start')
    await warmUp(benchCase, entrant, target, load)
    for (let slice = 0; slice < Number(values.slices); slice++)
      await measure(benchCase, entrant, target, load, emptyMeasures())
    print(readCollections(readFileSync(testbed.switchyardLog, 'utf8')))
  } finally {
    await load.stop()
    await testbed.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
