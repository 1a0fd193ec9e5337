import fc from 'fast-check'
import type { AnswerPort, KeptAnswer, Question } from '../../worker/engine/answer-port.ts'
import { timeoutsSchema } from '../../worker/edge/config-schema.ts'
import { unmetered } from '../../worker/engine/money-port.ts'
import type { ShadowPort } from '../../worker/engine/shadow-port.ts'
import { behaviours } from './any-answer.ts'
import { settings } from './fake-host.ts'

/** Any configuration with every option by which a call can be made, any requests of it, and whatever providers do. */

const regions = ['eu', 'us'] as const
const classes = ['public', 'internal', 'confidential', 'regulated'] as const

/** gpt-4.1 and Claude have prices, contexts and features in the catalog; nothing is known of `m`. */
export const targetNames = [
  'gpt-4.1@openai',
  'gpt-4.1-mini@openai',
  'gpt-4.1@backup',
  'm@third',
  'claude-sonnet-4-5@anthropic',
] as const
export const providerNames = ['openai', 'backup', 'third', 'anthropic'] as const

const target = fc.constantFrom(...targetNames)

const data = fc.record(
  {
    retentionDays: fc.constantFrom(0, 7, 60),
    training: fc.boolean(),
    zeroDataRetention: fc.boolean(),
    certifications: fc.subarray(['hipaa', 'soc2']),
    maxDataClass: fc.constantFrom(...classes),
  },
  { requiredKeys: [] },
)

const facts = fc.record({ regions: fc.subarray([...regions]), data })

/** One demand, mostly: with more of them no target is left. */
const constraint = fc.oneof(
  fc.record({ regions: fc.constantFrom(['eu'], ['us'], ['eu', 'us']) }),
  fc.record({ allow: fc.constantFrom(['*@openai', '*@anthropic'], ['gpt-*'], ['*@third']) }),
  fc.record({ deny: fc.constantFrom(['*@openai'], ['gpt-4.1@*'], ['claude-*', 'm@*']) }),
  fc.record({ maxRetentionDays: fc.constantFrom(0, 7) }),
  fc.record({ noTraining: fc.constant(true) }),
  fc.record({ zeroDataRetention: fc.constant(true) }),
  fc.record({ certifications: fc.constant(['hipaa']) }),
  fc.record({ maxInputUsdPerMillion: fc.constantFrom(1, 2.5) }),
  fc.record({ maxOutputUsdPerMillion: fc.constantFrom(2, 10) }),
  fc.record({ minQualityTier: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ features: fc.constantFrom(['jsonSchema'], ['prefill']) }),
  fc.record({ minContextTokens: fc.constantFrom(100_000, 500_000) }),
  fc.record({ fitsContext: fc.constant(true) }),
)

const objective = fc.oneof(
  fc.constantFrom('weighted', 'priority', 'cheapest', 'fastest', 'balanced'),
  fc.constant({ balanced: { cost: 2, firstToken: 1 } }),
)

/** Of those that exclude each other, one. */
const parallel = fc.oneof(
  fc.constant({}),
  fc.constant({ hedge: { leastDelayMs: 100, unmeasuredDelayMs: 100, mostPrefillShare: 1 } }),
  fc
    .tuple(fc.integer({ min: 2, max: 4 }), fc.constantFrom('longest', 'first-valid', 'vote'))
    .map(([n, pick]) => ({ bestOf: { n, pick, patienceMs: 500 } })),
)

const rungs = fc.subarray([
  'cache',
  'smaller-model',
  { rung: 'shorter', maxOutputTokens: 20 },
  { rung: 'template', text: 'Sorry.' },
])

const route = fc.record({
  tiers: fc.array(fc.uniqueArray(target, { minLength: 1, maxLength: 3 }), {
    minLength: 1,
    maxLength: 3,
  }),
  lesser: fc.option(target),
  degrade: rungs,
  parallel,
  options: fc.record(
    {
      objective,
      affinity: fc.constantFrom('session', 'tenant', 'prefix'),
      canary: fc.record({ target, share: fc.constant(0.5) }),
      floors: fc.constant({ schemaValidity: 0.9, toolCallSuccess: 0.9, minSamples: 5 }),
      shadow: fc.record({
        target,
        share: fc.constant(1),
        budgetUsdPerDay: fc.constant(1),
        timeoutMs: fc.constant(2000),
      }),
      resume: fc.record({ userTurn: fc.boolean() }),
      cache: fc.constant({ mode: 'first' }),
      validate: fc.constantFrom({ nonEmpty: true }, { schema: true, buffer: true }),
      constraints: constraint,
    },
    { requiredKeys: [] },
  ),
})

