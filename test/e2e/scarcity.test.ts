import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kits, openAiHead } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/**
 * Premium tenants when capacity is short, on workerd with keys and tenants of a ledger, against a provider that takes
 * eight calls at once and lets all others wait. What a first token waits for is counted and not timed: the calls that
 * stand before it. With none of them it comes as soon as it does alone, however fast the machine is.
 */

const capacity = 8
const usualLanes = 2
const premiumRequests = 50

let upstream: ScriptedUpstream
let gateway: RunningGateway
const keys = { gold: '', plain: '' }
type Tenant = keyof typeof keys

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  const variables: Record<string, string> = {}
  // The same twice: `shared` says how many calls it takes, of which a quarter is premium's.
  for (const id of ['shared', 'open']) {
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
    variables[secretOf(id)] = `${id}-provider-key`
    routes.targets[`m@${id}`] = {
      free: true,
      ...(id === 'shared' ? { maxConcurrent: capacity } : {}),
    }
    routes.routes[id] = { tiers: [[`m@${id}`]], timeouts: patientTimeouts }
  }
  const scarcity = { premiumReserve: 0.25 }
  gateway = await startGateway({
    routes: { ...routes, scarcity },
    variables,
    ledger: true,
    circuits: true,
    simulator: false,
  })
  keys.gold = await keyOf('gold', { tier: 'premium' })
  keys.plain = await keyOf('plain', {})
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

async function admin(method: string, path: string, body: object): Promise<{ key?: string }> {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${gateway.adminKey}` },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  expect(response.status, text).toBeLessThan(300)
  return JSON.parse(text) as { key?: string }
}

async function keyOf(tenant: string, profile: object): Promise<string> {
  await admin('PUT', `/tenants/${tenant}`, profile)
  return (await admin('POST', `/tenants/${tenant}/keys`, { name: 'e2e' })).key ?? ''
}

/** A provider with room for so many calls, first come first served. */
class Provider {
  /** For each call of a tenant, how many stood before it when it came. */
  readonly before: Record<Tenant, number[]> = { gold: [], plain: [] }
  readonly #waiting: (() => void)[] = []
  #busy = 0

  readonly script: Script = async (reply) => {
    const tenant: Tenant = reply.call.body.includes('gold') ? 'gold' : 'plain'
    const isFull = this.#busy >= capacity
    this.before[tenant].push(isFull ? this.#waiting.length + 1 : 0)
    if (isFull)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    this.#busy += 1
    reply.head(200, openAiHead)
    const { start, text, end, done } = kits.openai
    await reply.write(start + text('Hello'))
    await reply.wait(20)
    this.#busy -= 1
    this.#waiting.shift()?.()
    reply.end(end + done)
  }
}

let provider: Provider
beforeEach(() => {
  provider = new Provider()
  for (const id of ['shared', 'open']) upstream.on(id, provider.script)
})

interface Seen {
  readonly status: number
  readonly isWhole: boolean
  readonly attempts: string | null
  readonly degraded: string | null
  readonly retryAfter: number
}

async function ask(tenant: Tenant, model: string): Promise<Seen> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys[tenant]}` },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: tenant }] }),
  })
  const text = await response.text()
  const { status, headers } = response
  return {
    status,
    isWhole: text.includes('data: [DONE]') && !text.includes('"error"'),
    attempts: headers.get('x-switchyard-attempts'),
    degraded: headers.get('x-switchyard-degraded'),
    retryAfter: Number(headers.get('retry-after')),
  }
}

/** Premium's usual load beside so many lanes of standard work, each of which asks again as soon as it has its answer. */
async function load(model: string, standardLanes: number) {
  const premium: Seen[] = []
  const standard: Seen[] = []
  let isOver = false
  const lane = async (tenant: Tenant, seen: Seen[], goesOn: () => boolean) => {
    while (goesOn()) seen.push(await ask(tenant, model))
  }
  const others = Array.from({ length: standardLanes }, () => lane('plain', standard, () => !isOver))
  let left = premiumRequests
  await Promise.all([1, 2].map(() => lane('gold', premium, () => left-- > 0)))
  isOver = true
  await Promise.all(others)
  return { premium, standard }
}

const p99 = (all: readonly number[]) =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * 0.99))]

describe('premium tenants under scarcity', () => {
  it('at ten times the standard load: no error, and no first token that waits for another call', async () => {
    const alone = await load('shared', usualLanes)
    const beforeAlone = p99(provider.before.gold)
    provider = new Provider()
    upstream.on('shared', provider.script)
    const busy = await load('shared', 10 * usualLanes)
    for (const { premium } of [alone, busy])
      for (const one of premium)
        expect(one).toMatchObject({ status: 200, isWhole: true, attempts: '1', degraded: null })
    expect(busy.premium).toHaveLength(premiumRequests)
    // At most a tenth more of nothing is nothing.
    expect([beforeAlone, p99(provider.before.gold)]).toEqual([0, 0])
    expect(Math.max(...provider.before.gold)).toBe(0)
    // Somebody pays for it: others are told to come back, and when; the rest of the capacity is theirs.
    const refused = busy.standard.filter(({ status }) => status === 503)
    const answered = busy.standard.filter(({ status }) => status === 200)
    expect(refused.length + answered.length).toBe(busy.standard.length)
    expect(refused.length).toBeGreaterThan(0)
    expect(answered.length).toBeGreaterThan(premiumRequests / 2)
    for (const { retryAfter } of refused) expect(retryAfter).toBeGreaterThanOrEqual(1)
  })

  it('and without shares the same load stands before them: this provider can tell the difference', async () => {
    await load('open', 10 * usualLanes)
    expect(p99(provider.before.gold)).toBeGreaterThan(0)
  })
})
