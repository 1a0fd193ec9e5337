import { type NanoUsd, nanoUsd } from '../../../../durable-objects/tenant-ledger/money.ts'
import type {
  AttemptLine,
  Exchange as LedgerExchange,
  ExchangeReply,
} from '../../../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetRow, LimitRow } from '../../../../durable-objects/tenant-ledger/rows.ts'
import type { LedgerSettings } from '../../../../durable-objects/tenant-ledger/settings.ts'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { openAiChat } from '../../../../worker/dialects/openai-chat/index.ts'
import { anthropicMessages } from '../../../../worker/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../../worker/dialects/dialect.ts'
import { EdgeLedger } from '../../../../worker/edge/ledger/edge-ledger.ts'
import { LedgerBook } from '../../../../worker/edge/ledger/ledger-book.ts'
import type { HolderState } from '../../../../worker/edge/ledger/lease-holder.ts'
import type { Caller } from '../../../../worker/engine/caller.ts'
import { Exchange } from '../../../../worker/engine/exchange.ts'
import type { AdmissionAsk } from '../../../../worker/engine/money-port.ts'
import { serve } from '../../../../worker/engine/serve.ts'
import {
  chatRequest,
  FakeClock,
  FakeHost,
  fakeRuntime,
  readAll,
  settings as plainSettings,
} from '../../../support/fake-host.ts'
import { budget, Ledger } from '../../tenant-ledger/support.ts'

export { budget }
export const n = nanoUsd

function provider(adapter: string, host: string) {
  return {
    adapter,
    baseUrl: `https://${host}/v1`,
    credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host },
    regions: ['us'],
  }
}

/**
 * gpt-4.1 costs 2,000 n$ a token in and 8,000 out, and nothing more once its client has gone; Llama at Groq 590 and
 * 790, and is billed to its end. `m` has no price.
 */
const settings = {
  ...plainSettings,
  providers: { ...plainSettings.providers, groq: provider('groq', 'api.groq.com') },
  targets: {
    'gpt-4.1@openai': {},
    'gpt-4.1@backup': {},
    'llama-3.3-70b-versatile@groq': {},
    'm@third': {},
    'own@third': { free: true },
  },
  routes: {
    chat: {
      tiers: [['gpt-4.1@openai'], ['gpt-4.1@backup']],
      heartbeatAfterMs: 5000,
      timeouts: { deadlineMs: 3_600_000, idleTimeoutMs: 600_000 },
    },
    quick: { tiers: [['gpt-4.1@openai']], heartbeatAfterMs: 1000 },
    groq: { tiers: [['llama-3.3-70b-versatile@groq']], heartbeatAfterMs: 5000 },
    dear: { tiers: [['m@third'], ['gpt-4.1@backup']] },
    unpriced: { tiers: [['m@third']] },
    own: { tiers: [['own@third']] },
  },
  tenants: { demo: {}, other: {} },
}

export const runtime = fakeRuntime(settings)

export const inPrice = 2000
export const outPrice = 8000
/** "Hello": five bytes, and sixteen for its message. */
export const helloTokens = 21

export function worstOf(outputTokens: number, inputTokens = helloTokens): number {
  return inputTokens * inPrice + outputTokens * outPrice
}

/** What the fake providers say they counted: 10 in, 2 out. */
export const answerCost = 10 * inPrice + 2 * outPrice

export interface TownPlan {
  readonly budgets?: readonly BudgetRow[]
  readonly limits?: readonly LimitRow[]
  readonly settings?: Partial<LedgerSettings>
  readonly clock?: FakeClock
}

type Carry = (deliver: () => ExchangeReply, sent: LedgerExchange) => Promise<ExchangeReply>

/** A ledger, real and in virtual time, and the isolates around it. */
export class Town {
  readonly clock: FakeClock
  readonly ledger: Ledger
  readonly exchanges: LedgerExchange[] = []
  /** When each of them was sent, epoch ms. */
  readonly sentAtMs: number[] = []
  readonly background: Promise<unknown>[] = []
  requests = 0
  readonly #broken: unknown[] = []
  /** What happens to an exchange on its way. */
  carry: Carry = async (deliver) => deliver()

  constructor({
    budgets = [budget('b', { capNanoUsd: n(1e12) })],
    limits,
    settings,
    clock = new FakeClock(),
  }: TownPlan = {}) {
    this.clock = clock
    this.ledger = new Ledger(budgets, limits, settings)
    this.ledger.nowMs = this.clock.nowMs
  }

  /** No call of the ledger is answered. */
  cut(): void {
    this.carry = () => Promise.reject(new Error('the ledger cannot be reached'))
  }

  heal(): void {
    this.carry = async (deliver) => deliver()
  }

  async send(sent: LedgerExchange): Promise<ExchangeReply> {
    const exchange = structuredClone(sent)
    this.exchanges.push(exchange)
    this.sentAtMs.push(this.clock.nowMs)
    return this.carry(() => {
      this.ledger.nowMs = this.clock.nowMs
      try {
        return structuredClone(
          this.ledger.exchange(exchange.statements, exchange.asks, exchange.holder),
        )
      } catch (broken) {
        // To the isolate it is a ledger that cannot be reached; to a test it is an invariant that does not hold.
        this.#broken.push(broken)
        throw broken
      }
    }, exchange)
  }

