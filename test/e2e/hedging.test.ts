import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/local-gateway.ts'
import { costNanoUsd, modelFacts } from '../../worker/catalog/index.ts'
import { ask, type Question, type Seen } from '../support/ask-gateway.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'
import type { SeenRequest } from '../support/start-simulator.ts'

/**
 * Several calls for one request, on workerd, against the simulated providers: who is asked, what the client sees, and
 * that the ledger says of every call at least what its provider billed.
 */

const openai = 'gpt-4.1@openai'
const claude = 'claude-sonnet-4-5@anthropic'
const mistral = 'mistral-large-latest@mistral'

let gateway: RunningGateway

beforeAll(async () => {
  const shipped = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as { routes: object }
  const timeouts = { idleTimeoutMs: 700, firstTokenTimeoutMs: 20_000 }
  const two = [[openai], [claude]]
  const routes = {
    hedged: { tiers: two, timeouts, hedge: { leastDelayMs: 100, unmeasuredDelayMs: 300 } },
    best: { tiers: [[openai], [claude], [mistral]], bestOf: { n: 3, pick: 'longest' } },
    shadowed: {
      tiers: [[openai]],
      shadow: { target: claude, share: 1, budgetUsdPerDay: 0.5 },
    },
    resumed: { tiers: two, timeouts },
    turned: { tiers: [[openai], ['gpt-4.1-mini@openai']], timeouts, resume: { userTurn: true } },
  }
  gateway = await startGateway({ ledger: true, routes: { ...shipped, routes } })
})
afterAll(() => gateway.close())
afterEach(() => control('POST', 'reset'))

