import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { LoggedRequest } from '../../simulator/request-log.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import type { Candidate } from '../../worker/policy/candidate.ts'
import { classify } from '../../worker/policy/classify.ts'
import type { Constraint } from '../../worker/policy/constraint.ts'
import { dataClasses, type DataClass } from '../../worker/policy/request-facts.ts'
import { Random } from '../simulation/kernel/random.ts'
import { isCareful, isWanted, meets } from '../support/policy-oracle.ts'
import { runWorld } from './run-world.ts'

/**
 * S2, by what the simulated providers recorded: no call of any request, whatever it is made for and whatever failed
 * before, reaches a target that may not be sent it. The whole Worker with its real objects; who may is said once more,
 * from scratch, by `policy-oracle.ts`.
 */

const seed = 20_261_126
const configurations = 20
const perConfiguration = 40
const atOnce = 20

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return random.pick(items as readonly [Item, ...Item[]])
}

/** Models whose prices, contexts and features the catalog knows. */
const models = {
  openai: ['gpt-4.1', 'gpt-4.1-mini'],
  anthropic: ['claude-sonnet-4-5', 'claude-haiku-4-5'],
  gemini: ['gemini-2.5-flash'],
  mistral: ['mistral-small-latest', 'mistral-large-latest'],
} as const
const adapters = Object.keys(models) as (keyof typeof models)[]

const timeouts = {
  firstTokenTimeoutMs: 100,
  answerTimeoutMs: 100,
  idleTimeoutMs: 30,
  deadlineMs: 400,
}

const faults = [
  { kind: 'status', status: 429, headers: { 'retry-after': '0' } },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 401 },
  { kind: 'status', status: 400 },
  { kind: 'hang' },
  { kind: 'reset', afterBytes: 40 },
  { kind: 'truncate', afterEvents: 1 },
  { kind: 'truncate', afterEvents: 4 },
  { kind: 'errorEvent', afterEvents: 4 },
  { kind: 'malformed', afterEvents: 1 },
] as const

/** One demand of any kind that does not depend on measurements. */
function constraint(random: Random, targets: readonly string[]): Constraint {
  const provider = pick(random, targets).split('@')[1]
  return pick<Constraint>(random, [
    { regions: pick(random, [['eu'], ['us'], ['eu', 'us']]) },
    { allow: pick(random, [['gpt-*', 'claude-*'], ['*-mini@*', '*-latest@*'], ['gemini-*']]) },
    { deny: [`*@${provider}`] },
    { maxRetentionDays: pick(random, [0, 7]) },
    { zeroDataRetention: true },
    { noTraining: true },
    { certifications: ['hipaa'] },
    { maxInputUsdPerMillion: pick(random, [0.5, 2.5]) },
    { maxOutputUsdPerMillion: pick(random, [2, 10]) },
    { minQualityTier: pick(random, [2, 3]) },
    { features: pick(random, [['jsonSchema'], ['seed']]) },
    { minContextTokens: pick(random, [150_000, 500_000]) },
  ])
}

/** A rule, and whether it holds for a request; said here once more. */
interface KnownRule {
  readonly rule: object
  readonly holds: (asked: Asked) => boolean
  readonly constrain?: Constraint
  readonly dataClass?: DataClass
  readonly route?: string
}

const tenantNames = ['free', 'other', 'pinned'] as const
type Tenant = (typeof tenantNames)[number]

interface World {
  readonly file: object
  /** What the gateway made of the file. */
  readonly runtime: Runtime
  readonly targets: readonly string[]
  readonly rules: readonly KnownRule[]
  /** Of routes and tenants. */
  readonly constraints: ReadonlyMap<string, readonly Constraint[]>
  readonly careful: ReadonlyMap<string, DataClass>
}

interface Asked {
  readonly number: number
  readonly world: World
  readonly tenant: Tenant
  /** A route or a target. */
  readonly name: string
  readonly body: Record<string, unknown>
  readonly dataClass: DataClass | null
  readonly team: string | null
  readonly stream: boolean
}

const dataFacts = (random: Random) =>
  Object.fromEntries(
    [
      ['retentionDays', pick(random, [0, 7, 60])],
      ['training', random.chance(0.3)],
      ['zeroDataRetention', random.chance(0.6)],
      ['certifications', pick(random, [['hipaa'], ['hipaa', 'soc2'], []])],
      ['maxDataClass', pick(random, dataClasses)],
    ].filter(() => random.chance(0.6)),
  ) as object

