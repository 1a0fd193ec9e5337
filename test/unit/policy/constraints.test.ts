import { describe, expect, it } from 'vitest'
import type { Candidate, DataFacts } from '../../../worker/policy/candidate.ts'
import { classify } from '../../../worker/policy/classify.ts'
import type { Constraint } from '../../../worker/policy/constraint.ts'
import { judgeOf, residencyConstraint } from '../../../worker/policy/constraints.ts'
import { filter } from '../../../worker/policy/filter.ts'
import type { RequestFacts } from '../../../worker/policy/request-facts.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { candidateOf, planFor } from '../../support/policy-world.ts'

const facts: RequestFacts = classify(chatRequest())
const careful: DataFacts = {
  retentionDays: 30,
  training: false,
  zeroDataRetention: null,
  certifications: ['hipaa', 'soc2'],
}
const measured = {
  firstTokenP50Ms: 300,
  firstTokenP95Ms: 700,
  tokensPerSecond: null,
  failureRate: null,
  schemaValidity: null,
  toolCallValidity: null,
  samples: 50,
}

function reasonOf(constraint: Constraint, more: Partial<Candidate>): string | null {
  const judge = judgeOf([{ source: 'the route', constraint }], facts)
  return judge(candidateOf('a@x', more))?.reason ?? null
}

describe('a constraint lets through what meets it, and says of the rest what it lacks', () => {
  it.each<[string, Constraint, Partial<Candidate>, Partial<Candidate>, string]>([
    [
      'regions',
      { regions: ['eu'] },
      { regions: ['eu'] },
      { regions: ['eu', 'us'] },
      'it processes in eu, us, and only eu is allowed (the route)',
    ],
    [
      'regions that nobody declared',
      { regions: ['eu'] },
      { regions: ['eu'] },
      { regions: [] },
      'it does not declare its regions, and only eu is allowed (the route)',
    ],
    [
      'regions that are absent',
      { regions: ['eu'] },
      { regions: ['eu'] },
      {},
      'it does not declare its regions, and only eu is allowed (the route)',
    ],
    [
      'no region at all',
      { regions: [] },
      { regions: ['eu'], unavailable: null, target: 'never@x' },
      { regions: ['eu'] },
      'it processes in eu, and only nowhere is allowed (the route)',
    ],
    [
      'allow',
      { allow: ['*@x'] },
      {},
      { target: 'a@y' },
      'it is not on the list of allowed ones (the route)',
    ],
    [
      'deny',
      { deny: ['*-preview@*'] },
      {},
      { target: 'a-preview@x' },
      'it is on the list of denied ones (the route)',
    ],
    [
      'zero data retention',
      { zeroDataRetention: true },
      { data: { ...careful, zeroDataRetention: true } },
      { data: careful },
      'it does not declare zero data retention (the route)',
    ],
    [
      'no training',
      { noTraining: true },
      { data: careful },
      { data: { ...careful, training: true } },
      'it trains on what it is sent (the route)',
    ],
    [
      'no training, undeclared',
      { noTraining: true },
      { data: careful },
      {},
      'it does not declare that it trains on nothing (the route)',
    ],
    [
      'retention',
      { maxRetentionDays: 30 },
      { data: careful },
      { data: { ...careful, retentionDays: 31 } },
      'it keeps what it is sent for 31 days, and 30 are allowed (the route)',
    ],
    [
      'retention, undeclared',
      { maxRetentionDays: 30 },
      { data: { ...careful, retentionDays: null, zeroDataRetention: true } },
      { data: { ...careful, retentionDays: null } },
      'it does not declare how long it keeps what it is sent (the route)',
    ],
    [
      'certifications',
      { certifications: ['hipaa', 'soc2'] },
      { data: careful },
      { data: { ...careful, certifications: ['soc2'] } },
      'it does not declare the certification "hipaa" (the route)',
    ],
    [
      'price of the prompt',
      { maxInputUsdPerMillion: 1 },
      {},
      { inputUsdPerMillion: 1.5 },
      'its prompt price of 1.5 USD per million tokens is over 1 (the route)',
    ],
    [
      'price of the answer, unknown',
      { maxOutputUsdPerMillion: 2 },
      {},
      { outputUsdPerMillion: null },
      'its completion price is unknown, and 2 USD per million are allowed (the route)',
    ],
    [
      'speed',
      { maxFirstTokenP95Ms: 800 },
      { measured },
      { measured: { ...measured, firstTokenP95Ms: 801 } },
      '95 of 100 first tokens come within 801 ms, and 800 ms are allowed (the route)',
    ],
    [
      'speed that nobody measured',
      { maxFirstTokenP95Ms: 800, requireMeasured: true },
      { measured },
      {},
      'nobody has measured its time to the first token from here (the route)',
    ],
    [
      'quality',
      { minQualityTier: 3 },
      { qualityTier: 3 },
      { qualityTier: 2 },
      'its quality tier 2 is under 3 (the route)',
    ],
    [
      'quality, undeclared',
      { minQualityTier: 3 },
      { qualityTier: 9 },
      {},
      'it declares no quality tier (the route)',
    ],
    [
      'features',
      { features: ['jsonSchema'] },
      {},
      { features: new Set() },
      'it cannot do jsonSchema (the route)',
    ],
    [
      'context',
      { minContextTokens: 50_000 },
      {},
      { contextTokens: 8000 },
      'its context of 8000 tokens is too small for 50000 (the route)',
    ],
    [
      'context, unknown',
      { minContextTokens: 50_000 },
      {},
      { contextTokens: null },
      'its context is unknown, and 50000 tokens have to fit (the route)',
    ],
  ])('%s', (name, constraint, good, bad, reason) => {
    if (name !== 'no region at all') expect(reasonOf(constraint, good)).toBeNull()
    expect(reasonOf(constraint, bad)).toBe(reason)
  })

  it('speed lets pass what nobody has measured, unless it has to be', () => {
    expect(reasonOf({ maxFirstTokenP95Ms: 800 }, {})).toBeNull()
  })

  it('the context has to hold the prompt even of the last target, where fitsContext says so', () => {
    const text = 'x'.repeat(40_000)
    const request = chatRequest({ messages: [{ role: 'user', content: [{ type: 'text', text }] }] })
    const small = [candidateOf('small@x', { contextTokens: 8000 })]
    const policy = {
      constraints: [{ source: 'the route', constraint: { fitsContext: true } }],
    } as const
    expect(planFor(request, small).kind).toBe('steps')
    expect(planFor(request, small, { policy }).kind).toBe('none')
  })
})

