/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import { describe, expect, it } from 'vitest'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import { readRecords } from '../../../scripts/replay/read-records.ts'
import { compare } from '../../../scripts/replay/compare.ts'
import { replay } from '../../../scripts/replay/replay.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import type { Caller } from '../../../worker/engine/caller.ts'
import { decisionOf, type DecisionRecord } from '../../../worker/engine/decision.ts'
import type { MeasurePort } from '../../../worker/engine/measure-port.ts'
import { planRequest } from '../../../worker/engine/plan-request.ts'
import type { PlanPorts } from '../../../worker/engine/ports.ts'
import type { Plan } from '../../../worker/policy/plan.ts'
import { seededRandom } from '../../../worker/policy/seeded-random.ts'
import { chatRequest, fakeRuntime, provider } from '../../support/fake-host.ts'

const seed = Number(process.env['SEED'] ?? 20_261_126)

/** Everything that a plan may go by is declared somewhere in here. */
const routes = {
  providers: {
    one: { ...provider('openai', 'one.example'), regions: ['us'], data: { training: false } },
    two: { ...provider('anthropic', 'two.example'), regions: ['eu'] },
    three: { ...provider('groq', 'three.example'), regions: [] },
  },
  targets: {
    'gpt-4.1@one': { qualityTier: 3, reserved: { requestsPerMinute: 60 } },
    'gpt-4.1-mini@one': { qualityTier: 2 },
    'claude-haiku-4-5@two': { qualityTier: 2 },
    'gpt-oss-120b@three': { qualityTier: 1, upstreamModel: 'openai/gpt-oss-120b' },
  },
  routes: {
    plain: { tiers: [['gpt-4.1@one'], ['claude-haiku-4-5@two']] },
    split: {
      tiers: [
        [
          { target: 'gpt-4.1@one', weight: 3 },
          { target: 'claude-haiku-4-5@two', weight: 1 },
          { target: 'gpt-oss-120b@three', weight: 2 },
        ],
      ],
    },
    best: {
      objective: 'balanced',
      affinity: 'session',
      canary: { target: 'gpt-4.1-mini@one', share: 0.3 },
      floors: { schemaValidity: 0.8 },
      tiers: [['gpt-4.1@one', 'claude-haiku-4-5@two', 'gpt-oss-120b@three']],
      constraints: { maxFirstTokenP95Ms: 900 },
    },
    european: { tiers: [['claude-haiku-4-5@two']], constraints: { regions: ['eu'] } },
  },
  rules: [
    { name: 'legal', when: { found: 'email' }, then: { constrain: { regions: ['eu'] } } },
    { name: 'big', when: { size: ['large', 'huge'] }, then: { route: 'split' } },
  ],
  tenants: { demo: {}, pinned: { constraints: { noTraining: true } } },
}

const runtime = fakeRuntime(routes)

type Random = () => number

const pick = <Value>(random: Random, values: readonly Value[]): Value =>
  values[Math.floor(random() * values.length)] as Value

function anyRequest(random: Random): CanonicalRequest {
  const text = pick(random, ['hello', 'x'.repeat(40_000), 'write to jane.doe@acme-corp.com', ''])
  return {
    ...chatRequest(),
    model: pick(random, ['plain', 'split', 'best', 'european', 'gpt-4.1@one', 'gpt-4.1']),
    ...(random() < 0.2 ? { models: ['split'] } : {}),
    ...(random() < 0.3 ? { maxOutputTokens: 1 + Math.floor(random() * 50_000) } : {}),
    ...(random() < 0.3 ? { provider: { sort: pick(random, ['price', 'latency']) } } : {}),
    ...(random() < 0.2 ? { provider: { order: ['two'], allowFallbacks: random() < 0.5 } } : {}),
    ...(random() < 0.2 ? { responseFormat: { type: 'json' as const } } : {}),
    ...(random() < 0.4 ? { promptCacheKey: pick(random, ['s1', 's2', 's3']) } : {}),
    sampling: random() < 0.3 ? { seed: 3, topK: 4 } : {},
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    stream: random() < 0.5,
  }
}

function anyCaller(random: Random): Caller {
  const tenant = pick(random, ['demo', 'pinned'])
  if (random() < 0.5) return { tenant, keyId: 'k', profile: null }
  const profile: KeyProfile = {
    tenantId: tenant,
    keyId: 'k',
    keyPath: ['k'],
    grant: { ...everything, ...(random() < 0.3 ? { regions: ['eu'] } : {}) },
    residency: random() < 0.2 ? 'eu' : null,
    isStrict: false,
    tier: pick(random, [null, 'premium']),
    storesAnswers: false,
    requiredTags: [],
    validForMs: 1000,
  }
  return { tenant, keyId: 'k', profile }
}

