import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Random } from '../simulation/kernel/random.ts'
import { keyOf, pepper, runWorld } from './run-world.ts'

/**
 * S2: no byte of a pinned tenant's request reaches a provider, an object, a cache or a log outside of its region, for any
 * configuration, any request, any fault. Requests carry words that nothing else holds, and everything that leaves is
 * looked through for them. `RESIDENCY_SEED=n` repeats a run, `RESIDENCY_REQUESTS=n` makes it shorter.
 */

const variables = env as unknown as Readonly<Record<string, string>>
const seed = Number(variables['RESIDENCY_SEED'] || 20_261_126)
const requests = Number(variables['RESIDENCY_REQUESTS'] || 10_000)
const perConfiguration = 250
const atOnce = 40

const homes = { pinned: 'eu', strict: 'eu', forgetful: 'eu', american: 'us' } as const
type Tenant = keyof typeof homes

const adapters = ['openai', 'anthropic', 'gemini', 'mistral', 'groq'] as const
const regionSets = [['eu'], ['eu'], ['us'], ['us'], ['eu', 'us'], ['apac'], []] as const

const faults = [
  { kind: 'status', status: 429, headers: { 'retry-after': '0' } },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 401 },
  { kind: 'status', status: 400 },
  { kind: 'latency', firstByteMs: 5, perChunkMs: 1 },
  { kind: 'hang' },
  { kind: 'reset', afterBytes: 40 },
  { kind: 'stall', afterEvents: 1 },
  { kind: 'truncate', afterEvents: 1 },
  { kind: 'malformed', afterEvents: 1 },
  { kind: 'errorEvent', afterEvents: 1 },
  // In the middle of the text: what can go on elsewhere.
  { kind: 'truncate', afterEvents: 4 },
  { kind: 'truncate', afterEvents: 6 },
  { kind: 'errorEvent', afterEvents: 4 },
  { kind: 'errorEvent', afterEvents: 6 },
  { kind: 'noUsage' },
  { kind: 'split', bytes: 3 },
] as const

/** A provider that quotes what it was sent, in every field that a vendor has for codes: as one word, or as a text. */
function quoting(random: Random, provider: string): object {
  const [home = ''] = regionsOf.get(provider) ?? []
  const word = markOf(home)
  const text = random.chance(0.5) ? word : `"${word} hello": no such thing`
  const fields = { type: text, code: text, status: text, param: text, message: text }
  const details = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: text },
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: text }] },
  ]
  const body = { ...fields, object: 'error', error: { ...fields, details } }
  return { kind: 'status', status: pick(random, [200, 400, 400, 429, 500]), body }
}

const timeouts = {
  firstTokenTimeoutMs: 120,
  answerTimeoutMs: 120,
  idleTimeoutMs: 30,
  deadlineMs: 300,
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return random.pick(items as readonly [Item, ...Item[]])
}

/** Marks of what was sent by a pinned tenant; `0` and so on come from a request's number. */
const markOf = (home: string) => `zq${home}zq`
const marks = /zq(eu|us)zq/g

interface Seen {
  /** `x` outside of `home`. */
  readonly leaks: string[]
  readonly stuck: object[]
  readonly statuses: Map<number, number>
  readonly providers: Map<string, number>
  /** What answers were in place of the one that was asked for. */
  readonly degraded: Map<string, number>
  /** Answers that went on at another target. */
  resumed: number
  calls: number
  /** Errors of providers that quoted what they were sent. */
  quoted: number
  /** Webhooks that told of a job. */
  hooks: number
}

/** Of all configurations: jobs go on while the next one is made, so that no two of them share a provider. */
const regionsOf = new Map<string, readonly string[]>()
let current: readonly string[] = []
let configurations = 0
let seen: Seen

