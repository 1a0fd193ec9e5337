import { HeaderTemplates } from '../../worker/engine/header-templates.ts'
import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import { readConfig } from '../../worker/edge/config.ts'
import { EdgeHealth, type SendReport } from '../../worker/edge/health/edge-health.ts'
import { HealthBook } from '../../worker/edge/health/health-book.ts'
import { createRuntime, type Runtime, type Target } from '../../worker/edge/runtime.ts'
import { type Billing, type MoneyPort, unmetered } from '../../worker/engine/money-port.ts'
import type { IsolateMemory, Ports } from '../../worker/engine/ports.ts'
import type { RequestRecord } from '../../worker/engine/record.ts'
import type { PlannedStep } from '../../worker/policy/plan.ts'

const utf8 = new TextEncoder()

interface Timer {
  readonly atMs: number
  readonly ring: () => void
}

/** Time that passes only when a test says so. */
export class FakeClock {
  nowMs = 1_790_000_000_000
  readonly #timers = new Set<Timer>()

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size
  }

  /** In how many ms each of them would fire. */
  get dueInMs(): number[] {
    return [...this.#timers].map(({ atMs }) => atMs - this.nowMs)
  }

  after(delayMs: number, ring: () => void): () => void {
    const timer = { atMs: this.nowMs + Math.max(0, delayMs), ring }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets everything run that waits for no timer. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  async advance(byMs: number): Promise<void> {
    const untilMs = this.nowMs + byMs
    for (;;) {
      await this.settle()
      const next = this.#next()
      if (next === undefined || next.atMs > untilMs) break
      this.#fire(next)
    }
    this.nowMs = untilMs
    await this.settle()
  }

  /** Lets time pass until `work` is done. Rejects when nothing is left that could end it: it hangs. */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    let done = false
    const ended = work.finally(() => {
      done = true
    })
    ended.catch(() => undefined)
    for (;;) {
      await this.settle()
      if (done) return ended
      const next = this.#next()
      if (next === undefined) throw new Error('it hangs: no timer is left that could end it')
      this.#fire(next)
    }
  }

  #next() {
    return [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0]
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer)
    this.nowMs = Math.max(this.nowMs, timer.atMs)
    timer.ring()
  }
}

/** Who pays in a test. */
export const billing: Billing = {
  requestId: 'req_1',
  caller: { tenant: 'demo', keyId: 'k', profile: null },
  route: null,
  tags: {},
}

/** The body of an answer that a test writes piece by piece. */
export class UpstreamBody {
  readonly stream: ReadableStream<Uint8Array>
  /** The gateway gave it up. */
  cancelled = false
  #controller: ReadableByteStreamController | undefined
  #over = false

  constructor() {
    const source = {
      type: 'bytes' as const,
      start: (controller: ReadableByteStreamController) => {
        this.#controller = controller
      },
      cancel: () => {
        this.cancelled = true
        this.#over = true
      },
    }
    this.stream = new ReadableStream(source) as ReadableStream<Uint8Array>
  }