/** A world in which anything may be known of any target. */
function anyPorts(random: Random): PlanPorts {
  const nowMs = 1_700_000_000_000 + Math.floor(random() * 1e9)
  const maybe = (value: number) => (random() < 0.3 ? null : value)
  const known = new Map(
    [...runtime.targets.keys()].map((name) => {
      const state = pick(random, ['closed', 'barred', 'probe'] as const)
      const health = {
        state,
        why: state === 'closed' ? null : 'it failed 7 of 9',
        slow: random() < 0.2,
        weight: random(),
        loadMs: maybe(random() * 5000),
        full: random() < 0.2,
      }
      const notBeforeMs = pick(random, [0, 0, nowMs + 500, Infinity])
      return [
        name,
        random() < 0.5 ? { health: undefined, notBeforeMs: 0 } : { health, notBeforeMs },
      ]
    }),
  )
  const measuredOf = new Map(
    [...runtime.targets.keys()].map((name) => [
      name,
      {
        firstTokenP50Ms: maybe(random() * 800),
        firstTokenP95Ms: maybe(random() * 2000),
        tokensPerSecond: maybe(random() * 200),
        failureRate: maybe(random() * 0.4),
        schemaValidity: maybe(random()),
        schemaSamples: 50,
        toolCallValidity: maybe(random()),
        samples: Math.floor(random() * 300),
      },
    ]),
  )
  const measures: MeasurePort = {
    measured: ({ name }) => measuredOf.get(name) ?? { ...unknown },
    hasRoom: () => random() < 0.5,
    warmth: () => null,
    outputTokens: () => maybe(random() * 400),
    stopped: () => pick(random, [null, 'it failed 9 of 40, the others 3 of 90']),
  }
  const isThrifty = random() < 0.2
  return {
    runtime,
    nowMs: () => nowMs,
    random,
    health: {
      measures,
      standing: ({ name }) => known.get(name) ?? { health: undefined, notBeforeMs: 0 },
    },
    money: { asksToDegrade: () => isThrifty },
  }
}

const unknown = {
  firstTokenP50Ms: null,
  firstTokenP95Ms: null,
  tokensPerSecond: null,
  failureRate: null,
  schemaValidity: null,
  toolCallValidity: null,
  samples: 0,
}

interface Made {
  readonly record: DecisionRecord
  readonly plan: Plan
}

const parts = [
  'standing',
  'ranking',
  'thrifty',
  'key',
  'preferences',
  'scores',
  'exclusions',
] as const

/** As it is logged: through JSON. Null for a request that never comes to a plan. */
function make(random: Random): Made | null {
  const request = anyRequest(random)
  const caller = anyCaller(random)
  const planned = planRequest(request, caller, anyPorts(random))
  const decided = planned.ok ? planned.value : planned.decided
  if (decided === undefined) return null
  const names: [string, ...string[]] = [request.model, ...(request.models ?? [])]
  const record = decisionOf(decided, names, caller, runtime.version)
  return { record: JSON.parse(JSON.stringify(record)) as DecisionRecord, plan: decided.plan }
}

function manyRecords(count: number): Made[] {
  const random = seededRandom(seed)
  const made: Made[] = []
  while (made.length < count) {
    const one = make(random)
    if (one !== null) made.push(one)
  }
  return made
}

describe('a decision record', () => {
  it(
    'gives the same plan again, byte for byte, whatever was known and asked',
    { timeout: 30_000 },
    () => {
      console.log(`decision: seed ${seed}`)
      const kinds = new Set<string>()
      for (const { record, plan } of manyRecords(3000)) {
        const again = replay(record, runtime)
        expect(JSON.stringify(again.plan)).toBe(JSON.stringify(plan))
        expect(again.isSame).toBe(true)
        kinds.add(plan.kind)
        for (const name of record.rules ?? []) kinds.add(name)
        const left = plan.exclusions.map(({ target, reason }) => ({ target, reason }))
        expect(record.exclusions ?? []).toEqual(left)
        if (plan.kind === 'steps')
          expect(record.scores ?? plan.steps.map(() => null)).toEqual(
            plan.steps.map(({ score = null }) => score),
          )
        for (const part of parts) if (record[part] !== undefined) kinds.add(part)
      }
      const all = 'big exclusions key legal none preferences ranking scores standing steps thrifty'
      expect([...kinds].toSorted().join(' ')).toBe(all)
    },
  )

  it('is small where nothing is out of the ordinary', () => {
    const request = { ...chatRequest(), model: 'plain' }
    const plain = fakeRuntime({ ...routes, rules: [] })
    const ports = { ...anyPorts(seededRandom(1)), runtime: plain, random: () => 0.5 }
    const standing = () => ({ health: undefined, notBeforeMs: 0 })
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const planned = planRequest(request, caller, {
      ...ports,
      health: { standing },
      money: { asksToDegrade: () => false },
    })
    if (!planned.ok) throw new Error(planned.error.message)
    const record = decisionOf(planned.value, ['plain'], caller, plain.version)
    expect(record).toMatchObject({ v: 1, names: ['plain'], tenant: 'demo', seed: 2_147_483_648 })
    expect(record.steps).toEqual(['gpt-4.1@one', 'claude-haiku-4-5@two'])
    expect(Object.keys(record)).not.toContain('standing')
    expect(JSON.stringify(record).length).toBeLessThan(500)
  })

  it('holds no text of the request', () => {
    for (const { record } of manyRecords(500)) {
      const text = JSON.stringify(record)
      expect(text).not.toContain('jane')
      expect(text).not.toContain('hello')
      expect(text).not.toContain('xxxx')
    }
  })

  it('is not taken for the same when its seed, its configuration or its plan is another', () => {
    const split = manyRecords(200).find(
      ({ record, plan }) =>
        record.names[0] === 'split' && plan.kind === 'steps' && record.standing === undefined,
    )
    const record = split?.record ?? manyRecords(1)[0]?.record
    if (record === undefined) throw new Error('nothing was recorded')
    expect(replay({ ...record, plan: '0'.repeat(14) }, runtime).isSame).toBe(false)
    const constraints = { deny: ['gpt-oss-120b@*'] }
    const tenants = { demo: { constraints }, pinned: { constraints } }
    const narrower = fakeRuntime({ ...routes, tenants })
    expect(replay(record, narrower).isSame).toBe(false)
  })
})

