import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { markdownOf } from '../test/simulation/circuits/statistics.ts'
import type { SuiteFailure, SuiteReport } from './simulate/suite.ts'
import { suites } from './simulate/suites.ts'

const usage = `Usage: npm run simulate -- [options]

Runs the gateway's shared state in virtual time: many isolates, their objects, a
network that loses, delays, doubles and reorders, and providers that fail in
every way. Everything follows from the seed.

  --seeds N        seeds 1 to N (default 20)
  --seed N         only this one, twice, without tables: replays a failure
  --log            with --seed: prints everything that happened
  --only NAME      only this suite: ${suites.map(({ name }) => name).join(', ')}
  --hours H        simulated hours behind each count of false trips (default 24)
  --json FILE      also write tables and failures to FILE
  --markdown FILE  put the tables into FILE, between its two marks
  --help           this text

Exit code 1 when an invariant breaks, an aim is missed, a replay differs, or 20
seeds and more (2000 for the ledger) have not reached a rare branch.`

interface Options {
  readonly seeds: readonly number[]
  readonly isReplay: boolean
  readonly keepsLog: boolean
  readonly only: string | undefined
  readonly hours: number
  readonly json: string | undefined
  readonly markdown: string | undefined
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '20' },
      seed: { type: 'string' },
      log: { type: 'boolean', default: false },
      only: { type: 'string' },
      hours: { type: 'string', default: '24' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return undefined
  }
  const { seed, log, only, json, markdown } = values
  if (only !== undefined && !suites.some(({ name }) => name === only))
    throw new RangeError(`--only must name a suite, found ${only}`)
  const count = above(0, '--seeds', values.seeds)
  return {
    seeds:
      seed === undefined
        ? Array.from({ length: Math.ceil(count) }, (_, index) => index + 1)
        : [above(-1, '--seed', seed)],
    isReplay: seed !== undefined,
    keepsLog: log,
    only,
    hours: above(0, '--hours', values.hours),
    json,
    markdown,
  }
}

function above(limit: number, name: string, text: string): number {
  const value = Number(text)
  if (!(value > limit) || value === Infinity)
    throw new RangeError(`${name} must be a number above ${limit}, found ${text}`)
  return value
}

const progressEveryMs = 3000

/** A line now and then: a simulated day takes a while. */
function progressPrinter(): (text: string) => void {
  const startedMs = Date.now()
  let printedMs = startedMs
  return (text) => {
    if (Date.now() - printedMs < progressEveryMs) return
    printedMs = Date.now()
    console.log(`${String(Math.round((printedMs - startedMs) / 1000)).padStart(5)} s  ${text}`)
  }
}

function describe({ what, seed, log }: SuiteFailure, suite: string): string {
  const lines = log.map((line) => `    ${line}`)
  const replay = seed === null ? [] : [`  npm run simulate -- --only ${suite} --seed ${seed}`]
  return [`FAILED ${suite}: ${what}`, ...lines, ...replay].join('\n')
}

const marks = ['<!-- the last run begins -->', '<!-- the last run ends -->'] as const

function writeBetweenMarks(file: string, text: string): void {
  const [begin, end] = marks
  const [head, rest] = readFileSync(file, 'utf8').split(begin)
  const tail = rest?.split(end)[1]
  if (head === undefined || tail === undefined)
    throw new RangeError(`${file} must hold ${begin} and ${end}`)
  writeFileSync(file, `${head}${begin}\n\n${text}\n\n${end}${tail}`)
}

async function main(options: Options): Promise<void> {
  const progress = progressPrinter()
  const reports: Record<string, SuiteReport> = {}
  for (const suite of suites) {
    if (options.only !== undefined && suite.name !== options.only) continue
    reports[suite.name] = await suite.run({ ...options, progress })
  }
  const all = Object.entries(reports)
  if (options.isReplay && options.keepsLog)
    for (const [, { log }] of all) console.log(log.join('\n'))
  const tables = all.flatMap(([, report]) => report.tables.map(markdownOf)).join('\n\n')
  if (tables !== '') console.log(`\n${tables}\n`)
  const failures = all.flatMap(([name, report]) =>
    report.failures.map((failure) => describe(failure, name)),
  )
  for (const failure of failures) console.log(`${failure}\n`)
  const checks = all.reduce((sum, [, report]) => sum + report.checks, 0)
  const day = new Date().toISOString().slice(0, 10)
  const counts = `${options.seeds.length} seeds; ${checks} checks, ${failures.length} failed`
  if (options.markdown !== undefined)
    writeBetweenMarks(options.markdown, `${day}: ${counts}.\n\n${tables}`)
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify(reports, null, 1)}\n`)
  console.log(counts)
  process.exitCode = failures.length === 0 ? 0 : 1
}

const options = readOptions()
if (options !== undefined) await main(options)
