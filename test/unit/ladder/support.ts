import { createHmac } from 'node:crypto'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { AnswerMemory } from '../../../worker/edge/cache/answer-memory.ts'
import { EdgeAnswers, type PlaceCache } from '../../../worker/edge/cache/edge-answers.ts'
import type { Hmac } from '../../../worker/edge/access/digest.ts'
import type { Caller } from '../../../worker/engine/caller.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import type { MoneyPort } from '../../../worker/engine/money-port.ts'
import type { Ports } from '../../../worker/engine/ports.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { FakeHost, fakeRuntime, readAll, settings, wholeAnswer } from '../../support/fake-host.ts'

/** The runtime's own class, which moves bytes outside of JavaScript; here any transform does. */
export function installTransform(): void {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
}

export const caller: Caller = { tenant: 'demo', keyId: 'k1', profile: null }

export const peppers = { current: '1', peppers: { 1: 'p'.repeat(32) } }

/** WebCrypto's is done by other threads, for which a clock of a test does not wait. */
export const hmac: Hmac = (secret, text) =>
  Promise.resolve(createHmac('sha256', secret).update(text).digest('hex'))

/** A gateway with one route `chat`, and whatever else `more` says. */
export function configOf(route: object, more: object = {}): object {
  const chat = { ...settings.routes.chat, ...route }
  return { ...settings, routes: { chat }, tenants: { demo: {}, other: {} }, ...more }
}

export interface Gateway {
  readonly host: FakeHost
  readonly ports: Ports
  readonly memory: AnswerMemory
}

export interface GatewayOptions {
  readonly memory?: AnswerMemory
  readonly place?: PlaceCache | null
  readonly money?: MoneyPort
  readonly ports?: Partial<Ports>
}

/** A gateway of one isolate, with a cache. */
export function gatewayOf(config: object, options: GatewayOptions = {}): Gateway {
  const { memory = new AnswerMemory(), place = null, money } = options
  const host = new FakeHost(fakeRuntime(config), null, money)
  const answers = new EdgeAnswers({
    nowMs: () => host.clock.nowMs,
    memory,
    peppers,
    hmac,
    openCache: () => (place === null ? null : Promise.resolve(place)),
  })
  return { host, memory, ports: { ...host.ports, answers, ...options.ports } }
}

export interface Asking {
  readonly body?: object
  readonly dialect?: Dialect
  readonly caller?: Caller
  readonly headers?: Readonly<Record<string, string>>
  readonly requestId?: string
}

/** What a client of the gateway sees. */
export interface Seen {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly degraded: string | null
  readonly reason: string
}

/** Asks, and lets no time pass. */
export function begin(
  { ports }: Gateway,
  { dialect = openAiChat, caller: who = caller, requestId = 'req_1', ...asking }: Asking = {},
): Promise<Response> {
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    headers: asking.headers ?? {},
    body: JSON.stringify({
      model: 'chat',
      max_tokens: 500,
      messages: [{ role: 'user', content: 'Hello' }],
      ...asking.body,
    }),
  })
  return serve(inbound, dialect, who, new Exchange(requestId, dialect, who, 'chat', 'FRA', ports))
}

/** Asks, and reads the answer to its end while time passes. */
export async function ask(gateway: Gateway, asking: Asking = {}): Promise<Seen> {
  const { host } = gateway
  const response = await host.clock.run(begin(gateway, asking))
  const reading = response.body === null ? Promise.resolve('') : readAll(response.body)
  for (const work of host.background) await host.clock.run(work).catch(() => undefined)
  const text = await reading
  const { status, headers } = response
  return {
    status,
    headers,
    text,
    degraded: headers.get('x-switchyard-degraded'),
    reason: headers.get('x-switchyard-reason') ?? '',
  }
}

/** A whole answer of OpenAI's with this text. */
export function says(text: string, finish = 'stop'): object {
  const message = { role: 'assistant', content: text }
  return { ...wholeAnswer, choices: [{ index: 0, message, finish_reason: finish }] }
}

export function contentOf({ text }: Seen): string {
  const body = JSON.parse(text) as { choices: [{ message: { content: string } }] }
  return body.choices[0].message.content
}

export function errorOf({ text }: Seen): { code: string; message: string } {
  return (JSON.parse(text) as { error: { code: string; message: string } }).error
}
