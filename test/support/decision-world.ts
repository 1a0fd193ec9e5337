/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import type { KeyProfile } from '../../durable-objects/tenant-ledger/access/verify.ts'
import { everything } from '../../durable-objects/tenant-ledger/access/grant.ts'
import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import type { Caller } from '../../worker/engine/caller.ts'
import type { MeasurePort } from '../../worker/engine/measure-port.ts'
import type { PlanPorts } from '../../worker/engine/ports.ts'
import { chatRequest, fakeRuntime, provider } from './fake-host.ts'

/** Everything that a plan may go by is declared somewhere in here. */
export const routes = {
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
    {
      name: 'no-secrets',
      when: { found: 'apiKey' },
      then: { refuse: { status: 403, message: 'keys are not sent to models' } },
    },
    { name: 'legal', when: { found: 'email' }, then: { constrain: { regions: ['eu'] } } },
    { name: 'big', when: { size: ['large', 'huge'] }, then: { route: 'split' } },
  ],
  tenants: {
    demo: {},
    pinned: { constraints: { noTraining: true } },
    narrow: { routes: ['plain', 'european'], directTargets: false },
  },
}

export const runtime = fakeRuntime(routes)

export type Random = () => number

export const pick = <Value>(random: Random, values: readonly Value[]): Value =>
  values[Math.floor(random() * values.length)] as Value

export function anyRequest(random: Random): CanonicalRequest {
  const text = pick(random, [
    'hello',
    'x'.repeat(40_000),
    'write to jane.doe@acme-corp.com',
    '',
    `AKIA${'ABCDEFGH12345678'}`,
  ])
  return {
    ...chatRequest(),
    model: pick(random, [
      'plain',
      'split',
      'best',
      'european',
      'gpt-4.1@one',
      'gpt-4.1',
      random() < 0.3 ? 'no-such-model' : 'best',
    ]),
    ...(random() < 0.2 ? { models: [random() < 0.1 ? 'nor-this' : 'split', 'plain'] } : {}),
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

export function anyCaller(random: Random): Caller {
  const tenant = pick(random, ['demo', 'demo', 'pinned', 'narrow'])
  if (random() < 0.5) return { tenant, keyId: 'k', profile: null }
  const profile: KeyProfile = {
    tenantId: tenant,
    keyId: 'k',
    keyPath: ['k'],
    grant: {
      ...everything,
      ...(random() < 0.3 ? { regions: [pick(random, ['eu', 'cn'])] } : {}),
      ...(random() < 0.1 ? { routes: ['plain'] } : {}),
      ...(random() < 0.1 ? { operations: [pick(random, ['chat', 'embeddings'])] } : {}),
      ...(random() < 0.05 ? { environments: ['production'] } : {}),
    },
    residency: random() < 0.2 ? 'eu' : null,
    isStrict: false,
    tier: pick(random, [null, 'premium']),
    storesAnswers: false,
    requiredTags: random() < 0.05 ? ['team', 'feature'] : [],
    validForMs: 1000,
  }
  return { tenant, keyId: 'k', profile }
}

/** A world in which anything may be known of any target. */
export function anyPorts(random: Random): PlanPorts {
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
