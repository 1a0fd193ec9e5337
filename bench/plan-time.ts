/**
 * How long a plan takes: rules and constraints over 100 targets and 1,000 rules,
 * in this process, the calls alone.
 * `node_modules/.bin/node bench/plan-time.ts [--json FILE]`; `npm run bench -- --only plan` prints the same.
 */
import { writeFileSync } from 'node:fs'
import type { Candidate } from '../worker/policy/candidate.ts'
import { classify, type RequestFacts } from '../worker/policy/classify.ts'
import { plan } from '../worker/policy/plan.ts'
import { plainPolicy, type RoutePolicy } from '../worker/policy/route-policy.ts'
import type { Rule } from '../worker/policy/rule.ts'
import { compileRules, type CompiledRules } from '../worker/policy/rules.ts'
import { seededRandom } from '../worker/policy/seeded-random.ts'

const targetCount = 100
const ruleCount = 1000
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

/** The case that the aim is about: nothing of it can be looked up by a word. */
export const hardestPlan = '100 targets, 1,000 rules that all look further'

interface Case {
  readonly name: string
  readonly rules: CompiledRules | null
  readonly candidates: readonly Candidate[]
  readonly policy: RoutePolicy
}

const regions = ['eu', 'us', 'apac']

function candidates(tiers: number): Candidate[] {
  return Array.from({ length: targetCount }, (_, index) => ({
    target: `model-${index}@provider-${index % 12}`,
    provider: `provider-${index % 12}`,
    model: `model-${index}`,
    tier: Math.floor((index * tiers) / targetCount),
    weight: 1 + (index % 3),
    features: new Set(['tools', 'jsonSchema', 'temperature', 'stop'] as const),
    contextTokens: 8000 * (1 + (index % 20)),
    maxOutputTokens: 4096,
    inputUsdPerMillion: 0.1 * (1 + (index % 30)),
    outputUsdPerMillion: 0.4 * (1 + (index % 30)),
    wire: 'openai-chat',
    notBeforeMs: 0,
    unavailable: null,
    regions: [regions[index % 3] ?? 'eu'],
    data: {
      retentionDays: index % 60,
      training: false,
      zeroDataRetention: null,
      certifications: [],
    },
    qualityTier: 1 + (index % 5),
  }))
}

/** How the rules of a case find the requests that are theirs. */
type FirstTest = 'channel' | 'pattern' | 'none'

/** Each asks four things: a channel (most rules are then never looked at), a pattern, or nothing before the others. */
function rules(firstTest: FirstTest): Rule[] {
  return Array.from({ length: ruleCount }, (_, index) => ({
    name: `rule-${index}`,
    when: {
      ...(firstTest === 'channel' ? { channel: `channel-${index % 50}` } : {}),
      ...(firstTest === 'pattern' ? { region: { glob: `*-${index}-*` } } : {}),
      class: index % 2 === 0 ? ['code', 'agentic'] : 'chat',
      promptTokens: { range: { from: index * 10 } },
      not: { tenantTier: 'batch' },
    },
    // eslint-disable-next-line unicorn/no-thenable -- an outcome, no promise: it is no function
    then:
      index === ruleCount - 1
        ? { dataClass: 'confidential' as const }
        : { constrain: { deny: [`model-${index}@*`] } },
  }))
}

const policy: RoutePolicy = {
  constraints: [
    {
      source: 'the route',
      constraint: {
        regions: ['eu', 'us'],
        deny: ['*-preview@*', 'model-7*@provider-3'],
        maxRetentionDays: 30,
        noTraining: true,
        maxInputUsdPerMillion: 2,
        minQualityTier: 2,
        features: ['jsonSchema'],
      },
    },
  ],
}

function cases(): Case[] {
  const wide = candidates(4)
  return [
    {
      name: '1 target, nothing declared',
      rules: null,
      candidates: wide.slice(0, 1),
      policy: plainPolicy,
    },
    { name: '100 targets, nothing declared', rules: null, candidates: wide, policy: plainPolicy },
    {
      name: '100 targets in one tier, nothing declared',
      rules: null,
      candidates: candidates(1),
      policy: plainPolicy,
    },
    { name: '100 targets, a route with seven constraints', rules: null, candidates: wide, policy },
    {
      name: '100 targets, 1,000 rules filed by a word',
      rules: compileRules(rules('channel')),
      candidates: wide,
      policy,
    },
    {
      name: '100 targets, 1,000 rules with patterns',
      rules: compileRules(rules('pattern')),
      candidates: wide,
      policy,
    },
    {
      name: hardestPlan,
      rules: compileRules(rules('none')),
      candidates: wide,
      policy,
    },
    {
      name: '100 targets in one tier, 1,000 rules filed',
      rules: compileRules(rules('channel')),
      candidates: candidates(1),
      policy,
    },
  ]
}

function facts(index: number): RequestFacts {
  return {
    ...classify({
      model: 'chat',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello, what is this?' }] }],
      sampling: { temperature: 1 },
      tools: [{ kind: 'function', name: 'look' }],
      stream: true,
      includeUsage: true,
      includeCost: false,
    }),
    channel: `channel-${index % 60}`,
    class: index % 3 === 0 ? 'code' : 'chat',
    region: 'eu-west-4',
    tenantTier: 'premium',
    dataClass: 'internal',
  }
}

function planOnce(one: Case, request: RequestFacts, seed: number): number {
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
  })
  return made.exclusions.length
}

/**
 * One call after the other, by the clock. Samples during which the kernel took the CPU away are left out (the
 * clock went on, the plan did not); a pause of the collector counts, as it would for a request.
 */
function measure(one: Case): PlanTime {
  const random = seededRandom(1)
  const requests = Array.from({ length: 97 }, (_, index) => facts(index))
  const timesUs: number[] = []
  let excluded = 0
  for (let index = 0; timesUs.length < samples; index++) {
    const request = requests[Math.floor(random() * requests.length)] ?? facts(0)
    const switches = process.resourceUsage().involuntaryContextSwitches
    const before = process.hrtime.bigint()
    const left = planOnce(one, request, index)
    const usedUs = Number(process.hrtime.bigint() - before) / 1000
    if (process.resourceUsage().involuntaryContextSwitches > switches || index < warmUps) continue
    timesUs.push(usedUs)
    excluded += left
  }
  timesUs.sort((a, b) => a - b)
  const at = (share: number) => timesUs[Math.floor(timesUs.length * share)] ?? 0
  return { name: one.name, p50Us: at(0.5), p99Us: at(0.99), excluded: excluded / samples }
}

export function planTimes(): PlanTime[] {
  return cases().map(measure)
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