beforeEach(() => {
  seen = {
    leaks: [],
    stuck: [],
    statuses: new Map(),
    providers: new Map(),
    degraded: new Map(),
    resumed: 0,
    calls: 0,
    quoted: 0,
    hooks: 0,
  }
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

/** Every word of a pinned tenant in what goes to a place that is not in its region. */
function lookThrough(what: string, text: string, regions: readonly string[]): void {
  for (const [, home = ''] of text.matchAll(marks))
    if (regions.length === 0 || regions.some((one) => one !== home))
      seen.leaks.push(
        `${what} (${regions.join(', ') || 'nowhere'}) has bytes of "${home}": ${text}`,
      )
}

function listen(): void {
  const real = runWorld.fetch
  vi.stubGlobal('fetch', async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input as RequestInfo, init)
    const [, provider = ''] = new URL(request.url).pathname.split('/')
    const id = provider.split('~')[0] ?? ''
    const everything = `${request.url} ${JSON.stringify([...request.headers])} ${await request.clone().text()}`
    seen.calls += 1
    seen.providers.set(id, (seen.providers.get(id) ?? 0) + 1)
    lookThrough(`a call to ${id}`, everything, regionsOf.get(id) ?? [])
    if (request.url === webhook.url) {
      seen.hooks += 1
      return new Response(null, { status: 204 })
    }
    const response = await real(request, init)
    if (response.headers.get('content-type')?.includes('json') === true)
      if (await quotes(response.clone())) seen.quoted += 1
    return response
  })
  for (const level of ['log', 'error', 'warn', 'info', 'debug'] as const)
    vi.spyOn(console, level).mockImplementation((...parts: unknown[]) =>
      lookThrough('the log', parts.map(String).join(' '), []),
    )
  // A cache knows no jurisdictions: sealed or not, nothing of a pinned tenant is looked for in one, or put into it.
  const cached = () => {
    seen.leaks.push('a cache of the place was opened')
    throw new Error('no cache')
  }
  vi.spyOn(caches, 'open').mockImplementation(cached)
  vi.spyOn(caches.default, 'put').mockImplementation(cached)
  vi.spyOn(caches.default, 'match').mockImplementation(cached)
  runWorld.onObject = (binding, name, what) => {
    const home = /^stand-in-([a-z-]+):/.exec(name)?.[1]
    lookThrough(`the name of an object (${binding})`, name, [])
    // Only what runs a request, and its own ledger, may be told of it; names say where they are.
    const regions = binding === 'PROVIDER_HEALTH' || home === undefined ? [] : [home]
    lookThrough(`${binding} ${home ?? 'outside'}`, what, regions)
  }
}

/** An error of `quoting`. */
async function quotes(response: Response): Promise<boolean> {
  return (await response.text().catch(() => '')).includes('"object":"error"')
}

/** Providers, routes and options by chance. */
function configuration(random: Random): { file: object; names: readonly string[] } {
  const providers: Record<string, object> = {}
  const targets: Record<string, object> = {}
  configurations += 1
  for (let index = 0; index < 6; index++) {
    const adapter = pick(random, adapters)
    // A pinned tenant that nothing could ever answer is refused with the file.
    const regions = index === 0 ? ['eu'] : index === 1 ? ['us'] : pick(random, regionSets)
    const id = `p${configurations}-${index}`
    regionsOf.set(id, regions)
    providers[id] = {
      adapter,
      baseUrl: `https://${id}.example/v1`,
      credential: { kind: 'bearer', secret: 'NOBODY_HAS_IT', host: `${id}.example` },
      regions,
    }
    targets[`m@${id}`] = { free: true }
  }
  current = Object.keys(providers)
  const all = Object.keys(targets)
  const hasLedger = random.chance(0.5)
  const some = () => all.filter(() => random.chance(0.4))
  const routes = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => {
      const tiers = [some(), some(), all.slice(0, 1)].filter((tier) => tier.length > 0)
      const lesser = random.chance(0.4) ? [{ targets: [...all], intent: 'smaller' }] : []
      return [
        name,
        {
          tiers: [...tiers, ...lesser],
          timeouts,
          ...lessThanAsked(random, lesser.length > 0),
          ...(random.chance(0.6) ? { resume: { userTurn: true } } : {}),
          ...(random.chance(0.3) ? { resumable: {} } : {}),
          ...(random.chance(0.4) ? { jobs: { webhook } } : {}),
          ...order(random, all),
          ...pick(random, [
            {},
            {},
            { hedge: { leastDelayMs: 100, unmeasuredDelayMs: 100 } },
            { bestOf: { n: 2, pick: 'longest', patienceMs: 20 } },
          ]),
          ...(hasLedger && random.chance(0.3)
            ? { shadow: { target: pick(random, all), share: 1, budgetUsdPerDay: 1 } }
            : {}),
        },
      ]
    }),
  )
  const health = { mode: random.chance(0.5) ? 'enforce' : 'observe' }
  const ledger = { mode: hasLedger ? 'enforce' : 'off' }
  const rules = rulesOf(random, all)
  // One with nothing else, so that answers do go on elsewhere.
  Object.assign(routes, { d: { tiers: [all], timeouts, resume: { userTurn: true } } })
  const file = { providers, targets, routes, rules, health, ledger }
  return { file, names: [...Object.keys(routes), ...all, 'm'] }
}