  push(text: string): this {
    if (!this.#over) this.#controller?.enqueue(utf8.encode(text))
    return this
  }

  end(): this {
    if (this.#over) return this
    this.#over = true
    this.#controller?.close()
    this.#controller?.byobRequest?.respond(0)
    return this
  }

  break(reason: unknown = new Error('connection reset')): this {
    if (this.#over) return this
    this.#over = true
    this.#controller?.error(reason)
    return this
  }
}

/** One call that reached a provider. */
export interface UpstreamCallSeen {
  readonly provider: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly redirect: string | undefined
  readonly body: unknown
  readonly signal: AbortSignal
  readonly atMs: number
}

export type Answer = (call: UpstreamCallSeen, number: number) => Response | Promise<Response>

export const upstreamSecret = 'plain words as a secret 4711'

const hosts: Readonly<Record<string, string>> = {
  'api.openai.com': 'openai',
  'backup.example': 'backup',
  'third.example': 'third',
  'api.anthropic.com': 'anthropic',
}

export const settings = {
  limits: { maxBodyBytes: 4096 },
  providers: {
    openai: provider('openai', 'api.openai.com'),
    backup: provider('openai', 'backup.example'),
    third: provider('openai', 'third.example'),
    anthropic: provider('anthropic', 'api.anthropic.com'),
  },
  targets: {
    'gpt-4.1@openai': {},
    'm@backup': {},
    'm@third': {},
    'claude-sonnet-4-5@anthropic': {},
  },
  routes: {
    chat: {
      tiers: [['gpt-4.1@openai'], ['m@backup'], ['m@third']],
      heartbeatAfterMs: 5000,
    },
  },
  tenants: { demo: {} },
}

export function provider(adapter: string, host: string) {
  return {
    adapter,
    baseUrl: `https://${host}/v1`,
    credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host },
    regions: ['us'],
  }
}

export function fakeRuntime(raw: unknown = settings): Runtime {
  const read = readConfig(raw, { local: false })
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return createRuntime(read.config, read.version, { UPSTREAM_KEY: upstreamSecret })
}

/** Providers, clock, chance and client of one test: everything the pipeline takes from outside. */
export class FakeHost {
  readonly clock: FakeClock
  readonly calls: UpstreamCallSeen[] = []
  readonly records: RequestRecord[] = []
  readonly background: Promise<unknown>[] = []
  readonly memory: IsolateMemory = {
    retryBudgets: new Map(),
    hedgeGates: new Map(),
    headerTemplates: new HeaderTemplates(),
  }
  readonly health: EdgeHealth
  readonly money: MoneyPort
  readonly ports: Ports
  random = 0
  readonly #answers = new Map<string, Answer>()
  readonly #client = new AbortController()

  constructor(
    runtime: Runtime = fakeRuntime(),
    send: SendReport = null,
    money: MoneyPort = unmetered,
    clock: FakeClock = new FakeClock(),
  ) {
    this.clock = clock
    this.money = money
    const book = new HealthBook({
      isolate: 'isolate-1',
      observeOnly: runtime.config.health.mode === 'observe',
      random: () => this.random,
    })
    this.health = new EdgeHealth(book, {
      nowMs: () => clock.nowMs,
      after: (delayMs, then) => clock.after(delayMs, then),
      waitUntil: (work) => this.ports.waitUntil(work),
      send,
    })
    this.ports = {
      nowMs: () => clock.nowMs,
      random: () => this.random,
      fetch: (url, init) => this.#fetch(url, init),
      runBinding: () => Promise.reject(new Error('no binding')),
      after: (delayMs, then) => clock.after(delayMs, then),
      waitUntil: (work) => {
        work.catch(() => undefined)
        this.background.push(work)
      },
      clientGone: this.#client.signal,
      clientLeft: () => this.#client.abort(),
      log: (record) => void this.records.push(record),
      runtime,
      memory: this.memory,
      health: this.health,
      money: this.money,
      once: null,
      runs: null,
    }
  }

  /** What `provider` answers from now on; a call that no one answers for is a connection that fails. */
  on(provider: string, answer: Answer): this {
    this.#answers.set(provider, answer)
    return this
  }

  /** The client hangs up. */
  leave(): void {
    this.#client.abort()
  }

  /** The providers that were called, in order. */
  get asked(): string[] {
    return this.calls.map(({ provider }) => provider)
  }

  target(name: string): Target {
    const target = this.ports.runtime.targets.get(name)
    if (target === undefined) throw new Error(`no target ${name}`)
    return target
  }

  /** Epoch ms before which a target is not asked if there is another; 0 when it may be. */
  notBeforeMs(target: string): number {
    return this.health.standing(this.target(target), 1).notBeforeMs
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { signal } = init
    if (!(signal instanceof AbortSignal)) throw new Error('a call without a signal')
    const name = hosts[new URL(url).host] ?? new URL(url).host
    const call: UpstreamCallSeen = {
      provider: name,
      url,
      headers: Object.fromEntries(new Headers(init.headers)),
      redirect: init.redirect,
      body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
      signal,
      atMs: this.clock.nowMs,
    }
    this.calls.push(call)
    const answer = this.#answers.get(name)
    if (answer === undefined) throw new TypeError('connection refused')
    const stopped = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
    })
    return Promise.race([answer(call, this.asked.filter((one) => one === name).length), stopped])
  }
}

/** A call that is never answered. */
export const silence: Answer = () => new Promise<Response>(() => undefined)

/** An answer that is written by the test; its body breaks when the call is stopped, as the runtime's does. */
export function streaming(body: UpstreamBody): Answer {
  return ({ signal }) => {
    signal.addEventListener('abort', () => body.break(new DOMException('aborted', 'AbortError')))
    return new Response(body.stream, { headers: { 'content-type': 'text/event-stream' } })
  }
}

/** A stream that is there at once. */
export function streamed(...pieces: readonly string[]): Answer {
  return (call, number) => {
    const body = new UpstreamBody()
    for (const piece of pieces) body.push(piece)
    return streaming(body.end())(call, number)
  }
}

export function json(value: unknown, init: ResponseInit = {}): Answer {
  return () => Response.json(value, init)
}

/** An error in OpenAI's form. */
export function refusing(
  status: number,
  error: object = { message: 'no' },
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return json({ error }, { status, headers })
}

export function chunk(text: string): string {
  const choices = [{ index: 0, delta: { content: text }, finish_reason: null }]
  return event({ id: 'chatcmpl-1', created: 1, model: 'm', choices })
}

export function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

export const usageOfStream = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 }

/** How a stream of OpenAI's ends: finish, usage, end mark. */
export const streamEnd =
  event({
    id: 'chatcmpl-1',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
  }) +
  event({ id: 'chatcmpl-1', created: 1, model: 'm', choices: [], usage: usageOfStream }) +
  'data: [DONE]\n\n'

export const wholeAnswer = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: usageOfStream,
}

export function chatRequest(more: Partial<CanonicalRequest> = {}): CanonicalRequest {
  return {
    model: 'chat',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    sampling: {},
    stream: false,
    includeUsage: true,
    includeCost: false,
    ...more,
  }
}

export function plannedStep(target: string, more: Partial<PlannedStep> = {}): PlannedStep {
  return {
    target,
    provider: target.slice(target.lastIndexOf('@') + 1),
    model: target.slice(0, target.lastIndexOf('@')),
    tier: 0,
    contextTokens: null,
    notBeforeMs: 0,
    barred: false,
    probe: false,
    reason: 'tier 1',
    warnings: [],
    ...more,
  }
}

/** Everything a client reads, as text. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const bytes of readable) text += decoder.decode(bytes, { stream: true })
  } catch {
    return `${text}[broken]`
  }
  return text
}