describe('what another configuration would change', () => {
  const line = (target: string, more: object = {}) => ({
    'switchyard.decision': {
      v: 1,
      config: 'old',
      catalog: '1',
      names: ['plain'],
      tenant: 'demo',
      facts: { promptTokens: 9 },
      nowMs: 1,
      seed: 0,
      steps: [target],
      plan: '',
    },
    'switchyard.cost_usd': '0.001',
    'gen_ai.usage.input_tokens': 1_000_000,
    'gen_ai.usage.output_tokens': 0,
    ...more,
  })
  const lines = (...all: object[]) => all.map((one) => JSON.stringify(one)).join('\n')

  it('is told by target, cost and region', () => {
    const text = lines(line('gpt-4.1@one'), line('gpt-4.1@one'), { event: 'refusal' })
    const { records, skipped } = readRecords(text)
    expect([records.length, skipped]).toEqual([2, 1])
    const moved: Runtime = fakeRuntime({
      ...routes,
      routes: { ...routes.routes, plain: { tiers: [['claude-haiku-4-5@two']] } },
    })
    const result = compare(records, moved)
    expect(result).toMatchObject({
      records: 2,
      changed: 2,
      moves: [{ from: 'gpt-4.1@one', to: 'claude-haiku-4-5@two', records: 2 }],
      regions: [{ from: 'us', to: 'eu', records: 2 }],
      refusals: [],
    })
    // Claude Haiku 4.5 costs 1 USD for a million tokens of prompt.
    expect(result.cost).toEqual({
      records: 2,
      beforeNanoUsd: 2_000_000,
      afterNanoUsd: 2_000_000_000,
    })
    expect(compare(records, runtime)).toMatchObject({ changed: 0, moves: [], regions: [] })
  })

  it('tells of a target that is still the first and lies elsewhere now', () => {
    const { records } = readRecords(lines(line('gpt-4.1@one', { 'switchyard.region': 'us' })))
    const { one } = routes.providers
    const elsewhere = fakeRuntime({
      ...routes,
      providers: { ...routes.providers, one: { ...one, regions: ['apac'] } },
    })
    expect(compare(records, elsewhere)).toMatchObject({
      changed: 0,
      regions: [{ from: 'us', to: 'apac', records: 1 }],
    })
  })

  it('prices what came from a cache as such', () => {
    const cached = { 'gen_ai.usage.cache_read.input_tokens': 1_000_000 }
    const { records } = readRecords(lines(line('gpt-4.1-mini@one', cached)))
    // GPT-4.1 reads a million cached tokens for 0.50 USD.
    expect(compare(records, runtime).cost.afterNanoUsd).toBe(500_000_000)
  })

  it('names what would be refused', () => {
    const { records } = readRecords(lines(line('gpt-4.1@one')))
    const narrow = fakeRuntime({ ...routes, tenants: { demo: { routes: ['split'] } } })
    const result = compare(records, narrow)
    expect(result.refusals).toEqual([{ code: 'route_forbidden', records: 1 }])
    expect(result.moves).toEqual([{ from: 'gpt-4.1@one', to: 'nobody', records: 1 }])
  })

  it('refuses a record of a version that it does not know', () => {
    const text = JSON.stringify({ v: 2, names: ['a'], seed: 1 })
    expect(() => readRecords(text)).toThrow('line 1: a record of version 2, and 1 is known')
  })
})
