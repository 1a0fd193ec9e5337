import type { CanonicalRequest } from '../worker/canonical/request.ts'
import type { Candidate } from '../worker/policy/candidate.ts'
import { classify, type RequestFacts } from '../worker/policy/classify.ts'
import type { RankingFacts, RankingPolicy } from '../worker/policy/ranking.ts'
import { plainPolicy, type RoutePolicy } from '../worker/policy/route-policy.ts'
import type { Rule } from '../worker/policy/rule.ts'
import { compileRules, type CompiledRules } from '../worker/policy/rules.ts'

/** What plans are timed over (`plan-time.ts`): targets, rules, constraints and options of a route, and requests. */

const targetCount = 100
const ruleCount = 1000

/** The case that the aim is about: nothing of it can be looked up by a word. */
export const hardestPlan = '100 targets, 1,000 rules that all look further'

/** The same with an order of the route's own: scores of every target, affinity, a canary, a reserve and floors. */
export const rankedPlan = '100 targets in balance, measured, 1,000 rules'

/** Reading the facts of a request, no plan: what a rule on data classes costs each request whose prompt is long. */
export const scannedPrompt = 'facts of a 10-kB prompt, all detectors (no plan)'

/** One kind of plan. */
export interface PlanCase {
  readonly name: string
  readonly rules: CompiledRules | null
  readonly candidates: readonly Candidate[]
  readonly policy: RoutePolicy
  readonly ranking?: RankingFacts
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

/** All of them measured, priced, and some below a floor. */
function measuredCandidates(tiers: number): Candidate[] {
  return candidates(tiers).map((one, index) => ({
    ...one,
    prices: { input: 100_000 * (1 + (index % 30)), output: 400_000 * (1 + (index % 30)) },
    cacheLifetimeMs: 300_000,
    ...(index % 10 === 0 ? { reserved: index % 20 === 0 ? ('room' as const) : 'spent' } : {}),
    measured: {
      firstTokenP50Ms: 200 + ((index * 37) % 900),
      firstTokenP95Ms: 900 + ((index * 37) % 900),
      tokensPerSecond: 20 + (index % 80),
      failureRate: (index % 7) / 100,
      schemaValidity: 1 - (index % 20) / 100,
      schemaSamples: 200,
      toolCallValidity: 1 - (index % 20) / 100,
      toolCallSamples: 200,
      samples: 200,
    },
  }))
}

const ranking: RankingPolicy = {
  route: 'chat',
  objectives: Array.from({ length: 4 }, () => ({
    by: 'balanced' as const,
    weights: { cost: 2, firstToken: 1, throughput: 1, quality: 1, failures: 1 },
  })),
  affinity: { by: 'session', tolerance: 0.2 },
  canary: {
    target: 'model-3@provider-3',
    share: 0.05,
    by: 'session',
    trial: 'chat/1',
    slowAfterMs: 2000,
    isListed: true,
  },
  floors: { schemaValidity: 0.95, toolCallSuccess: 0.9, minSamples: 20 },
  hasReserved: true,
  needsMeasured: true,
}

const rankingFacts: RankingFacts = {
  affinityKey: '0123456789abcd',
  canaryKey: '0123456789abcd',
  warmth: { target: 'model-1@provider-1', agoMs: 1000 },
  outputTokens: 300,
  canaryStopped: null,
}

function rankedCases(): PlanCase[] {
  const tiers = { rules: null, candidates: measuredCandidates(4), ranking: rankingFacts }
  const one = { ...tiers, candidates: measuredCandidates(1) }
  return [
    { ...tiers, name: '100 targets in balance, measured', policy: { ranking } },
    { ...one, name: '100 targets of one tier in balance, measured', policy: { ranking } },
    {
      ...tiers,
      name: rankedPlan,
      rules: compileRules(rules('none')),
      policy: { ...policy, ranking },
    },
  ]
}

export function planCases(): PlanCase[] {
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
    ...rankedCases(),
  ]
}

export function planFacts(index: number): RequestFacts {
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

/** Prose with some numbers in it, in which the detectors find nothing: they read it to its end. */
export function longPrompt(index: number): CanonicalRequest {
  const text = `Order ${index} of 12 pallets left the yard at 10:45, and the driver was told to wait. `
  return {
    model: 'chat',
    messages: [
      { role: 'user', content: [{ type: 'text', text: text.repeat(122).slice(0, 10_000) }] },
    ],
    sampling: {},
    stream: true,
    includeUsage: true,
    includeCost: false,
  }
}
