/**
 * `npm run bench`: how fast, beside a bare passthrough and beside a peer, in one
 * run. Rounds are interleaved and in shuffled order; ratios are taken round by
 * round. See docs/performance.md for how to read it.
 */
import { execFileSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { benchCases, modelsOf, type BenchCase } from './cases.ts'
import { measure, unitName, warmUp } from './measure.ts'
import { help, readOptions, type Options } from './options.ts'
import { planTimes } from './plan-time.ts'
import { renderPlot } from './plot.ts'
import { loadAverage } from './process-meter.ts'
import { killAll, node, pinned, startLoad, workerdBinary, type LoadGenerator } from './processes.ts'
import { renderReport } from './report.ts'
import {
  emptyMeasures,
  type BenchReport,
  type CaseResult,
  type EntrantResult,
  type Machine,
  type PlanTimes,
  type SdkShare,
} from './results.ts'
import { measureShare, shareModels } from './sdk-share.ts'
import { measureStartUp } from './start-up.ts'
import { seeded, shuffled } from './statistics.ts'
import { startTestbed, type Testbed } from './targets.ts'

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function chosen(options: Options, name: string): boolean {
  return options.only.length === 0 || options.only.some((part) => name.includes(part))
}

/** Every case, round after round; one entrant after the other, never two at once. */
async function runCases(
  cases: readonly BenchCase[],
  options: Options,
  testbed: Testbed,
  load: LoadGenerator,
): Promise<CaseResult[]> {
  const results = cases.map((benchCase): CaseResult => ({
    name: benchCase.name,
    title: benchCase.title,
    unit: unitName(benchCase),
    entrants: benchCase.entrants
      .filter(({ target }) => testbed.targets.has(target))
      .map(({ label }) => ({ label, measures: emptyMeasures(), failures: [] })),
  }))
  const random = seeded(options.seed)
  for (let round = 1; round <= options.rounds; round++) {
    for (const benchCase of cases) {
      say(`round ${round} of ${options.rounds}: ${benchCase.name} (load ${loadAverage()})`)
      await runRound(benchCase, testbed, load, random, (label) =>
        results
          .find(({ name }) => name === benchCase.name)
          ?.entrants.find((entrant) => entrant.label === label),
      )
    }
  }
  return results
}

/** One case of one round: every entrant is warmed up, then they take turns, slice by slice. */
async function runRound(
  benchCase: BenchCase,
  testbed: Testbed,
  load: LoadGenerator,
  random: () => number,
  resultOf: (label: string) => EntrantResult | undefined,
): Promise<void> {
  const { freshProcess, slices, entrants } = benchCase
  for (let slice = 0; slice < slices; slice++) {
    for (const entrant of shuffled(entrants, random)) {
      const target = testbed.targets.get(entrant.target)
      const into = resultOf(entrant.label)
      if (target === undefined || into === undefined) continue
      const server = freshProcess ? await target.again() : target.server
      const used = { ...target, server }
      if (slice === 0) into.failures.push(...(await warmUp(benchCase, entrant, used, load)))
      into.failures.push(...(await measure(benchCase, entrant, used, load, into.measures)))
      if (freshProcess) await server.stop()
    }
  }
}

async function runShare(testbed: Testbed): Promise<SdkShare[]> {
  const target = testbed.targets.get('switchyard')
  if (target === undefined) return []
  say('which way the clients take')
  const key = (target.headers('openai')['authorization'] ?? '').replace('Bearer ', '')
  const url = `http://127.0.0.1:${target.server.port}`
  return measureShare({ url, key, logFile: testbed.switchyardLog })
}

/** Plans alone, in this process: no request, no network. */
function runPlans(rounds: number): PlanTimes[] {
  say('how long a plan takes')
  const all = Array.from({ length: rounds }, () => planTimes())
  return (all[0] ?? []).map(({ name }, index) => ({
    name,
    p50Us: all.flatMap((times) => times[index]?.p50Us ?? []),
    p99Us: all.flatMap((times) => times[index]?.p99Us ?? []),
  }))
}

function machine(loadBefore: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    kernel: release(),
    memoryGiB: totalmem() / 2 ** 30,
    node: process.version,
    workerd: execFileSync(workerdBinary, ['--version'], { encoding: 'utf8' }).trim(),
    pinned,
    loadBefore,
    loadAfter: loadAverage(),
  }
}

