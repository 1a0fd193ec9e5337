import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CircuitAsker, passedOver, pause, type Tried } from '../support/circuit-asker.ts'
import { report } from '../support/report.ts'
import { healthy, kits } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Circuits on real isolates and real objects: what one learns all know, and no request waits for it. */

/** A provider for each test: what one does to it must not decide another. */
const providers = ['garbles', 'shared', 'forced', 'alone'] as const

let upstream: ScriptedUpstream
let gateway: RawGateway
let asker: CircuitAsker

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = { ...emptyRoutes(), health: { mode: 'enforce' } }
  const secrets: Record<string, string> = {}
  for (const id of [...providers, 'backup']) {
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
    routes.targets[`m@${id}`] = {}
    secrets[secretOf(id)] = `${id}-provider-key`
    routes.routes[id] = { tiers: [[`m@${id}`], ['m@backup']], timeouts: patientTimeouts }
  }
  routes.routes['only'] = { tiers: [['m@alone']], timeouts: patientTimeouts }
  upstream.on('backup', answering('backup'))
  gateway = await startRawGateway(routes, secrets, { services: 2 })
  asker = new CircuitAsker(gateway)
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => upstream.clear())

const answering = (text: string): Script => healthy(kits.openai, text)

const failing: Script = (reply) => {
  reply.head(500, { 'content-type': 'application/json' })
  reply.end(JSON.stringify({ error: { message: 'no' } }))
}

const longMs = 20_000

describe('a circuit', () => {
  it('opens for tool calls that do not parse', async () => {
    upstream.on('garbles', (reply) => {
      reply.head(200, { 'content-type': 'application/json' })
      const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"q":' } }
      const message = { role: 'assistant', content: null, tool_calls: [call] }
      const choices = [{ index: 0, message, finish_reason: 'tool_calls' }]
      reply.end(
        JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'm', choices }),
      )
    })
    const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }]
    const tries = await asker.until(passedOver, 'garbles', { more: { tools } })
    expect(tries.at(-1)?.reason).toContain('broken_output')
  })
})

describe('what one isolate learns', () => {
  it('makes another change its first choice within 3 s, without one failure of its own', async () => {
    upstream.on('shared', (reply) =>
      reply.call.body.includes('from A') ? failing(reply) : answering('shared')(reply),
    )
    const fromB: Tried[] = []
    const askB = async () => {
      fromB.push(await asker.once('shared', { prompt: 'from B' }, 1))
      await pause(300)
    }
    for (let request = 0; request < 4; request++) await askB()
    const startMs = Date.now()
    await Promise.all(
      Array.from({ length: 8 }, () => asker.once('shared', { prompt: 'from A' }, 0)),
    )
    while (!passedOver(fromB.at(-1) as Tried) && Date.now() - startMs < longMs) await askB()
    const learntMs = Date.now() - startMs
    for (const { seen, reason } of fromB) {
      expect(seen.status).toBe(200)
      expect(reason).not.toContain('failed before')
    }
    report(`the other isolate changed its first choice after ${learntMs} ms`)
    expect(learntMs).toBeLessThan(3000)
  })
})

describe('an operator', () => {
  it('forces a circuit open and lets it go again', async () => {
    upstream.on('forced', answering('forced'))
    expect((await asker.once('forced')).provider).toBe('forced')
    const body = JSON.stringify({ state: 'open', forMs: 60_000 })
    await asker.admin('circuits/forced/m', { method: 'PUT', body })
    const tries = await asker.until(({ provider }) => provider === 'backup', 'forced')
    expect(tries.at(-1)?.reason).toContain('m@forced passed over: its circuit is forced open')
    await asker.admin('circuits/forced/m', {
      method: 'PUT',
      body: JSON.stringify({ state: 'auto' }),
    })
    await asker.until(({ provider }) => provider === 'forced', 'forced')
  })
})

describe('the last candidate', () => {
  it('is asked although its circuit is open, and the rest is told when to come back', async () => {
    upstream.on('alone', failing)
    const tries: Tried[] = []
    for (let request = 0; request < 60; request++) tries.push(await asker.once('only'))
    const refused = tries.filter(({ seen }) => seen.status === 503)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.some(({ attempts }) => attempts === 0)).toBe(true)
    for (const { seen } of refused) {
      expect(seen.error?.code).toBe('no_healthy_target')
      expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(seen.headers.get('x-should-retry')).toBe('false')
    }
    upstream.on('alone', answering('alone'))
    await asker.until(({ seen }) => seen.status === 200, 'only')
  })
})