let made = 0

function world(random: Random): Omit<World, 'runtime'> {
  made += 1
  const providers: Record<string, object> = {}
  const targets: Record<string, object> = {}
  for (let index = 0; index < 6; index++) {
    const adapter = pick(random, adapters)
    const id = `${adapter}-${made}-${index}`
    const regions = index === 0 ? ['eu'] : index === 1 ? ['us'] : pick(random, regionSets)
    const host = `${id}.example`
    const credential = { kind: 'bearer', secret: 'NOBODY_HAS_IT', host }
    const baseUrl = `https://${host}/v1`
    providers[id] = { adapter, baseUrl, credential, regions, data: dataFacts(random) }
    for (const model of models[adapter])
      targets[`${model}@${id}`] = {
        ...(random.chance(0.7) ? { qualityTier: 1 + random.below(4) } : {}),
        ...(random.chance(0.2) ? { regions: pick(random, [['eu'], ['us']]) } : {}),
        ...(random.chance(0.2) ? { data: dataFacts(random) } : {}),
      }
  }
  const all = Object.keys(targets)
  const hasLedger = random.chance(0.6)
  const constraints = new Map<string, readonly Constraint[]>()
  const careful = new Map<string, DataClass>()
  const demands = (name: string, share: number) => {
    const own = random.chance(share) ? constraint(random, all) : null
    const dataClass = random.chance(0.15) ? pick(random, dataClasses) : null
    if (own !== null) constraints.set(name, [own])
    if (dataClass !== null) careful.set(name, dataClass)
    return {
      ...(own === null ? {} : { constraints: own }),
      ...(dataClass === null ? {} : { dataClass }),
    }
  }
  const routes = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [
      name,
      { ...routeOf(random, all, hasLedger), ...demands(name, 0.3) },
    ]),
  )
  const tenants = Object.fromEntries(
    tenantNames.map((name) => {
      const own = demands(`tenant ${name}`, 0.2)
      if (name !== 'pinned') return [name, own]
      const before = constraints.get(`tenant ${name}`) ?? []
      constraints.set(`tenant ${name}`, [...before, { regions: ['eu'] }])
      return [name, { ...own, residency: 'eu' }]
    }),
  )
  const rules = rulesOf(random, all)
  const file = {
    providers,
    targets,
    routes,
    rules: [readsData, ...rules.map(({ rule }) => rule)],
    tenants,
    health: { mode: random.chance(0.5) ? 'enforce' : 'observe' },
    ledger: { mode: hasLedger ? 'enforce' : 'off' },
  }
  return { file, targets: all, rules, constraints, careful }
}

const regionSets = [['eu'], ['us'], ['eu', 'us'], ['apac'], []] as const

/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
const ruleOf = (name: string, when: object, then: object) => ({ name, when, then })
/* eslint-enable unicorn/no-thenable */

/** Facts are read where a rule asks for them. */
const readsData = ruleOf(
  'reads',
  { dataClass: 'regulated', found: 'email', tags: { team: 'x' }, channel: 'fax' },
  { refuse: { message: 'no' } },
)

function routeOf(random: Random, all: readonly string[], hasLedger: boolean): object {
  const some = () => all.filter(() => random.chance(0.3))
  const tiers = [some(), some(), [pick(random, all)]].filter((tier) => tier.length > 0)
  const [lesser] = all.filter((name) => !tiers.flat().includes(name))
  const hasLesser = lesser !== undefined && random.chance(0.4)
  return {
    tiers: [
      ...withoutTwice(tiers),
      ...(hasLesser ? [{ targets: [lesser], intent: 'smaller' }] : []),
    ],
    timeouts,
    ...(hasLesser ? { degrade: ['smaller-model'] } : {}),
    ...pick(random, [
      {},
      { hedge: { leastDelayMs: 100, unmeasuredDelayMs: 100 } },
      { bestOf: { n: 2, pick: 'longest', patienceMs: 20 } },
    ]),
    ...pick(random, [{}, { objective: 'cheapest' }, { objective: 'fastest' }]),
    ...(random.chance(0.4) ? { canary: { target: pick(random, all), share: 0.5 } } : {}),
    ...(random.chance(0.5) ? { resume: { userTurn: true } } : {}),
    ...(random.chance(0.3) ? { affinity: 'session' } : {}),
    ...(hasLedger && random.chance(0.6)
      ? { shadow: { target: pick(random, all), share: 1, budgetUsdPerDay: 1, timeoutMs: 200 } }
      : {}),
  }
}