/** A second route, which requests name first, behind another name, or not at all. */
const other = fc.record({
  tiers: fc.array(fc.uniqueArray(target, { minLength: 1, maxLength: 2 }), {
    minLength: 1,
    maxLength: 2,
  }),
  options: fc.record(
    { constraints: constraint, dataClass: fc.constantFrom(...classes) },
    { requiredKeys: [] },
  ),
  /** Of a rule for this route alone. */
  rule: fc.option(constraint, { freq: 2 }),
})

const timeouts = {
  firstTokenTimeoutMs: 5000,
  answerTimeoutMs: 8000,
  idleTimeoutMs: 3000,
  deadlineMs: 30_000,
}

/** No request of such a world may last longer, with all that is done behind it, ms: its first name says how it is carried out. */
export function longestMs({ names: [first = 'chat'] }: AnyRequest): number {
  const { deadlineMs, idleTimeoutMs } = first.includes('@') ? timeoutsSchema.parse({}) : timeouts
  return deadlineMs + idleTimeoutMs + 2000
}

const faults = fc.tuple(
  ...providerNames.map(() =>
    fc.array(
      fc.oneof(
        { weight: 2, arbitrary: fc.constant('sound') },
        { weight: 5, arbitrary: fc.constantFrom(...behaviours) },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  ),
)

const wishes = fc.record(
  {
    only: fc.subarray([...providerNames], { minLength: 1 }),
    ignore: fc.subarray([...providerNames], { maxLength: 2 }),
    order: fc.subarray([...providerNames], { minLength: 1, maxLength: 2 }),
    allow_fallbacks: fc.boolean(),
    zdr: fc.boolean(),
    data_collection: fc.constantFrom('allow', 'deny'),
    max_price: fc.record({ prompt: fc.constantFrom(1, 2.5), completion: fc.constantFrom(10, 20) }),
    sort: fc.constantFrom('price', 'latency', 'throughput'),
  },
  { requiredKeys: [] },
)

const anyRequest = fc.record({
  stream: fc.boolean(),
  needs: fc.constantFrom<object>(
    {},
    {},
    { tools: [{ type: 'function', function: { name: 'pay', parameters: {} } }] },
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } } },
  ),
  /** At most one wish: with all of them nobody is left. */
  wish: fc.tuple(wishes, fc.nat(15)).map(([all, pick]) => {
    const entries = Object.entries(all)
    return Object.fromEntries(entries.slice(pick, pick + 1))
  }),
  /** The names in `model` and `models`; those of targets are picked by the number. */
  names: fc
    .tuple(
      fc.constantFrom(
        ['chat'],
        ['chat'],
        ['chat', 'target'],
        ['chat', 'other'],
        ['other', 'chat'],
        ['target', 'other'],
        ['other'],
      ),
      target,
    )
    .map(([names, picked]) => names.map((name) => (name === 'target' ? picked : name))),
  /** Characters of the prompt: some do not fit into every context. */
  length: fc.constantFrom(5, 5, 5, 900_000),
  dataClass: fc.option(fc.constantFrom(...classes)),
  session: fc.option(fc.constantFrom('a', 'b')),
  resumes: fc.boolean(),
  /** The request before, once more: of another class of data, and so perhaps not for the same targets. */
  isAgain: fc.boolean(),
})
export type AnyRequest = typeof anyRequest extends fc.Arbitrary<infer Value> ? Value : never

const worldParts = fc.record({
  route,
  other,
  facts: fc.tuple(...providerNames.map(() => facts)),
  quality: fc.tuple(...targetNames.map(() => fc.option(fc.integer({ min: 1, max: 3 })))),
  tenant: fc.option(constraint, { freq: 2 }),
  rule: fc.option(constraint, { freq: 2 }),
  faults,
  requests: fc.array(anyRequest, { minLength: 1, maxLength: 4 }),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
})

export interface AnyWorld {
  readonly config: object
  /** Of the tenant and of a rule: each is asked of every call. */
  readonly constraints: readonly object[]
  /** Of each route and of the rules for it: asked of every call of a request that names it, wherever. */
  readonly ofRoutes: Readonly<Record<string, readonly object[]>>
  /** What requests that name the second route are at least. */
  readonly otherDataClass: (typeof classes)[number] | null
  /** How each provider behaves, call by call, over and over. */
  readonly faults: readonly (readonly string[])[]
  readonly requests: readonly AnyRequest[]
  readonly random: number
  /** Calls that one request may come to at most. */
  readonly mostCalls: number
}

