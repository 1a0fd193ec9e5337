import { env } from 'cloudflare:workers'
import type { RunComposition, RunLogEntry } from '../../durable-objects/run/composition.ts'
import simulator from '../../simulator/index.ts'
import type { LoggedRequest } from '../../simulator/request-log.ts'
import { createApp } from '../../worker/app.ts'
import { Access } from '../../worker/edge/access/access.ts'
import { createHmac } from '../../worker/edge/access/web-hmac.ts'
import { readConfig } from '../../worker/edge/config.ts'
import type { Isolate } from '../../worker/edge/isolate.ts'
import { digestKey, formatKey, KeyRing, parseKey } from '../../worker/edge/keys.ts'
import { LedgerBook } from '../../worker/edge/ledger/ledger-book.ts'
import { runComposition } from '../../worker/edge/run/composition.ts'
import { createRuntime } from '../../worker/edge/runtime.ts'
import { testIsolate } from '../support/test-isolate.ts'

/**
 * The whole Worker with its real objects, in one isolate with the tests: the edge, the objects that run requests, the
 * ledgers and the health of providers, and the simulated providers behind them. Everything that leaves is written down.
 */

export const pepper = 'p'.repeat(32)
export const simulatorUrl = 'http://127.0.0.1:9'

const unit = (id: string, adapter: string, regions: readonly string[]) => [
  id,
  {
    adapter,
    baseUrl: `https://${id}.example/v1`,
    credential: { kind: 'bearer', secret: 'NOBODY_HAS_IT', host: `${id}.example` },
    regions,
  },
]

const target = { free: true }

/** Providers inside, outside, in both, and one that says nothing. */
export const routesFile = {
  health: { mode: 'observe' },
  ledger: { mode: 'off' },
  providers: Object.fromEntries([
    unit('eu-one', 'openai', ['eu']),
    unit('eu-two', 'anthropic', ['eu']),
    unit('us-one', 'openai', ['us']),
    unit('both', 'openai', ['eu', 'us']),
    unit('mute', 'openai', []),
  ]),
  targets: {
    'gpt-4.1@eu-one': target,
    'claude-sonnet-4-5@eu-two': target,
    'gpt-4.1@us-one': target,
    'gpt-4.1@both': target,
    'gpt-4.1@mute': target,
  },
  routes: {
    chat: { tiers: [['gpt-4.1@us-one'], ['gpt-4.1@eu-one'], ['claude-sonnet-4-5@eu-two']] },
    abroad: { tiers: [['gpt-4.1@us-one', 'gpt-4.1@both', 'gpt-4.1@mute']] },
    long: { tiers: [['gpt-4.1@eu-one']], resumable: {}, jobs: {} },
    told: {
      tiers: [['gpt-4.1@eu-one']],
      jobs: { webhook: { url: 'https://hooks.example/jobs', secret: 'HOOK_SECRET' } },
    },
    small: { tiers: [['gpt-4.1@eu-one']], resumable: { maxBytes: 16_384 } },
  },
  tenants: {
    free: {},
    pinned: { residency: 'eu' },
    american: { residency: 'us' },
    strict: { residency: 'eu', strict: true },
    forgetful: { residency: 'eu', storage: false },
  } as Record<string, object>,
}

export interface Outgoing {
  readonly url: string
  readonly body: string
}

export interface AskOptions {
  readonly tenant?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cf?: object
  readonly signal?: AbortSignal
  readonly method?: string
  readonly raw?: BodyInit | null
}

const inGermany = { colo: 'FRA', country: 'DE', continent: 'EU' }

export class RunWorld {
  isolate!: Isolate
  /** Added to the platform's clock. */
  aheadMs = 0
  readonly outgoing: Outgoing[] = []
  readonly names: string[] = []
  readonly log: RunLogEntry[] = []
  /** Answers a provider's call, in the place of the simulator. */
  upstream: ((request: Request) => Response | Promise<Response>) | null = null
  /** Hears of each object that is asked: its binding, its name, and all that it is told. */
  onObject: ((binding: string, name: string, what: string) => void) | null = null
  #background: Promise<unknown>[] = []

  /** A deployment of its own for each test. */
  start(change: object = {}): void {
    const file = { ...routesFile, ...change }
    const read = readConfig(file, { local: true })
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const variables = { SWITCHYARD_LOCAL: '1', SWITCHYARD_SIMULATOR_URL: simulatorUrl }
    const stored = Object.keys(file.tenants).map((tenant) => {
      const text = keyOf(tenant)
      return { tenant, id: parseKey(text)?.id ?? '', digest: digestKey(text, pepper) }
    })
    const ring = new KeyRing(stored, pepper)
    const plain = testIsolate(
      createRuntime(read.config, read.version, variables),
      ring,
      ring,
      pepper,
    )
    const hasLedger = read.config.ledger.mode !== 'off'
    const peppers = { current: '1', peppers: { 1: pepper } }
    this.isolate = {
      ...plain,
      access: new Access(ring, peppers, createHmac(), hasLedger),
      ledger: hasLedger ? new LedgerBook(crypto.randomUUID()) : null,
    }
    this.aheadMs = 0
    this.outgoing.length = 0
    this.names.length = 0
    this.log.length = 0
    this.upstream = null
    this.onObject = null
    this.#background = []
  }

  ask(body: object | null, options: AskOptions = {}): Promise<Response> {
    return this.send(this.request(body, options))
  }