function withoutTwice(tiers: readonly (readonly string[])[]): string[][] {
  const seen = new Set<string>()
  return tiers
    .map((tier) => tier.filter((name) => !seen.has(name) && seen.add(name)))
    .filter((tier) => tier.length > 0)
}

function rulesOf(random: Random, all: readonly string[]): KnownRule[] {
  const when: readonly [object, KnownRule['holds']][] = [
    [{ route: 'a' }, ({ name }) => name === 'a'],
    [{ stream: true }, ({ stream }) => stream],
    [{ tags: { team: 'law' } }, ({ team }) => team === 'law'],
    [{ any: [{ route: 'b' }, { stream: false }] }, ({ name, stream }) => name === 'b' || !stream],
    [{ not: { tags: { team: { glob: 'l*' } } } }, ({ team }) => team !== 'law'],
  ]
  return when
    .filter(() => random.chance(0.3))
    .map(([condition, holds], index) => {
      const what = pick(random, ['constrain', 'constrain', 'dataClass', 'route'])
      const then =
        what === 'constrain'
          ? { constrain: constraint(random, all) }
          : what === 'dataClass'
            ? { dataClass: pick(random, dataClasses) }
            : { route: 'c' }
      return { rule: ruleOf(`r${index}`, condition, then), holds, ...then }
    })
}

const markOf = (number: number) => `zq${number}qz`

function request(random: Random, here: World, number: number): Asked {
  const { targets } = here
  const stream = random.chance(0.5)
  const name = random.chance(0.85) ? pick(random, ['a', 'b', 'c']) : pick(random, targets)
  const providers = [...new Set(targets.map((one) => one.split('@')[1]))]
  const needs = pick<object>(random, [
    {},
    {},
    { tools: [{ type: 'function', function: { name: 'pay', parameters: { type: 'object' } } }] },
    { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } } },
  ])
  const wish = pick<object | null>(random, [
    null,
    null,
    null,
    { only: [pick(random, providers), pick(random, providers)] },
    { ignore: [pick(random, providers)] },
    { zdr: true },
    { data_collection: 'deny' },
    { max_price: { prompt: 2.5 } },
    { order: [pick(random, providers)], allow_fallbacks: false },
  ])
  const content = `${markOf(number)} hello`
  const messages = [{ role: 'user', content }]
  const body = {
    model: name,
    stream,
    messages,
    max_tokens: 20,
    ...needs,
    ...(wish === null ? {} : { provider: wish }),
  }
  const dataClass = random.chance(0.3) ? pick(random, dataClasses) : null
  const team = random.chance(0.4) ? 'law' : null
  const tenant = pick(random, tenantNames)
  return { number, world: here, tenant, name, body, dataClass, team, stream }
}

async function ask({ body, tenant, dataClass, team, number }: Asked): Promise<number> {
  const tags = [
    ...(dataClass === null ? [] : [`data=${dataClass}`]),
    ...(team === null ? [] : [`team=${team}`]),
    `session=s${number % 5}`,
  ]
  const headers = {
    'x-switchyard-tags': tags.join(','),
    'x-switchyard-resume': 'continue',
    'x-switchyard-deadline-ms': String(timeouts.deadlineMs),
  }
  const response = await runWorld.ask(body, { tenant, headers })
  // A stream that breaks off is one of the faults.
  await response.text().catch(() => '')
  return response.status
}