  take(event: Parameters<Ledger['take']>[0]): void {
    this.ledger.nowMs = this.clock.nowMs
    this.ledger.take(event)
  }

  isolate(name = 'i'): Isolate {
    return new Isolate(this, name)
  }

  /** Lets time pass until every isolate has told what it owes. */
  async settle(byMs = 30_000): Promise<void> {
    await this.clock.advance(byMs)
    this.check()
  }

  /** Throws when the books did not add up at any step. */
  check(): void {
    if (this.#broken.length > 0) throw this.#broken[0]
  }

  /** Everything that was ever sent is settled and told: nothing is held. */
  get account() {
    this.check()
    if (this.ledger.state.tables.accounts.size === 0) return { charged: 0, posted: 0, lost: 0 }
    const { chargedNanoUsd, postedNanoUsd, phantomNanoUsd } = this.ledger.account()
    return { charged: chargedNanoUsd, posted: postedNanoUsd, lost: phantomNanoUsd }
  }

  get openLeases(): number {
    return this.ledger.state.index.open.size
  }

  /** Of attempts, in the order in which they were stored. */
  get lines(): readonly AttemptLine[] {
    return this.ledger.lines.flatMap(({ attempt }) => attempt ?? [])
  }
}

export class Isolate {
  readonly book: LedgerBook
  readonly town: Town
  send: (tenant: string, exchange: LedgerExchange) => Promise<ExchangeReply>

  constructor(town: Town, name: string) {
    this.town = town
    this.book = new LedgerBook(name)
    this.send = (_tenant, exchange) => town.send(exchange)
  }

  state(tenant = 'demo'): HolderState {
    return this.book.credit(tenant).state
  }

  /** The money of one request. */
  money(): EdgeLedger {
    const { town } = this
    const { clock } = town
    return new EdgeLedger(this.book, {
      nowMs: () => clock.nowMs,
      after: (delayMs, then) => clock.after(delayMs, then),
      waitUntil: (work) => {
        town.background.push(work)
        work.catch(() => undefined)
      },
      send: (tenant, exchange) => this.send(tenant, exchange),
    })
  }

  /** One request's place: providers of its own, the isolate's credit. */
  host(): FakeHost {
    return new FakeHost(runtime, null, this.money(), this.town.clock)
  }

  /** One request through the whole gateway. */
  request(host: FakeHost, asked: Asked = {}): Promise<Response> {
    this.town.requests += 1
    const { dialect = openAiChat, caller = demo, headers = {}, body = {} } = asked
    const inbound = new Request('https://gateway.example/v1/x', {
      method: 'POST',
      headers,
      body: JSON.stringify({
        model: 'chat',
        max_tokens: 100,
        messages: [{ role: 'user', content: 'Hello' }],
        ...body,
      }),
    })
    const id = `req_${this.town.requests}`
    const exchange = new Exchange(id, dialect, caller, 'chat', 'FRA', host.ports)
    return serve(inbound, dialect, caller, exchange)
  }

  /** The same, to its end; the client reads everything. */
  async ask(host: FakeHost, asked: Asked = {}): Promise<Answered> {
    const response = await this.town.clock.run(this.request(host, asked))
    const reading = response.body === null ? Promise.resolve('') : readAll(response.body)
    for (const work of host.background) await this.town.clock.run(work).catch(() => undefined)
    return { status: response.status, headers: response.headers, text: await reading }
  }
}

export interface Asked {
  readonly dialect?: Dialect
  readonly caller?: Caller
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export const demo: Caller = { tenant: 'demo', keyId: 'k', profile: null }

export const translated: Asked = { dialect: anthropicMessages, body: { stream: true } }
export const relayed: Asked = {
  body: { stream: true, stream_options: { include_usage: true } },
}

let asks = 0

/** What is asked for one attempt, without a request around it. */
export function admissionAsk(
  town: Town,
  more: Partial<AdmissionAsk> & { readonly asked?: Partial<CanonicalRequest> } = {},
): AdmissionAsk {
  const { asked = { maxOutputTokens: 100 }, ...rest } = more
  asks += 1
  const target = runtime.targets.get('gpt-4.1@openai')
  if (target === undefined) throw new Error('no target')
  return {
    request: chatRequest(asked),
    target,
    billing: { requestId: `req_a${asks}`, caller: demo, route: 'chat', tags: {} },
    attempt: 1,
    reason: 'tier 1',
    deadlineAtMs: town.clock.nowMs + 60_000,
    ...rest,
  }
}

/** `code` of an error in either dialect. */
export function codeOf({ text }: Answered): string {
  const { error } = JSON.parse(text) as { error: { code?: string; type: string } }
  return error.code ?? error.type
}

export type { NanoUsd }
