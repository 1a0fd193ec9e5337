import type { Random } from '../simulation/kernel/random.ts'
import { emptyRoutes, shippedProvider } from '../support/test-routes.ts'
import { pricesOf } from './bill.ts'

/** Models of different price, from providers that stop billing at a hang-up and from such that go on. */
const models = [
  ['gpt-4.1', 'openai'],
  ['gpt-4.1-mini', 'openai'],
  ['claude-haiku-4-5', 'anthropic'],
  ['gemini-2.5-flash', 'gemini'],
  ['mistral-small-latest', 'mistral'],
] as const

const cheapest = 'gpt-4.1-nano@openai'

/** One route for each model, and one with others behind the first. */
const chain = [cheapest, 'claude-haiku-4-5@anthropic', 'gemini-2.5-flash@gemini'] as const

/** Short enough that a stalled call is over before the storm is, ms. */
const timeouts = {
  firstTokenTimeoutMs: 3000,
  answerTimeoutMs: 4000,
  idleTimeoutMs: 1500,
  deadlineMs: 9000,
}

export function stormRoutes(): object {
  const routes = emptyRoutes()
  for (const id of new Set(models.map(([, provider]) => provider)))
    routes.providers[id] = shippedProvider(id)
  for (const target of targets()) {
    routes.targets[target] = {}
    routes.routes[routeOf(target)] = { tiers: [[target]], timeouts }
  }
  routes.routes['chain'] = { tiers: chain.map((target) => [target]), timeouts }
  return { ...routes, ledger: { mode: 'enforce' } }
}

function targets(): readonly string[] {
  return [cheapest, ...models.map(([model, provider]) => `${model}@${provider}`)]
}

function routeOf(target: string): string {
  return target.replace('@', '-').replaceAll('.', '-')
}

/** How a client takes its answer. */
export type Reading =
  | { readonly kind: 'whole' }
  /** It leaves, at whatever stage the call is by then. */
  | { readonly kind: 'leaves'; readonly afterMs: number }
  | { readonly kind: 'leaves-reading'; readonly afterChunks: number }
  /** It stops reading while the model goes on, and leaves then. */
  | { readonly kind: 'dawdles'; readonly afterChunks: number; readonly pauseMs: number }

export interface StormRequest {
  readonly mark: string
  readonly path: string
  readonly body: object
  readonly stream: boolean
  readonly reading: Reading
  /** With the shortest answer that is of use, at the dearest of its targets, nano-USD. */
  readonly leastNanoUsd: number
  /** What the answer would cost that it asks for, at its first target, nano-USD. */
  readonly valueNanoUsd: number
}

/** Answers shorter than this are of no use to anybody: `defaultWorstCaseRules`. */
const leastOutputTokens = 64
/** Around each message. */
const messageTokens = 16

/** Chance decides everything; `small` is what fits where little is left. */
export function drawRequest(random: Random, mark: string, small: boolean): StormRequest {
  const target = small ? cheapest : drawTarget(random)
  const stream = random.chance(0.6)
  const isMessages = random.chance(0.4)
  const limit = small ? leastOutputTokens : drawLimit(random, isMessages)
  const wanted = small ? 20 : drawLength(random, limit)
  const text = `${mark} ${'é'.repeat(random.below(120))}${'x'.repeat(random.below(500))} [[tokens:${wanted}]]`
  const model = target === 'chain' ? 'chain' : routeOf(target)
  const body = {
    model,
    stream,
    messages: [{ role: 'user', content: text }],
    ...(limit !== null && { max_tokens: limit }),
  }
  const bound = messageTokens + Buffer.byteLength(text)
  const outputTokens = Math.min(limit ?? Infinity, leastOutputTokens)
  const prices = (target === 'chain' ? chain : [target]).map(pricesAt)
  const least = prices.map(
    ({ input, output, cacheWrite = 0, cacheWrite1h = 0 }) =>
      bound * Math.max(input, cacheWrite, cacheWrite1h) + outputTokens * output,
  )
  const { input = 0, output = 0 } = prices[0] ?? {}
  const value = (text.length / 4) * input + Math.min(wanted, limit ?? wanted) * output
  return {
    mark,
    path: isMessages ? '/v1/messages' : '/v1/chat/completions',
    body,
    stream,
    reading: small ? { kind: 'whole' } : drawReading(random, stream),
    leastNanoUsd: Math.ceil(Math.max(...least) / 1000),
    valueNanoUsd: Math.ceil(value / 1000),
  }
}

function pricesAt(target: string): ReturnType<typeof pricesOf> {
  const [model = '', provider = ''] = target.split('@')
  return pricesOf(provider, model)
}

function drawTarget(random: Random): string {
  if (random.chance(0.15)) return 'chain'
  const [model, provider] = random.pick(models as unknown as [(typeof models)[number]])
  return `${model}@${provider}`
}

function drawLimit(random: Random, isMessages: boolean): number | null {
  if (!isMessages && random.chance(0.2)) return null
  return 16 + random.below(random.chance(0.2) ? 3000 : 700)
}

/** Some models would say more than they may: only a limit that is sent keeps them from it. */
function drawLength(random: Random, limit: number | null): number {
  if (limit === null) return random.chance(0.3) ? 6000 : 1 + random.below(600)
  return 1 + random.below(random.chance(0.2) ? limit * 2 : limit)
}

function drawReading(random: Random, stream: boolean): Reading {
  const draw = random.next()
  if (draw < 0.1) return { kind: 'leaves', afterMs: random.below(600) }
  if (!stream || draw > 0.22) return { kind: 'whole' }
  const afterChunks = 1 + random.below(20)
  if (draw < 0.17) return { kind: 'leaves-reading', afterChunks }
  return { kind: 'dawdles', afterChunks, pauseMs: 300 + random.below(900) }
}

/** What goes wrong at the providers all the time, by chance of each call. */
export const stormFaults: readonly object[] = [
  { fault: { kind: 'status', status: 500 }, probability: 0.03 },
  { fault: { kind: 'status', status: 429, headers: { 'retry-after': '1' } }, probability: 0.03 },
  { fault: { kind: 'status', status: 503 }, probability: 0.02 },
  { fault: { kind: 'reset', afterBytes: 0 }, probability: 0.015 },
  { fault: { kind: 'reset', afterBytes: 1500 }, probability: 0.025 },
  { fault: { kind: 'stall', afterEvents: 0 }, probability: 0.01 },
  { fault: { kind: 'stall', afterEvents: 9 }, probability: 0.015 },
  { fault: { kind: 'truncate', afterEvents: 7 }, probability: 0.025 },
  { fault: { kind: 'malformed', afterEvents: 5 }, probability: 0.01 },
  { fault: { kind: 'hang' }, probability: 0.005 },
  { fault: { kind: 'noUsage' }, probability: 0.05 },
  { fault: { kind: 'latency', firstByteMs: 400, perChunkMs: 8 }, probability: 0.06 },
].map((rule) => ({ provider: '*', ...rule }))