const isGiven = <Value>(value: Value | null | undefined): value is Value =>
  value !== null && value !== undefined

export const anyWorld: fc.Arbitrary<AnyWorld> = worldParts.map((parts) => {
  const { lesser, degrade, parallel: several, options } = parts.route
  const tiers = withoutTwice([
    ...parts.route.tiers.map((targets) => [...targets]),
    ...(lesser === null ? [] : [{ targets: [lesser], intent: 'smaller' }]),
  ])
  const hasLesser = tiers.some((tier) => 'intent' in tier)
  const rungsOf = degrade.filter((rung) => rung !== 'smaller-model' || hasLesser)
  const chat = {
    tiers,
    timeouts,
    heartbeatAfterMs: 1000,
    ...several,
    ...options,
    ...(rungsOf.length === 0 ? {} : { degrade: rungsOf }),
  }
  const { tenant, rule, other: second } = parts
  const calls = 'bestOf' in several ? several.bestOf.n : 0
  return {
    config: {
      ...settings,
      limits: { maxBodyBytes: 4_194_304 },
      providers: Object.fromEntries(
        Object.entries(settings.providers).map(([id, one], index) => [
          id,
          { ...one, ...parts.facts[index] },
        ]),
      ),
      targets: Object.fromEntries(
        targetNames.map((name, index) => {
          const qualityTier = parts.quality[index]
          return [name, isGiven(qualityTier) ? { qualityTier } : {}]
        }),
      ),
      routes: { chat, other: { tiers: withoutTwice(second.tiers), timeouts, ...second.options } },
      rules: [
        // Facts are read where a rule asks for them.
        { name: 'read', when: { dataClass: 'regulated', channel: 'fax' }, ...no },
        ...(rule === null ? [] : [{ name: 'narrow', when: {}, ...thenOf(rule) }]),
        ...(second.rule === null
          ? []
          : [{ name: 'other', when: { route: 'other' }, ...thenOf(second.rule) }]),
      ],
      tenants: { demo: tenant === null ? {} : { constraints: tenant } },
    },
    constraints: [tenant, rule].filter(isGiven),
    ofRoutes: {
      chat: [options.constraints].filter(isGiven),
      other: [second.options.constraints, second.rule].filter(isGiven),
    },
    otherDataClass: second.options.dataClass ?? null,
    faults: parts.faults,
    requests: withRepeats(parts.requests),
    random: parts.random,
    // Three attempts, a call for each rung, and a shadow behind; a continuation is one of the attempts.
    mostCalls: 3 + calls + rungsOf.length + ('shadow' in options ? 1 : 0),
  }
})

/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
const thenOf = (constrain: object) => ({ then: { constrain } })
const no = { then: { refuse: { message: 'no' } } }
/* eslint-enable unicorn/no-thenable */

function withRepeats(requests: readonly AnyRequest[]): AnyRequest[] {
  const all: AnyRequest[] = []
  for (const one of requests) {
    const before = all.at(-1)
    all.push(one.isAgain && before !== undefined ? { ...before, dataClass: one.dataClass } : one)
  }
  return all
}

/** A target stands once in a route. */
function withoutTwice(
  tiers: readonly (readonly string[] | { readonly targets: readonly string[]; intent: string })[],
) {
  const seen = new Set<string>()
  const fresh = (names: readonly string[]) =>
    names.filter((name) => !seen.has(name) && seen.add(name) !== undefined)
  return tiers.flatMap((tier) => {
    const isPlain = Array.isArray(tier)
    const targets = fresh('intent' in tier ? tier.targets : tier)
    if (targets.length === 0) return []
    return [isPlain ? targets : { ...tier, targets }]
  })
}

/** Answers kept as they are, for whoever asks exactly the same. */
export class KeptAnswers implements AnswerPort {
  readonly #kept = new Map<string, KeptAnswer>()

  async find(question: Question): Promise<KeptAnswer | null> {
    return this.#kept.get(JSON.stringify(question)) ?? null
  }

  async keep(question: Question, answer: KeptAnswer): Promise<void> {
    this.#kept.set(JSON.stringify(question), answer)
  }
}

/** A budget that is never spent. */
export const freeShadows: ShadowPort = {
  money: unmetered,
  open: async () => true,
  compared: () => undefined,
}