const memoryDisk = '/dev/shm'
/** A full run logs some 0.3 GB. */
const leastFreeBytes = 2e9

/**
 * Where configurations, builds and logs go: into memory where there is such a place. A file on a disk charges each line
 * that a server logs with the work of its file system, some 3 % of a small answer of ours against no file at all (24 rounds
 * of 1,200, 2026-11-26), and Workers write their lines to no disk.
 */
function logPlace(): string {
  try {
    const { bavail, bsize } = statfsSync(memoryDisk)
    if (bavail * bsize < leastFreeBytes) return tmpdir()
    accessSync(memoryDisk, constants.W_OK)
    return memoryDisk
  } catch {
    return tmpdir()
  }
}

async function runAll(options: Options, argv: readonly string[]): Promise<BenchReport> {
  const directory = mkdtempSync(join(logPlace(), 'switchyard-bench-'))
  const loadBefore = loadAverage()
  const cases = benchCases(options).filter(({ name }) => chosen(options, name))
  const wantsShare = chosen(options, 'sdks')
  say(`seed ${options.seed}, ${cases.length} cases, ${options.rounds} rounds, in ${directory}`)
  const load = await startLoad()
  try {
    const startUp = chosen(options, 'start-up')
      ? await measureStartUp(directory, options.quick ? 1 : 5, say)
      : null
    const plans = chosen(options, 'plan') ? runPlans(options.rounds) : []
    let results: CaseResult[] = []
    let sdks: SdkShare[] = []
    if (cases.length > 0 || wantsShare) {
      const models = [...new Set([...modelsOf(cases), ...shareModels])]
      const testbed = await startTestbed(options.targets, models, directory, say)
      try {
        if (wantsShare) sdks = await runShare(testbed)
        results = await runCases(cases, options, testbed, load)
      } finally {
        await testbed.stop()
      }
    }
    return {
      date: new Date().toISOString().slice(0, 16).replace('T', ' '),
      command: ['npm run bench --', ...argv].join(' '),
      seed: options.seed,
      rounds: options.rounds,
      quick: options.quick,
      machine: machine(loadBefore),
      cases: results,
      startUp,
      sdks,
      plans,
    }
  } finally {
    await load.stop()
    if (!options.keep) rmSync(directory, { recursive: true, force: true })
  }
}

const opening = '<!-- measured by npm run bench -->'
const closing = '<!-- end of what was measured -->'

/** A page with the two marks keeps what stands around them; any other file becomes the tables alone. */
function writeMarkdown(file: string, markdown: string): void {
  const page = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const start = page.indexOf(opening)
  const end = page.indexOf(closing)
  if (start === -1 || end < start) return writeFileSync(file, markdown)
  const before = page.slice(0, start + opening.length)
  writeFileSync(file, `${before}\n\n${markdown}\n${page.slice(end)}`)
}

async function main(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv)
  if (options === null) {
    process.stdout.write(help)
    return
  }
  if (options.only.includes('sse')) {
    execFileSync(node, ['--expose-gc', join(import.meta.dirname, 'sse-framer.ts')], {
      stdio: 'inherit',
    })
    return
  }
  const report =
    options.from === null
      ? await runAll(options, argv)
      : (JSON.parse(readFileSync(options.from, 'utf8')) as BenchReport)
  const markdown = renderReport(report)
  process.stdout.write(`${markdown}\n`)
  if (options.json !== null) writeFileSync(options.json, JSON.stringify(report, null, 1))
  if (options.markdown !== null) writeMarkdown(options.markdown, markdown)
  if (options.plot !== null) writeFileSync(options.plot, renderPlot(report))
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killAll()
    process.exit(130)
  })
}
try {
  await main(process.argv.slice(2))
} catch (cause) {
  process.stderr.write(
    `${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`,
  )
  process.exit(1)
}