/** Why `target` may not be sent this request; empty when it may. */
function against(target: string, asked: Asked): string[] {
  const { rules, constraints, careful, runtime } = asked.world
  const found = runtime.targets.get(target)
  if (found === undefined) return [`${target} is not declared`]
  const one: Candidate = { ...found.standing, tier: 0, weight: 1, notBeforeMs: 0 }
  const parsed = openAiChat.parse(asked.body)
  if (!parsed.ok) throw new Error('a request that nobody can read')
  const matched = rules.filter(({ holds }) => holds(asked))
  const route = matched.find((rule) => rule.route !== undefined)?.route ?? asked.name
  const declared = [asked.name, route, `tenant ${asked.tenant}`].map((name) => careful.get(name))
  const raised = [asked.dataClass, ...declared, ...matched.map(({ dataClass }) => dataClass)]
  const dataClass = dataClasses.findLast((name) => raised.includes(name)) ?? null
  const facts = { ...classify(parsed.value), dataClass }
  const demands = [
    ...(constraints.get(route) ?? []),
    ...(constraints.get(`tenant ${asked.tenant}`) ?? []),
    ...matched.flatMap(({ constrain }) => constrain ?? []),
  ]
  return [
    ...(isWanted(one, parsed.value.provider ?? {}) ? [] : ['the caller narrowed it out']),
    ...(isCareful(one, facts) ? [] : [`it is too careless for data that is ${dataClass}`]),
    ...facts.needs.flatMap(({ feature }) => (one.features.has(feature) ? [] : [feature])),
    ...demands.flatMap((demand) => (meets(one, demand, facts) ? [] : [JSON.stringify(demand)])),
  ]
}

interface Seen {
  calls: number
  several: number
  refused: number
  /** Calls that some target of the file could not have been sent. */
  narrowed: number
  readonly wrong: string[]
}

function check(all: readonly LoggedRequest[], asked: readonly Asked[], seen: Seen): void {
  const of = new Map<number, number>()
  for (const { provider, model, body } of all) {
    const number = Number(/zq(\d+)qz/.exec(JSON.stringify(body))?.[1] ?? -1)
    const one = asked[number]
    if (one === undefined) throw new Error(`a call of no request: ${JSON.stringify(body)}`)
    const target = `${model}@${provider}`
    seen.calls += 1
    of.set(number, (of.get(number) ?? 0) + 1)
    if (one.world.targets.some((other) => against(other, one).length > 0)) seen.narrowed += 1
    const reasons = against(target, one)
    if (reasons.length > 0)
      seen.wrong.push(`${target}: ${reasons.join('; ')}: ${JSON.stringify(one)}`)
  }
  seen.several += [...of.values()].filter((calls) => calls > 1).length
}

/** The first world of chance that a gateway starts with: constraints may leave nobody. */
function started(random: Random): World {
  for (let tries = 0; tries < 200; tries++) {
    const one = world(random)
    try {
      runWorld.start(one.file)
      return { ...one, runtime: runWorld.isolate.runtime }
    } catch (cause) {
      if (!/leaves no target|canary|never reached|never decides|leads back/.test(String(cause)))
        throw cause
    }
  }
  throw new Error('no file of these starts')
}

async function faultsOf({ targets }: World, random: Random): Promise<void> {
  for (const provider of new Set(targets.map((one) => one.split('@')[1]))) {
    const fault = { provider, fault: pick(random, faults), probability: 0.7 }
    if (random.chance(0.5)) await runWorld.control('/faults', fault)
  }
}

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.stubGlobal('fetch', runWorld.fetch)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

it(
  `no recorded call went to a target that may not be sent it (seed ${seed})`,
  { timeout: 240_000 },
  async () => {
    const random = new Random(String(seed))
    const seen: Seen = { calls: 0, several: 0, refused: 0, narrowed: 0, wrong: [] }
    const asked: Asked[] = []
    const behind: Promise<void>[] = []
    await runWorld.control('/reset', {})
    for (let index = 0; index < configurations; index++) {
      const here = started(random)
      await faultsOf(here, random)
      const fresh = Array.from({ length: perConfiguration }, (_, more) =>
        request(random, here, asked.length + more),
      )
      asked.push(...fresh)
      const lane = async () => {
        for (let one = fresh.shift(); one !== undefined; one = fresh.shift())
          if ((await ask(one)) !== 200) seen.refused += 1
      }
      await Promise.all(Array.from({ length: atOnce }, lane))
      behind.push(runWorld.idle())
    }
    await Promise.all(behind)
    check(await runWorld.recorded(), asked, seen)
    expect(seen.wrong).toEqual([])
    // A run that reaches nothing, or that nothing stands in the way of, proves nothing.
    expect(seen.calls).toBeGreaterThan(400)
    expect(seen.several).toBeGreaterThan(80)
    expect(seen.narrowed).toBeGreaterThan(300)
    expect(seen.refused).toBeGreaterThan(50)
  },
)