async function control(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${gateway.simulator}/__control/${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return response.json()
}

async function seen(): Promise<readonly SeenRequest[]> {
  const answer = (await control('GET', 'requests')) as { requests?: SeenRequest[] } | SeenRequest[]
  return Array.isArray(answer) ? answer : (answer.requests ?? [])
}

const chat = (model: string, more: Partial<Question> = {}): Promise<Seen> =>
  ask(gateway, { dialect: 'openai', model, stream: true, prompt: '[[tokens:30]] hello', ...more })

interface Line {
  readonly requestId: string
  readonly attemptId: string
  readonly target: string
  readonly costUsd: string
}

/** Ledger lines of one request, when there are as many as calls. */
async function linesOf(
  requestId: string,
  calls: number,
  tenant = 'demo',
): Promise<readonly Line[]> {
  const endMs = Date.now() + 15_000
  for (;;) {
    const response = await fetch(`${gateway.url}/admin/v1/tenants/${tenant}/ledger?limit=200`, {
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    })
    const { data = [] } = (await response.json()) as { data?: readonly Line[] }
    const own = data.filter((line) => line.requestId === requestId)
    if (own.length >= calls || Date.now() > endMs) return own
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const requestIdOf = ({ headers }: Seen) => headers.get('x-switchyard-request-id') ?? ''

/** What the simulator billed for one call, nano-USD, at the prices of the catalog. */
function billedNanoUsd({ provider, model, billed }: SeenRequest): number {
  const prices = modelFacts(provider, model ?? '')?.prices
  if (prices === undefined || prices === null) throw new Error(`no price of ${provider} ${model}`)
  return costNanoUsd({ inputTokens: billed.input, outputTokens: billed.output }, prices) ?? 0
}

/** Every call has a line, and no line is less than what its provider billed. */
async function expectPaid(answer: Seen, tenant = 'demo'): Promise<readonly Line[]> {
  const calls = (await seen()).filter(({ provider }) => provider !== 'none')
  const lines = await linesOf(requestIdOf(answer), calls.length, tenant)
  expect(lines).toHaveLength(calls.length)
  for (const call of calls) {
    const line = lines.find(({ target }) => target.endsWith(`@${call.provider}`))
    expect(Number(line?.costUsd) * 1e9 + 0.5).toBeGreaterThanOrEqual(billedNanoUsd(call))
  }
  return lines
}

describe('a hedge', () => {
  it('answers for a first that is late, which is hung up on and paid for', async () => {
    await control('POST', 'faults', {
      provider: 'openai',
      fault: { kind: 'latency', firstByteMs: 15_000, perChunkMs: 0 },
    })
    const answer = await chat('hedged')
    expect(answer).toMatchObject({ status: 200, ended: true, error: null })
    expect(answer.headers.get('x-switchyard-provider')).toBe('anthropic')
    expect(answer.headers.get('x-switchyard-attempts')).toBe('2')
    expect(answer.durationMs).toBeLessThan(12_000)
    const calls = await seen()
    expect(calls.map(({ provider }) => provider).toSorted()).toEqual(['anthropic', 'openai'])
    await expectPaid(answer)
  })

  it('is not sent to a first that is in time', async () => {
    const answer = await chat('hedged')
    expect(answer.headers.get('x-switchyard-provider')).toBe('openai')
    expect(await seen()).toHaveLength(1)
    const [line] = await expectPaid(answer)
    const [call] = await seen()
    expect(Math.round(Number(line?.costUsd) * 1e9)).toBe(
      call === undefined ? 0 : billedNanoUsd(call),
    )
  })
})

describe('best-of', () => {
  it.each([true, false])('asks three and gives one (stream: %s)', async (stream) => {
    const answer = await chat('best', { stream })
    expect(answer).toMatchObject({ status: 200, ended: true, error: null })
    expect(answer.headers.get('x-switchyard-reason')).toContain('picked of 3: the longest')
    const calls = await seen()
    expect(calls).toHaveLength(3)
    const lines = await expectPaid(answer)
    // All three came to their end: what is charged is what was billed, to the nano-USD.
    const charged = lines.reduce((sum, { costUsd }) => sum + Math.round(Number(costUsd) * 1e9), 0)
    expect(charged).toBe(calls.reduce((sum, call) => sum + billedNanoUsd(call), 0))
  })
})

describe('a shadow', () => {
  it('is asked behind the answer, unseen, for money of its own', async () => {
    const answer = await chat('shadowed')
    expect(answer).toMatchObject({ status: 200, ended: true, error: null })
    expect(answer.headers.get('x-switchyard-attempts')).toBe('1')
    const requestId = requestIdOf(answer)
    const lines = await gateway.logs.waitUntil(() =>
      gateway.logs.text
        .split('\n')
        .filter((line) => line.includes('"event":"shadow"') && line.includes(requestId)),
    )
    const told = JSON.parse((lines[0] ?? '{}').slice((lines[0] ?? '').indexOf('{'))) as object
    expect(told).toMatchObject({
      outcome: 'ok',
      'switchyard.route': 'shadowed',
      same_finish: true,
      answer: { target: openai },
      shadow: { target: claude },
    })
    expect((await seen()).map(({ provider }) => provider)).toEqual(['openai', 'anthropic'])
    expect(await linesOf(requestId, 1)).toMatchObject([{ target: openai }])
    expect(await linesOf(requestId, 1, 'shadow.shadowed')).toMatchObject([{ target: claude }])
    const budgets = await fetch(`${gateway.url}/admin/v1/tenants/shadow.shadowed/budgets`, {
      headers: { authorization: `Bearer ${gateway.adminKey}` },
    })
    expect(await budgets.json()).toMatchObject({
      data: [{ scope: 'tenant', period: 'day', mode: 'hard', limitUsd: '0.50' }],
    })
  })
})

describe('an answer that breaks in the middle', () => {
  const resume = { 'x-switchyard-resume': 'continue' }
  const faults = [
    { kind: 'reset', afterBytes: 1500 },
    { kind: 'stall', afterEvents: 4 },
    { kind: 'truncate', afterEvents: 4 },
    { kind: 'errorEvent', afterEvents: 4 },
    { kind: 'malformed', afterEvents: 4 },
  ] as const

  interface Sent {
    readonly messages: readonly {
      readonly role: string
      readonly content: string | readonly { readonly text: string }[]
    }[]
  }

  function toldBefore(call: SeenRequest | undefined): string {
    const { messages } = (call?.body ?? { messages: [] }) as Sent
    const content = messages.findLast(({ role }) => role === 'assistant')?.content ?? ''
    return typeof content === 'string' ? content : content.map(({ text }) => text).join('')
  }

  it.each(faults)('goes on at the second provider after %o', async (fault) => {
    await control('POST', 'faults', { provider: 'openai', fault })
    const answer = await chat('resumed', { headers: resume })
    expect(answer).toMatchObject({ status: 200, ended: true, error: null, broken: 0, afterEnd: 0 })
    expect(answer.raw.match(/^: switchyard-resume /gm)).toHaveLength(1)
    const calls = await seen()
    expect(calls.map(({ provider }) => provider)).toEqual(['openai', 'anthropic'])
    const before = toldBefore(calls[1])
    expect(before.length).toBeGreaterThan(0)
    expect(answer.text.startsWith(before)).toBe(true)
    expect(answer.text.length).toBeGreaterThan(before.length)
    // Nothing twice: what the first provider said stands once.
    expect(answer.text.slice(before.length)).not.toContain(before)
    await expectPaid(answer)
    const record = await gateway.logs.waitFor(requestIdOf(answer))
    expect(record['switchyard.attempts']).toMatchObject([
      { target: openai },
      { target: claude, outcome: 'ok' },
    ])
  })

  it('goes on in the other dialect, too', async () => {
    await control('POST', 'faults', { provider: 'openai', fault: faults[2] })
    const answer = await chat('resumed', { dialect: 'anthropic', headers: resume })
    expect(answer).toMatchObject({ status: 200, ended: true, error: null, broken: 0 })
    expect(answer.raw.match(/event: content_block_start/g)).toHaveLength(1)
  })

  it('goes on by a turn of the user where the route allows that', async () => {
    await control('POST', 'faults', {
      provider: 'openai',
      model: 'gpt-4.1',
      fault: faults[2],
    })
    const answer = await chat('turned', { headers: resume })
    expect(answer).toMatchObject({ status: 200, ended: true, error: null })
    expect(answer.raw).toContain('"mode":"user_turn"')
  })

  it('ends with the honest error for whoever did not ask for more', async () => {
    await control('POST', 'faults', { provider: 'openai', fault: faults[2] })
    const answer = await chat('resumed')
    expect(answer).toMatchObject({ ended: false, error: { code: 'upstream_interrupted' } })
    expect(await seen()).toHaveLength(1)
  })
})

it('leaves no fault of the gateway itself', () => {
  expect(gateway.logs.faults).toEqual([])
})