const webhook = { url: 'https://hooks.example/jobs', secret: 'HOOK_SECRET' }

/** Who goes first, by what is known of the request and of the session that its tags name. */
function order(random: Random, all: readonly string[]): object {
  const objective = pick(random, [
    {},
    { objective: 'cheapest' },
    { objective: 'fastest' },
    { objective: { balanced: { cost: 1, failures: 1 } } },
  ])
  const by = pick(random, ['session', 'tenant', 'prefix'])
  return {
    ...objective,
    ...(random.chance(0.5) ? { affinity: by } : {}),
    ...(random.chance(0.4) ? { canary: { target: pick(random, all), share: 0.5 } } : {}),
  }
}

/** A ladder, a cache and the validation of answers: each of them makes answers, or asks again. */
function lessThanAsked(random: Random, hasLesser: boolean): object {
  const rungs = [
    'cache',
    ...(hasLesser ? ['smaller-model'] : []),
    { rung: 'shorter', maxOutputTokens: 4 },
    'deferred',
    { rung: 'template', text: 'Sorry: {requestId}, {route}, {model}.' },
  ].filter(() => random.chance(0.4))
  return {
    ...(rungs.length > 0 ? { degrade: rungs } : {}),
    ...(random.chance(0.4)
      ? { cache: { mode: random.chance(0.5) || !rungs.includes('cache') ? 'first' : 'fallback' } }
      : {}),
    ...pick(random, [
      {},
      {},
      { validate: { nonEmpty: true } },
      { validate: { nonEmpty: true, finish: ['stop'], buffer: true } },
      { validate: { schema: { type: 'object' } } },
    ]),
  }
}

/** Rules that read the text, send requests to another route, and leave targets out. */
function rulesOf(random: Random, targets: readonly string[]): object[] {
  const rules = [
    { name: 'mail', when: { found: 'email' }, ...outcome({ constrain: { deny: [targets[5]] } }) },
    { name: 'stream', when: { stream: true, route: 'a' }, ...outcome({ route: 'b' }) },
    { name: 'long', when: { messages: { range: { from: 2 } } }, ...outcome({ route: 'c' }) },
    { name: 'some', when: { region: 'eu' }, ...outcome({ constrain: { deny: [targets[4]] } }) },
  ]
  return rules.filter(() => random.chance(0.5))
}

/* eslint-disable-next-line unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
const outcome = (then: object) => ({ then })

/** One request by chance; its words are in every field that takes a text of the caller's. */
function request(random: Random, tenant: Tenant, names: readonly string[], number: number) {
  const mark = markOf(homes[tenant])
  const path = pick(random, [
    '/v1/chat/completions',
    '/v1/chat/completions',
    '/v1/messages',
    '/v1/messages',
    '/v1/messages/count_tokens',
    '/v1/explain',
  ])
  if (random.chance(0.3)) return again(random, tenant)
  const isAnthropic = path.startsWith('/v1/messages')
  const model = random.chance(0.05) ? `${mark}-model` : pick(random, names)
  const body: Record<string, unknown> = {
    model,
    messages: [
      { role: 'user', content: `${mark} hello ${random.chance(0.5) ? number : number % 3}` },
      ...(random.chance(0.1) ? [{ role: 'user', content: `write to ${mark}@example.com` }] : []),
    ],
    ...(isAnthropic && !path.endsWith('count_tokens') ? { max_tokens: 16 } : {}),
    ...(random.chance(0.5) && !path.endsWith('count_tokens') && path !== '/v1/explain'
      ? { stream: true }
      : {}),
    ...(random.chance(0.2) && !isAnthropic ? { user: mark } : {}),
    ...(random.chance(0.1) && !isAnthropic ? { models: [pick(random, names), mark] } : {}),
    ...(random.chance(0.1) ? { provider: { only: [pick(random, current)] } } : {}),
    ...(random.chance(0.05) ? { [mark]: mark } : {}),
  }
  const text = random.chance(0.03) ? `{"${mark}": ` : JSON.stringify(body)
  const headers: Record<string, string> = {
    // A target that is named past all routes has the times of nobody's choosing.
    'x-switchyard-deadline-ms': String(timeouts.deadlineMs),
    ...(random.chance(0.2) ? { 'idempotency-key': `k-${number % 97}` } : {}),
    ...(random.chance(0.1) ? { prefer: 'respond-async' } : {}),
    ...(random.chance(0.7) ? { 'x-switchyard-resume': 'continue' } : {}),
    ...(random.chance(0.3)
      ? { 'x-switchyard-tags': `feature=${mark}, session=${mark}-${number % 5}, ${mark}=x` }
      : {}),
    ...(random.chance(0.05) ? { 'last-event-id': `req_${'0'.repeat(32)}.1` } : {}),
  }
  return { path, raw: text, headers, tenant }
}

