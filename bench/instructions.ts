/**
 * How many instructions a request takes: `node bench/instructions.ts CASE [LABEL] [--warm N] [--requests N] [--top N]`
 * runs a case under callgrind (valgrind.org, version 3.19 or later, which has to be installed), (a) beside Switchyard,
 * and prints both counts, their ratio, and what each function of the gateway took with everything that it called.
 *
 * A count does not depend on what else the machine does, as CPU time does: two builds that differ by one part in a
 * hundred can be told apart by one run each. It says nothing of memory: what misses a cache costs as much as what does
 * not. Everything takes some 40 times as long, so that what runs by the clock (reports of health) weighs more than it
 * does; the engine runs in one thread, so that the collector and the compiler are in the count, and stand beside it.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readArguments } from '../scripts/read-arguments.ts'
import { type FunctionCost, namedCode, readCodeMap, readProfile } from './callgrind.ts'
import { benchCases, type BenchCase, type Entrant, labels, modelsOf, requestOf } from './cases.ts'
import { type LoadGenerator, startLoad } from './processes.ts'
import { startTestbed } from './targets.ts'

interface Extent {
  readonly warm: number
  readonly requests: number
}

interface Counted {
  readonly costs: readonly FunctionCost[]
  readonly code: readonly FunctionCost[]
}

async function count(
  benchCase: BenchCase,
  entrant: Entrant,
  { warm, requests }: Extent,
  load: LoadGenerator,
): Promise<Counted> {
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-instructions-'))
  const profile = join(directory, 'callgrind.out')
  const under = ['valgrind', '--tool=callgrind', `--callgrind-out-file=${profile}`] as const
  const testbed = await startTestbed(
    [entrant.target],
    modelsOf([benchCase]),
    directory,
    () => undefined,
    {
      // Compiled code changes where it lies.
      under: [...under, '--smc-check=all-non-file'],
      v8Flags: ['--single-threaded', '--perf-basic-prof', `--perf-basic-prof-path=${directory}`],
      isReadable: true,
    },
  )
  try {
    const target = testbed.targets.get(entrant.target)
    if (target === undefined) throw new Error(`${entrant.target} did not start`)
    const { port, pid } = target.server
    const headers = target.headers(benchCase.wire)
    const task = { port, headers, concurrency: 16, ...requestOf(benchCase, entrant) }
    for (const [step, number] of [
      ['-z', warm],
      ['-d', requests],
    ] as const) {
      const { failures } = await load.run({ ...task, requests: number })
      if (failures.length > 0) throw new Error(`${entrant.label}: ${failures[0]}`)
      execFileSync('callgrind_control', [step, String(pid)], { stdio: 'ignore' })
    }
    // It writes behind its answer.
    const file = await written(directory, 'callgrind.out.')
    const costs = readProfile(readFileSync(file, 'utf8'))
    const map = await written(directory, 'perf-')
    return { costs, code: namedCode(costs, readCodeMap(readFileSync(map, 'utf8'))) }
  } finally {
    await testbed.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function written(directory: string, beginning: string): Promise<string> {
  for (let size = -1; ; await sleep(300)) {
    const name = readdirSync(directory).find((one) => one.startsWith(beginning))
    if (name === undefined) continue
    const { length } = readFileSync(join(directory, name))
    if (length > 0 && length === size) return join(directory, name)
    size = length
  }
}

/** Of the engine's own work, which comes in lumps. */
const lumps = {
  collector: /^v8::internal::Heap::CollectGarbage\(v8::internal::AllocationSpace/,
  compiler: /^v8::internal::Compiler::CompileOptimized\(/,
} as const

function lump(costs: readonly FunctionCost[], pattern: RegExp): number {
  return Math.max(0, ...costs.filter(({ name }) => pattern.test(name)).map(({ all }) => all))
}

function report(label: string, { costs }: Counted, requests: number): number {
  const perRequest = (cost: number) => cost / requests / 1000
  const whole = costs.reduce((sum, { own }) => sum + own, 0)
  const collector = lump(costs, lumps.collector)
  const compiler = lump(costs, lumps.compiler)
  const rest = whole - collector - compiler
  const [all, gc, jit, left] = [whole, collector, compiler, rest].map((cost) =>
    perRequest(cost).toFixed(1),
  )
  process.stdout.write(
    `${label}: ${left} k instructions a request, and ${gc} k of the collector, ${jit} k of the compiler (${all} k)\n`,
  )
  return rest
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments({
    allowPositionals: true,
    options: {
      warm: { type: 'string', default: '3000' },
      requests: { type: 'string', default: '1500' },
      top: { type: 'string', default: '60' },
    },
  })
  const [caseName = '', label = labels.whole] = positionals
  const benchCase = benchCases({ quick: false }).find(({ name }) => name === caseName)
  const entrants = [labels.bare, label].map((wanted) =>
    benchCase?.entrants.find((candidate) => candidate.label === wanted),
  )
  const [bare, own] = entrants
  if (benchCase === undefined || bare === undefined || own === undefined)
    throw new Error(`there is no case "${caseName}" with an entrant "${label}"`)
  const extent = { warm: Number(values.warm), requests: Number(values.requests) }
  const load = await startLoad()
  try {
    const floor = report(bare.label, await count(benchCase, bare, extent, load), extent.requests)
    const counted = await count(benchCase, own, extent, load)
    const ours = report(own.label, counted, extent.requests)
    process.stdout.write(`${(ours / floor).toFixed(2)} x (a)\n\n`)
    for (const { name, own: self, all } of counted.code.slice(0, Number(values.top))) {
      const [whole, alone] = [all, self].map((cost) =>
        (cost / extent.requests / 1000).toFixed(1).padStart(8),
      )
      process.stdout.write(`${whole} k ${alone} k  ${name}\n`)
    }
  } finally {
    await load.stop()
  }
}

await main()
