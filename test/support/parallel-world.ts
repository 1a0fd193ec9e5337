import type { Dialect } from '../../worker/dialects/dialect.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import type { Runtime } from '../../worker/edge/runtime.ts'
import type { Caller } from '../../worker/engine/caller.ts'
import { Exchange } from '../../worker/engine/exchange.ts'
import type { MoneyPort } from '../../worker/engine/money-port.ts'
import type { ShadowPort } from '../../worker/engine/shadow-port.ts'
import { serve } from '../../worker/engine/serve.ts'
import { beforeAll } from 'vitest'
import { type FakeClock, FakeHost, fakeRuntime, readAll, settings } from './fake-host.ts'

/**
 * Providers with prices for what makes more than one call of a request: gpt-4.1 at two of them (2,000 n$ a token in,
 * 8,000 out; `openai` stops billing when its client goes), Claude and Llama beside.
 */
const providers = {
  ...settings.providers,
  groq: {
    adapter: 'openai',
    baseUrl: 'https://api.groq.com/v1',
    credential: { kind: 'bearer', secret: 'UPSTREAM_KEY', host: 'api.groq.com' },
    regions: ['us'],
  },
}

const targets = {
  'gpt-4.1@openai': {},
  'gpt-4.1@backup': {},
  'gpt-4.1-mini@openai': {},
  'llama-3.3-70b-versatile@groq': {},
  'claude-sonnet-4-5@anthropic': {},
  'm@third': {},
  'own@third': { free: true },
}

/** Node has another class of the same use. */
export function withStreams(): void {
  beforeAll(() => {
    Object.assign(globalThis, { IdentityTransformStream: TransformStream })
  })
}

/** The route `chat` over these tiers, with these options. */
export function worldOf(
  options: object,
  tiers: readonly (readonly string[])[] = [['gpt-4.1@openai'], ['gpt-4.1@backup']],
  more: object = {},
): Runtime {
  return fakeRuntime({
    ...settings,
    limits: { maxBodyBytes: 1_048_576 },
    providers,
    targets,
    routes: { chat: { tiers, heartbeatAfterMs: 5000, ...options } },
    ...more,
  })
}

export const demo: Caller = { tenant: 'demo', keyId: 'k', profile: null }

export interface Asked {
  readonly dialect?: Dialect
  readonly caller?: Caller
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: object
  readonly requestId?: string
}

export interface Told {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

export function hostOf(
  runtime: Runtime,
  money?: MoneyPort,
  clock?: FakeClock,
  shadows?: ShadowPort,
): FakeHost {
  const host = new FakeHost(runtime, null, money, clock)
  if (shadows !== undefined) Object.assign(host.ports, { shadows })
  return host
}

/** One request of a client that reads a stream, through the whole gateway, to its end. */
export async function ask(host: FakeHost, asked: Asked = {}): Promise<Told> {
  const response = await host.clock.run(begin(host, asked))
  const reading = response.body === null ? Promise.resolve('') : readAll(response.body)
  for (const work of host.background) await host.clock.run(work).catch(() => undefined)
  return { status: response.status, headers: response.headers, text: await reading }
}

export function begin(host: FakeHost, asked: Asked = {}): Promise<Response> {
  const { dialect = openAiChat, caller = demo, headers = {}, body = {} } = asked
  const inbound = new Request('https://gateway.example/v1/x', {
    method: 'POST',
    headers,
    body: JSON.stringify({
      model: 'chat',
      max_tokens: 100,
      stream: true,
      messages: [{ role: 'user', content: 'Hello' }],
      ...body,
    }),
  })
  const exchange = new Exchange(
    asked.requestId ?? 'req_1',
    dialect,
    caller,
    'chat',
    'FRA',
    host.ports,
  )
  return serve(inbound, dialect, caller, exchange)
}

/** The text of the answer in an OpenAI stream. */
export function textOf(stream: string): string {
  return dataOf(stream)
    .map(({ choices }) => choices?.[0]?.delta?.content ?? '')
    .join('')
}

export interface Chunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[]
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null
  readonly error?: { readonly code: string; readonly message: string }
}

export function dataOf(stream: string): Chunk[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)) as Chunk)
}