/** One of few requests, so that answers are kept and given again; as a stream, it may go on elsewhere. */
function again(random: Random, tenant: Tenant) {
  const body = {
    model: pick(random, ['a', 'b', 'd', 'd']),
    stream: random.chance(0.7),
    messages: [{ role: 'user', content: `${markOf(homes[tenant])} hello again` }],
  }
  const headers: Record<string, string> = { 'x-switchyard-resume': 'continue' }
  return { path: '/v1/chat/completions', raw: JSON.stringify(body), headers, tenant }
}

async function faultsAnew(random: Random): Promise<void> {
  await runWorld.control('/reset', {})
  for (const provider of current)
    if (random.chance(0.6)) {
      const fault = random.chance(0.25) ? quoting(random, provider) : pick(random, faults)
      await runWorld.control('/faults', { provider, fault, probability: 0.7 })
    }
}

/** Nothing of a request takes longer, ms; what does is stuck. */
const longestMs = 20_000

async function one(random: Random, names: readonly string[], number: number): Promise<void> {
  const tenant = pick(random, Object.keys(homes) as Tenant[])
  const asked = request(random, tenant, names, number)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), longestMs)
  })
  if ((await Promise.race([answered(asked), late])) === 'late') seen.stuck.push(asked)
  clearTimeout(timer)
}

async function answered(asked: ReturnType<typeof request>): Promise<void> {
  const response = await runWorld.ask(null, asked)
  seen.statuses.set(response.status, (seen.statuses.get(response.status) ?? 0) + 1)
  for (const kind of response.headers.get('x-switchyard-degraded')?.split(', ') ?? [])
    seen.degraded.set(kind, (seen.degraded.get(kind) ?? 0) + 1)
  try {
    const text = await response.text()
    if (text.includes(': switchyard-resume ')) seen.resumed += 1
  } catch {
    // A stream that breaks off is one of the faults.
  }
}

/** So many requests, some at once; what goes wrong changes on the way. */
async function load(random: Random, names: readonly string[], from: number): Promise<void> {
  let next = from
  const lane = async () => {
    while (next < from + perConfiguration) {
      const number = next++
      if (number % 100 === 0) await faultsAnew(random)
      await one(random, names, number)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

it(
  `${requests} requests of pinned tenants under every fault leave their region with no byte (seed ${seed})`,
  { timeout: 600_000 },
  async () => {
    expect([keyOf('pinned').length > 0, pepper.length]).toEqual([true, 32])
    const random = new Random(String(seed))
    for (let done = 0; done < requests; done += perConfiguration) {
      const { file, names } = configuration(random)
      runWorld.start(file)
      listen()
      await load(random, names, done)
      vi.restoreAllMocks()
    }
    expect(seen.stuck).toEqual([])
    expect(seen.leaks).toEqual([])
    const sum = [...seen.statuses.values()].reduce((total, count) => total + count, 0)
    expect(sum).toBe(requests)
    // A run that reaches nothing proves nothing.
    for (const status of [200, 202, 400, 404, 451, 502])
      expect(seen.statuses.get(status) ?? 0, `answers ${status}`).toBeGreaterThan(requests / 500)
    expect(seen.calls).toBeGreaterThan(requests / 5)
    for (const kind of ['cache', 'smaller-model', 'template'])
      expect(seen.degraded.get(kind) ?? 0, kind).toBeGreaterThan(requests / 1000)
    expect(seen.resumed).toBeGreaterThan(requests / 2000)
    expect(seen.quoted).toBeGreaterThan(requests / 100)
    expect(seen.hooks).toBeGreaterThan(requests / 500)
  },
)
