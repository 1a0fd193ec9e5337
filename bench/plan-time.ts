/**
 * How long a plan takes: rules and constraints over 100 targets and 1,000 rules,
 * in this process, the calls alone.
 * `node_modules/.bin/node bench/plan-time.ts [--json FILE]`; `npm run bench -- --only plan` prints the same.
 */
import { writeFileSync } from 'node:fs'
import { classify, type RequestFacts } from '../worker/policy/classify.ts'
import { findData } from '../worker/policy/data-class.ts'
import { plan } from '../worker/policy/plan.ts'
import { seededRandom } from '../worker/policy/seeded-random.ts'
import { longPrompt, planCases, type PlanCase, planFacts, scannedPrompt } from './plan-cases.ts'

/** Enough for a 99th percentile that 50 samples lie above. */
const samples = 5000
const warmUps = 2000

/** What one kind of plan took. */
export interface PlanTime {
  readonly name: string
  readonly p50Us: number
  readonly p99Us: number
  /** Targets left out, on average. */
  readonly excluded: number
}

function planOnce(one: PlanCase, request: RequestFacts, seed: number): number {
  const ruling = one.rules?.apply(request) ?? null
  const constraints = [...(one.policy.constraints ?? []), ...(ruling?.constraints ?? [])]
  const made = plan({
    facts: request,
    preferences: {},
    candidates: one.candidates,
    policy: constraints.length === 0 ? one.policy : { ...one.policy, constraints },
    isThrifty: false,
    nowMs: 1000,
    seed,
    ...(one.ranking === undefined ? {} : { ranking: one.ranking }),
  })
  return made.exclusions.length
}

/**
 * One call after the other, by the clock. Samples during which the kernel took the CPU away are left out (the
 * clock went on, the plan did not); a pause of the collector counts, as it would for a request.
 */
function measure(name: string, once: (index: number) => number): PlanTime {
  const timesUs: number[] = []
  let excluded = 0
  for (let index = 0; timesUs.length < samples; index++) {
    const switches = process.resourceUsage().involuntaryContextSwitches
    const before = process.hrtime.bigint()
    const left = once(index)
    const usedUs = Number(process.hrtime.bigint() - before) / 1000
    if (process.resourceUsage().involuntaryContextSwitches > switches || index < warmUps) continue
    timesUs.push(usedUs)
    excluded += left
  }
  timesUs.sort((a, b) => a - b)
  const at = (share: number) => timesUs[Math.floor(timesUs.length * share)] ?? 0
  return { name, p50Us: at(0.5), p99Us: at(0.99), excluded: excluded / samples }
}

function measurePlan(one: PlanCase): PlanTime {
  const random = seededRandom(1)
  const requests = Array.from({ length: 97 }, (_, index) => planFacts(index))
  return measure(one.name, (index) => {
    const request = requests[Math.floor(random() * requests.length)] ?? planFacts(0)
    return planOnce(one, request, index)
  })
}

function measureFacts(): PlanTime {
  const requests = Array.from({ length: 97 }, (_, index) => longPrompt(index))
  return measure(scannedPrompt, (index) => {
    const request = requests[index % requests.length] ?? longPrompt(0)
    return findData(classify(request).promptTokens > 0 ? request : longPrompt(0)).length
  })
}

export function planTimes(): PlanTime[] {
  return [...planCases().map(measurePlan), measureFacts()]
}

/** A Markdown table. */
export function renderPlanTimes(times: readonly PlanTime[]): string {
  const rows = times.map(
    ({ name, p50Us, p99Us, excluded }) =>
      `| ${name} | ${excluded.toFixed(0)} | ${p50Us.toFixed(0)} | ${p99Us.toFixed(0)} |`,
  )
  return ['| one plan | targets left out | p50, us | p99, us |', '|---|---|---|---|', ...rows].join(
    '\n',
  )
}

if (import.meta.main) {
  const times = planTimes()
  process.stdout.write(`${renderPlanTimes(times)}\n`)
  const file = process.argv[process.argv.indexOf('--json') + 1]
  if (process.argv.includes('--json') && file !== undefined)
    writeFileSync(file, JSON.stringify(times, null, 1))
}
