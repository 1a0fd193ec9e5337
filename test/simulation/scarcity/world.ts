import type { HealthReply } from '../../../durable-objects/provider-health/protocol.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { unmetered } from '../../../worker/engine/money-port.ts'
import { serve } from '../../../worker/engine/serve.ts'
import {
  type Answer,
  chunk,
  FakeClock,
  FakeHost,
  fakeRuntime,
  readAll,
  settings,
  streamEnd,
  streaming,
  UpstreamBody,
} from '../../support/fake-host.ts'
import type { Random } from '../kernel/random.ts'

export type Tier = 'premium' | 'standard' | 'batch'

/** One provider that takes so many calls at once, a fleet of isolates, and three tenants. Times are virtual. */
export interface WorldPlan {
  readonly isolates: number
  /** Calls that the provider has room for. */
  readonly capacity: number
  /** Beyond that: it lets them wait, or answers 503. */
  readonly beyond: 'queue' | 'reject'
  /** The file says how many it takes. */
  readonly isDeclared: boolean
  /** The file shares capacity out. */
  readonly isShared: boolean
  /** Requests a second of each tenant. */
  readonly load: Readonly<Record<Tier, number>>
  readonly seconds: number
}

export interface TierResult {
  readonly asked: number
  readonly answered: number
  /** Refusals with a `retry-after`. */
  readonly toldToWait: number
  /** Everything else. */
  readonly errors: number
  /** To the first token of those that were answered, ms, in order of size. */
  readonly firstTokenMs: readonly number[]
}

export type WorldResult = Readonly<Record<Tier, TierResult>>

const tiers: readonly Tier[] = ['premium', 'standard', 'batch']
const model = 'gpt-4.1@openai'

/** Median time to the first token, and of a whole answer, ms. */
const firstTokenMs = 400
const answerMs = 2000

/** A provider with a room for `capacity` calls, first come first served. */
class Provider {
  readonly #plan: WorldPlan
  readonly #random: Random
  readonly #clock: FakeClock
  readonly #waiting: (() => void)[] = []
  #busy = 0

  constructor(plan: WorldPlan, random: Random, clock: FakeClock) {
    this.#plan = plan
    this.#random = random
    this.#clock = clock
  }

  readonly answer: Answer = async (call, number) => {
    const { capacity, beyond } = this.#plan
    if (this.#busy >= capacity) {
      if (beyond === 'reject') {
        await this.#pause(30)
        return Response.json({ error: { message: 'overloaded' } }, { status: 503 })
      }
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    this.#busy += 1
    const body = new UpstreamBody()
    const ttftMs = this.#random.logNormal(firstTokenMs, 0.2)
    this.#clock.after(ttftMs, () => body.push(chunk('Hello')))
    this.#clock.after(ttftMs + this.#random.logNormal(answerMs - firstTokenMs, 0.2), () => {
      body.push(streamEnd).end()
      this.#busy -= 1
      this.#waiting.shift()?.()
    })
    return streaming(body)(call, number)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve)
    })
  }
}

function configOf({ isDeclared, isShared, capacity }: WorldPlan): object {
  const timeouts = { firstTokenTimeoutMs: 20_000 }
  return {
    ...settings,
    targets: { [model]: isDeclared ? { maxConcurrent: capacity } : {} },
    routes: { chat: { tiers: [[model]], timeouts } },
    tenants: { premium: { tier: 'premium' }, standard: {}, batch: { tier: 'batch' } },
    ...(isShared
      ? { scarcity: { premiumReserve: 0.25, batchShare: 0.25, batchWaitMs: 5000 } }
      : {}),
  }
}

/** What the object of the provider would say: how many isolates there are, and nothing else. */
function replyOf(isolates: number): HealthReply {
  return {
    boot: 'boot',
    version: 1,
    nextFlushMs: 1000,
    activeIsolates: isolates,
    domains: [],
    permits: [],
  }
}

/** Everything of one seed happens again in the same way. */
export async function runWorld(plan: WorldPlan, random: Random): Promise<WorldResult> {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
  const clock = new FakeClock()
  const provider = new Provider(plan, random.fork('provider'), clock)
  const runtime = fakeRuntime(configOf(plan))
  const send = () => Promise.resolve(replyOf(plan.isolates))
  const hosts = Array.from({ length: plan.isolates }, () => {
    const host = new FakeHost(runtime, send, unmetered, clock).on('openai', provider.answer)
    host.random = 0.5
    return host
  })
  const results = new Map(tiers.map((tier) => [tier, new Tally()]))
  const work: Promise<void>[] = []
  for (const tier of tiers) {
    const perS = plan.load[tier]
    const arrivals = random.fork(tier)
    if (perS === 0) continue
    const next = () => {
      const host = hosts[arrivals.below(hosts.length)]
      const tally = results.get(tier)
      if (host !== undefined && tally !== undefined) work.push(request(host, tier, tally))
      arrive()
    }
    const startMs = clock.nowMs
    const arrive = () => {
      const inMs = arrivals.exponential(1000 / perS)
      if (clock.nowMs + inMs < startMs + plan.seconds * 1000) clock.after(inMs, next)
    }
    arrive()
  }
  await clock.advance(plan.seconds * 1000 + 60_000)
  await Promise.all(work)
  const of = (tier: Tier) => (results.get(tier) ?? new Tally()).result()
  const [premium, standard, batch] = [of('premium'), of('standard'), of('batch')]
  return { premium, standard, batch }
}

class Tally {
  readonly #ttfts: number[] = []
  #asked = 0
  #toldToWait = 0
  #errors = 0

  note(status: number, ttftMs: number, retryAfter: string | null, text: string): void {
    this.#asked += 1
    if (status === 200 && text.includes('[DONE]')) this.#ttfts.push(ttftMs)
    else if (status === 503 && Number(retryAfter) >= 1) this.#toldToWait += 1
    else this.#errors += 1
  }

  result(): TierResult {
    const firstTokenMs = this.#ttfts.toSorted((a, b) => a - b)
    return {
      asked: this.#asked,
      answered: firstTokenMs.length,
      toldToWait: this.#toldToWait,
      errors: this.#errors,
      firstTokenMs,
    }
  }
}

async function request(host: FakeHost, tier: Tier, tally: Tally): Promise<void> {
  const { ports, clock } = host
  const startMs = clock.nowMs
  const caller = { tenant: tier, keyId: 'k', profile: null }
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({
      model: 'chat',
      stream: true,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  })
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, ports)
  const response = await serve(inbound, openAiChat, caller, exchange)
  const ttftMs = clock.nowMs - startMs
  const text = response.body === null ? '' : await readAll(response.body)
  tally.note(response.status, ttftMs, response.headers.get('retry-after'), text)
}

/** The time under which `share` of them are, ms. */
export function quantile({ firstTokenMs: all }: TierResult, share: number): number {
  return all[Math.min(all.length - 1, Math.floor(all.length * share))] ?? NaN
}
