import fc from 'fast-check'
import type { ProviderPreferences } from '../../worker/canonical/request.ts'
import type { Candidate, DataFacts, TargetHealth } from '../../worker/policy/candidate.ts'
import { classify } from '../../worker/policy/classify.ts'
import type { Constraint, SourcedConstraint } from '../../worker/policy/constraint.ts'
import type { PlanInput } from '../../worker/policy/plan-input.ts'
import { dataClasses, type RequestFacts } from '../../worker/policy/request-facts.ts'
import { chatRequest } from './fake-host.ts'

/** Any targets, constraints, wishes and health: what the invariants of the policy are asked of. */

const regions = ['eu', 'us', 'apac'] as const
const features = ['tools', 'jsonSchema', 'temperature', 'stop', 'seed'] as const
const certifications = ['hipaa', 'soc2'] as const

const data: fc.Arbitrary<DataFacts> = fc.record({
  retentionDays: fc.option(fc.constantFrom(0, 7, 30, 90)),
  training: fc.option(fc.boolean()),
  zeroDataRetention: fc.option(fc.boolean()),
  certifications: fc.subarray([...certifications]),
  maxDataClass: fc.option(fc.constantFrom(...dataClasses), { nil: undefined }),
})

const health: fc.Arbitrary<TargetHealth> = fc.record({
  state: fc.constantFrom('closed' as const, 'probe' as const, 'barred' as const),
  why: fc.constant('its circuit is open'),
  slow: fc.boolean(),
  weight: fc.double({ min: 0, max: 1, noNaN: true }),
  loadMs: fc.option(fc.nat(5000)),
  full: fc.boolean(),
})

const measured = fc.record({
  firstTokenP50Ms: fc.option(fc.nat(2000)),
  firstTokenP95Ms: fc.option(fc.nat(4000)),
  tokensPerSecond: fc.constant(null),
  failureRate: fc.constant(null),
  schemaValidity: fc.constant(null),
  toolCallValidity: fc.constant(null),
  samples: fc.nat(100),
})

const price = fc.option(fc.constantFrom(0, 0.5, 1, 5))

const candidateParts = fc.record(
  {
    provider: fc.constantFrom('p', 'q', 'r'),
    tier: fc.nat(2),
    weight: fc.nat(3),
    features: fc.subarray([...features], { minLength: 2 }).map((list) => new Set(list)),
    contextTokens: fc.option(fc.constantFrom(100, 5000, 100_000)),
    maxOutputTokens: fc.option(fc.constantFrom(100, 4096)),
    inputUsdPerMillion: price,
    outputUsdPerMillion: price,
    notBeforeMs: fc.nat(2000),
    unavailable: fc.option(fc.constant('KEY is not set here'), { freq: 8 }),
    regions: fc.subarray([...regions]),
    data,
    qualityTier: fc.integer({ min: 1, max: 5 }),
    measured,
    health,
  },
  {
    requiredKeys: [
      ...(['provider', 'tier', 'weight', 'features', 'contextTokens', 'maxOutputTokens'] as const),
      ...(['inputUsdPerMillion', 'outputUsdPerMillion', 'notBeforeMs', 'unavailable'] as const),
    ],
  },
)

export const anyCandidates: fc.Arbitrary<readonly Candidate[]> = fc
  .array(candidateParts, { minLength: 4, maxLength: 8 })
  .map((all) =>
    all.map((one, index) => ({
      ...one,
      model: `m${index}`,
      target: `m${index}@${one.provider}`,
      wire: 'openai-chat',
    })),
  )

const globs = fc.array(fc.constantFrom('*@p', '*@q', 'm1*', 'm*@r', '*'), {
  minLength: 1,
  maxLength: 2,
})

export const anyConstraint: fc.Arbitrary<Constraint> = fc.record(
  {
    regions: fc.subarray([...regions]),
    allow: globs,
    deny: fc.array(fc.constantFrom('*@p', 'm1@*', 'm2@q'), { minLength: 1, maxLength: 2 }),
    maxRetentionDays: fc.constantFrom(0, 7, 30),
    zeroDataRetention: fc.constant(true as const),
    noTraining: fc.constant(true as const),
    certifications: fc.subarray([...certifications], { minLength: 1 }),
    maxInputUsdPerMillion: fc.constantFrom(0, 1),
    maxOutputUsdPerMillion: fc.constantFrom(0.5, 5),
    maxFirstTokenP95Ms: fc.constantFrom(500, 2000),
    requireMeasured: fc.constant(true as const),
    minQualityTier: fc.integer({ min: 1, max: 5 }),
    features: fc.subarray([...features], { minLength: 1, maxLength: 1 }),
    minContextTokens: fc.constantFrom(1000, 50_000),
    fitsContext: fc.constant(true as const),
  },
  { requiredKeys: [] },
)

/** A record with at most `most` of its fields, so that some target is left now and then. */
function few<Value extends object>(all: fc.Arbitrary<Value>, most: number): fc.Arbitrary<Value> {
  return fc.tuple(all, fc.array(fc.nat(20), { maxLength: most })).map(([value, places]) => {
    const entries = Object.entries(value)
    const picked = places.flatMap((place) =>
      entries.slice(place % Math.max(1, entries.length)).slice(0, 1),
    )
    return Object.fromEntries(picked) as Value
  })
}

export const anyConstraints: fc.Arbitrary<readonly SourcedConstraint[]> = fc
  .array(few(anyConstraint, 1), { maxLength: 2 })
  .map((all) => all.map((constraint, index) => ({ source: `source ${index}`, constraint })))

const allPreferences: fc.Arbitrary<ProviderPreferences> = fc.record(
  {
    order: fc.subarray(['p', 'q', 'r']),
    only: fc.subarray(['p', 'q', 'r'], { minLength: 1 }),
    ignore: fc.subarray(['p', 'q'], { maxLength: 1 }),
    allowFallbacks: fc.boolean(),
    requireParameters: fc.boolean(),
    sort: fc.constantFrom('price', 'latency', 'throughput'),
    maxPrice: fc.record({ prompt: fc.constantFrom(0.5, 5) }, { requiredKeys: [] }),
    dataCollection: fc.constantFrom('allow', 'deny'),
    zdr: fc.boolean(),
  },
  { requiredKeys: [] },
)

export const anyPreferences = few(allPreferences, 1)

export const anyFacts: fc.Arbitrary<RequestFacts> = fc
  .record({
    hasTools: fc.boolean(),
    hasSeed: fc.boolean(),
    promptTokens: fc.constantFrom(10, 1000, 50_000),
    maxOutputTokens: fc.option(fc.constantFrom(50, 1000)),
    dataClass: fc.option(fc.constantFrom(...dataClasses)),
  })
  .map(({ hasTools, hasSeed, ...more }) => ({
    ...classify(
      chatRequest({
        ...(hasTools ? { tools: [{ kind: 'function' as const, name: 'f' }] } : {}),
        ...(hasSeed ? { sampling: { seed: 7 } } : {}),
      }),
    ),
    ...more,
  }))

export const anyInput: fc.Arbitrary<PlanInput> = fc.record({
  facts: anyFacts,
  preferences: anyPreferences,
  candidates: anyCandidates,
  policy: anyConstraints.map((constraints) => ({ constraints })),
  isThrifty: fc.boolean(),
  nowMs: fc.constant(1000),
  seed: fc.nat(0xffff_ffff),
})