  /** What `ask` sends. */
  request(body: object | null, options: AskOptions = {}): Request {
    const { tenant = 'pinned', path = '/v1/chat/completions', headers = {}, signal } = options
    const { method = 'POST', cf = inGermany } = options
    const sent =
      options.raw !== undefined ? options.raw : body === null ? null : JSON.stringify(body)
    return new Request(`https://gateway.example${path}`, {
      method,
      headers: { authorization: `Bearer ${keyOf(tenant)}`, ...headers },
      body: sent,
      cf,
      ...(signal === undefined ? {} : { signal }),
    } as RequestInit)
  }

  send(request: Request): Promise<Response> {
    return Promise.resolve(
      createApp(() => this.isolate).fetch(request, this.bindings(), this.execution),
    )
  }

  readonly execution = {
    waitUntil: (work: Promise<unknown>) => void this.#background.push(work.catch(() => undefined)),
    passThroughOnException: () => undefined,
    props: {},
  }

  bindings(): Record<string, unknown> {
    const all = env as unknown as Record<string, unknown>
    return {
      ...all,
      SWITCHYARD_LOCAL: '1',
      HOOK_SECRET: 'whsec_c2VjcmV0',
      RUN: this.#watched('RUN', all['RUN'] as DurableObjectNamespace),
      TENANT_LEDGER: this.#watched('TENANT_LEDGER', all['TENANT_LEDGER'] as DurableObjectNamespace),
      PROVIDER_HEALTH: this.#watched(
        'PROVIDER_HEALTH',
        all['PROVIDER_HEALTH'] as DurableObjectNamespace,
      ),
    }
  }

  /** Names of objects that ran a request. */
  get runs(): readonly string[] {
    return this.names.filter((name) => name.startsWith('RUN '))
  }

  /** What `fetch` is while a test runs. */
  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as RequestInfo, init)
    const body = await request.clone().text()
    this.outgoing.push({ url: request.url, body })
    if (this.upstream !== null) return this.upstream(request)
    const background = { waitUntil: this.execution.waitUntil } as unknown as ExecutionContext
    const answer = (simulator.fetch as unknown as (...given: unknown[]) => Promise<Response>)(
      request,
      { FIRST_BYTE_MS: '0', PER_CHUNK_MS: '0' },
      background,
    )
    // As the platform's own: a call that is given up rejects, and so does its body, whatever its provider does.
    const signal = init?.signal ?? request.signal
    const gone = aborted(signal)
    gone.catch(() => undefined)
    const response = await Promise.race([answer, gone])
    return response.body === null ? response : new Response(until(gone, response.body), response)
  }

  /** Everything that the edge does behind its answers is done, and what that began. */
  async idle(): Promise<void> {
    for (let work = this.#background; work.length > 0; work = this.#background) {
      this.#background = []
      await Promise.all(work)
    }
  }

  /** What reached the simulated providers since `reset`. */
  async recorded(): Promise<readonly LoggedRequest[]> {
    const response = await this.#simulator(new Request(`${simulatorUrl}/__control/requests`))
    const { requests } = (await response.json()) as { requests: LoggedRequest[] }
    return requests
  }

  control(path: string, body: object): Promise<Response> {
    const request = new Request(`${simulatorUrl}/__control${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    return this.#simulator(request)
  }

  #simulator(request: Request): Promise<Response> {
    const call = simulator.fetch as unknown as (...given: unknown[]) => Promise<Response>
    return call(request, { FIRST_BYTE_MS: '0', PER_CHUNK_MS: '0' }, this.execution)
  }

  /** A stub whose every call is told to the test that wants to know. */
  #told(binding: string, name: string, stub: DurableObjectStub): object {
    const tell = this.onObject
    if (tell === null) return stub
    return new Proxy(stub, {
      get: (target, method) => {
        const call = Reflect.get(target, method) as unknown
        if (typeof call !== 'function') return call
        return async (...given: unknown[]) => {
          tell(binding, name, await textOf(given))
          return Reflect.apply(call, target, given) as unknown
        }
      },
    })
  }

  #watched(binding: string, namespace: DurableObjectNamespace): object {
    return {
      idFromName: (name: string) => {
        this.names.push(`${binding} ${name}`)
        return Object.assign(namespace.idFromName(name), { calledBy: name })
      },
      get: (id: DurableObjectId & { calledBy?: string }, options?: object) =>
        this.#told(binding, id.calledBy ?? '', namespace.get(id, options as never)),
      jurisdiction: (where: DurableObjectJurisdiction) => namespace.jurisdiction(where),
    }
  }
}

/** A body that breaks when `gone` does, also while its provider says nothing. */
function until(gone: Promise<never>, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await Promise.race([reader.read(), gone])
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = () => reject(new DOMException('given up', 'AbortError'))
    if (signal.aborted) give()
    else signal.addEventListener('abort', give)
  })
}

/** What a call carries: a request with its headers and body, or arguments. */
async function textOf(given: readonly unknown[]): Promise<string> {
  const [first, ...rest] = given
  if (!(first instanceof Request)) return JSON.stringify(given)
  const body = await first.clone().text()
  return `${first.url} ${JSON.stringify([...first.headers])} ${body} ${JSON.stringify(rest)}`
}

/** The same for each tenant in every run. */
export function keyOf(tenant: string): string {
  return formatKey(
    tenant,
    Uint8Array.from({ length: 40 }, (_, index) => (index * 7 + tenant.length) % 256),
  )
}

export const runWorld = new RunWorld()

const real = runComposition(() => runWorld.isolate)

export const testRuns: RunComposition = {
  ...real,
  host: (request, context, _env, wishes) =>
    real.host(request, context, runWorld.bindings(), wishes),
  webhookOf: (_env, webhook) => real.webhookOf(runWorld.bindings(), webhook),
  log: (entry) => {
    runWorld.log.push(entry)
    real.log(entry)
  },
  clock: { nowMs: () => Date.now() + runWorld.aheadMs },
}
