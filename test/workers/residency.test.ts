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
  { kind: 'noUsage' },
  { kind: 'split', bytes: 3 },
] as const

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
  calls: number
}

const regionsOf = new Map<string, readonly string[]>()
let seen: Seen

beforeEach(() => {
  seen = { leaks: [], stuck: [], statuses: new Map(), providers: new Map(), calls: 0 }
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
    return real(request, init)
  })
  for (const level of ['log', 'error', 'warn', 'info', 'debug'] as const)
    vi.spyOn(console, level).mockImplementation((...parts: unknown[]) =>
      lookThrough('the log', parts.map(String).join(' '), []),
    )
  const cached = (request: RequestInfo | URL) =>
    lookThrough('the cache', new Request(request as RequestInfo).url, [])
  vi.spyOn(caches.default, 'put').mockImplementation(async (request, response) => {
    cached(request)
    lookThrough('the cache', await response.clone().text(), [])
  })
  vi.spyOn(caches.default, 'match').mockImplementation(async (request) => {
    cached(request)
    return undefined
  })
  runWorld.onObject = (binding, name, what) => {
    const home = /^stand-in-([a-z-]+):/.exec(name)?.[1]
    lookThrough(`the name of an object (${binding})`, name, [])
    // Only what runs a request, and its own ledger, may be told of it; names say where they are.
    const regions = binding === 'PROVIDER_HEALTH' || home === undefined ? [] : [home]
    lookThrough(`${binding} ${home ?? 'outside'}`, what, regions)
  }
}

/** Providers, routes and options by chance. */
function configuration(random: Random): { file: object; names: readonly string[] } {
  const providers: Record<string, object> = {}
  const targets: Record<string, object> = {}
  regionsOf.clear()
  for (let index = 0; index < 6; index++) {
    const adapter = pick(random, adapters)
    // A pinned tenant that nothing could ever answer is refused with the file.
    const regions = index === 0 ? ['eu'] : index === 1 ? ['us'] : pick(random, regionSets)
    const id = `p${index}`
    regionsOf.set(id, regions)
    providers[id] = {
      adapter,
      baseUrl: `https://${id}.example/v1`,
      credential: { kind: 'bearer', secret: 'NOBODY_HAS_IT', host: `${id}.example` },
      regions,
    }
    targets[`m@${id}`] = { free: true }
  }
  const all = Object.keys(targets)
  const hasLedger = random.chance(0.5)
  const some = () => all.filter(() => random.chance(0.4))
  const routes = Object.fromEntries(
    ['a', 'b', 'c', 'd'].map((name) => {
      const tiers = [some(), some(), all.slice(0, 1)].filter((tier) => tier.length > 0)
      return [
        name,
        {
          tiers,
          timeouts,
          ...(random.chance(0.3) ? { resumable: {} } : {}),
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
  const file = { providers, targets, routes, health, ledger }
  return { file, names: [...Object.keys(routes), ...all, 'm'] }
}

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
  const isAnthropic = path.startsWith('/v1/messages')
  const model = random.chance(0.05) ? `${mark}-model` : pick(random, names)
  const body: Record<string, unknown> = {
    model,
    messages: [{ role: 'user', content: `${mark} hello ${number}` }],
    ...(isAnthropic && !path.endsWith('count_tokens') ? { max_tokens: 16 } : {}),
    ...(random.chance(0.5) && !path.endsWith('count_tokens') && path !== '/v1/explain'
      ? { stream: true }
      : {}),
    ...(random.chance(0.2) && !isAnthropic ? { user: mark } : {}),
    ...(random.chance(0.1) && !isAnthropic ? { models: [pick(random, names), mark] } : {}),
    ...(random.chance(0.1) ? { provider: { only: [pick(random, [...regionsOf.keys()])] } } : {}),
    ...(random.chance(0.05) ? { [mark]: mark } : {}),
  }
  const text = random.chance(0.03) ? `{"${mark}": ` : JSON.stringify(body)
  const headers: Record<string, string> = {
    // A target that is named past all routes has the times of nobody's choosing.
    'x-switchyard-deadline-ms': String(timeouts.deadlineMs),
    ...(random.chance(0.2) ? { 'idempotency-key': `k-${number % 97}` } : {}),
    ...(random.chance(0.1) ? { prefer: 'respond-async' } : {}),
    ...(random.chance(0.05) ? { 'last-event-id': `req_${'0'.repeat(32)}.1` } : {}),
  }
  return { path, raw: text, headers, tenant }
}

async function faultsAnew(random: Random): Promise<void> {
  await runWorld.control('/reset', {})
  for (const provider of regionsOf.keys())
    if (random.chance(0.6)) {
      const fault = pick(random, faults)
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
  try {
    await response.text()
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
    expect(seen.calls).toBeGreaterThan(requests / 3)
  },
)