describe('several constraints', () => {
  it('all have to be met, whoever asks', () => {
    const judge = judgeOf(
      [
        { source: 'the route', constraint: { allow: ['*@x', '*@y'] } },
        { source: 'the tenant', constraint: { deny: ['*@y'] } },
      ],
      facts,
    )
    expect(judge(candidateOf('a@x'))).toBeNull()
    expect(judge(candidateOf('a@y'))?.reason).toContain('(the tenant)')
    expect(judge(candidateOf('a@z'))?.reason).toContain('(the route)')
  })

  it('name the region only where nothing else is in the way', () => {
    const judge = judgeOf([{ source: 's', constraint: { regions: ['eu'], deny: ['b@*'] } }], facts)
    expect(judge(candidateOf('a@x', { regions: ['us'] }))).toMatchObject({ region: true })
    expect(judge(candidateOf('b@x', { regions: ['us'] }))).not.toHaveProperty('region')
  })

  it('count what is only too slow today as out of service', () => {
    const judge = judgeOf([{ source: 's', constraint: { maxFirstTokenP95Ms: 100 } }], facts)
    expect(judge(candidateOf('a@x', { measured }))).toMatchObject({ unavailable: true })
  })

  it('pin a tenant to one region alone', () => {
    const judge = judgeOf([residencyConstraint('eu')], facts)
    expect(judge(candidateOf('a@x', { regions: ['eu'] }))).toBeNull()
    expect(judge(candidateOf('b@x', { regions: ['eu', 'us'] }))?.reason).toContain('residency')
    expect(judge(candidateOf('c@x'))?.region).toBe(true)
  })
})

describe('what a provider may be sent', () => {
  const most = candidateOf('a@x', { data: { ...careful, maxDataClass: 'internal' } })
  const reasons = (dataClass: RequestFacts['dataClass']) =>
    filter([most], { ...facts, dataClass }, {}).exclusions.map(({ reason }) => reason)

  it('goes up to the class that it declares', () => {
    expect(reasons('public')).toEqual([])
    expect(reasons('internal')).toEqual([])
    expect(reasons('confidential')).toEqual([
      'it may be sent internal data at most, and this request is confidential',
    ])
    expect(reasons(null)).toEqual([])
  })
})

describe("the caller's wishes for privacy", () => {
  const kept = (provider: object, data?: DataFacts) =>
    planFor(chatRequest({ provider }), [candidateOf('a@x', data === undefined ? {} : { data })])
      .kind === 'steps'

  it('provider.zdr takes those that declare zero data retention', () => {
    expect(kept({ zdr: true }, { ...careful, zeroDataRetention: true })).toBe(true)
    expect(kept({ zdr: true }, { ...careful, retentionDays: 0 })).toBe(false)
    expect(kept({ zdr: true }, careful)).toBe(false)
    expect(kept({ zdr: true })).toBe(false)
    expect(kept({ zdr: false })).toBe(true)
  })

  it('provider.data_collection "deny" takes those that neither keep nor train', () => {
    const deny = { dataCollection: 'deny' }
    expect(kept(deny, { ...careful, retentionDays: 0 })).toBe(true)
    expect(kept(deny, { ...careful, zeroDataRetention: true })).toBe(true)
    expect(kept(deny, careful)).toBe(false)
    expect(kept(deny, { ...careful, retentionDays: 0, training: null })).toBe(false)
    expect(kept(deny)).toBe(false)
    expect(kept({ dataCollection: 'allow' })).toBe(true)
  })
})

describe('`require` of a constraint', () => {
  const asking = chatRequest({
    sampling: { seed: 7 },
    tools: [{ kind: 'function', name: 'f' }],
    parallelToolCalls: true,
  })
  const require: Constraint['require'] = ['seed', 'parallelTools', 'reasoning']
  const reasonFor = (request: typeof asking, more: Partial<Candidate>) =>
    judgeOf(
      [{ source: 'the route', constraint: { require } }],
      classify(request),
    )(candidateOf('a@x', more))?.reason ?? null

  it('leaves out what cannot do a part of the request, by the caller’s own name for it', () => {
    expect(reasonFor(asking, {})).toBe('it cannot do "seed" (seed) (the route)')
    expect(reasonFor(asking, { features: new Set(['tools', 'seed']) })).toBe(
      'it cannot do "parallel_tool_calls" (parallelTools) (the route)',
    )
    expect(reasonFor(asking, { features: new Set(['tools', 'seed', 'parallelTools']) })).toBeNull()
  })

  it('asks nothing of a request that asks for none of it', () => {
    expect(reasonFor(chatRequest(), { features: new Set() })).toBeNull()
  })
})
