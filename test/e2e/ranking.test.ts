import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CircuitAsker, pause, type Tried } from '../support/circuit-asker.ts'
import { healthy, kits } from '../support/scripted-answers.ts'
import {
  startScriptedUpstream,
  type Script,
  type ScriptedUpstream,
} from '../support/scripted-upstream.ts'
import { startRawGateway, type RawGateway } from '../support/start-raw-gateway.ts'
import { emptyRoutes, patientTimeouts, scriptedProvider, secretOf } from '../support/test-routes.ts'

/** Objectives, affinity and a canary on real isolates and real objects: what is measured there, and what is stopped. */

const providers = ['quick', 'late', 'old', 'new', 'one', 'two'] as const

let upstream: ScriptedUpstream
let gateway: RawGateway
let asker: CircuitAsker

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const routes = emptyRoutes()
  const secrets: Record<string, string> = {}
  for (const id of providers) {
    routes.providers[id] = scriptedProvider(id, 'openai', upstream.host)
    routes.targets[`m@${id}`] = {}
    secrets[secretOf(id)] = `${id}-provider-key`
    upstream.on(id, answering(id))
  }
  const timeouts = patientTimeouts
  routes.routes['fastest'] = { tiers: [['m@late', 'm@quick']], objective: 'fastest', timeouts }
  routes.routes['sorted'] = { tiers: [['m@late', 'm@quick']], timeouts }
  routes.routes['affine'] = { tiers: [['m@one', 'm@two']], affinity: 'session', timeouts }
  const canary = { target: 'm@new', share: 0.5 }
  routes.routes['canary'] = { tiers: [['m@old']], canary, timeouts }
  gateway = await startRawGateway(routes, secrets, { services: 2 })
  asker = new CircuitAsker(gateway)
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const answering = (text: string): Script => healthy(kits.openai, text)
const afterMs =
  (ms: number, script: Script): Script =>
  async (reply) => {
    await pause(ms)
    return script(reply)
  }
const failing: Script = (reply) => {
  reply.head(500, { 'content-type': 'application/json' })
  reply.end(JSON.stringify({ error: { message: 'no' } }))
}
const session = (name: string) => ({ headers: { 'x-switchyard-tags': `session=${name}` } })
const share = (tries: readonly Tried[], provider: string) =>
  tries.filter((tried) => tried.provider === provider).length / tries.length

async function times(count: number, one: (index: number) => Promise<Tried>): Promise<Tried[]> {
  const all: Tried[] = []
  for (let index = 0; index < count; index += 1) all.push(await one(index))
  return all
}

describe('on real isolates', () => {
  it('"fastest" finds the faster one by its own streams, and sort by latency is a wish that counts from then on', async () => {
    upstream.on('late', afterMs(400, answering('late')))
    const sort = { more: { provider: { sort: 'latency' } }, stream: true }
    const blind = await asker.once('sorted', sort)
    expect(blind.seen.headers.get('x-switchyard-warning')).toContain('provider.sort')
    // Both are known then: what nobody has measured is tried by one request in ten, which is chance.
    for (const target of ['m@late', 'm@quick'])
      await times(12, () => asker.once(target, { stream: true }))
    const later = await times(20, () => asker.once('fastest', { stream: true }))
    expect(share(later, 'quick')).toBeGreaterThan(0.7)
    expect(later.find(({ provider }) => provider === 'quick')?.reason).toMatch(
      /^tier 1, fastest: its first token is expected after \d+ ms/,
    )
    const sorted = await asker.once('sorted', sort)
    expect(sorted.provider).toBe('quick')
    expect(sorted.seen.headers.get('x-switchyard-warning') ?? '').not.toContain('provider.sort')
  })

  it('a session stays with its target in every isolate, and sessions are spread', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`)
    const homes: (string | null)[] = []
    for (const name of names) {
      const here = await asker.once('affine', session(name), 0)
      const there = await asker.once('affine', session(name), 1)
      expect(there.provider).toBe(here.provider)
      homes.push(here.provider)
    }
    expect(new Set(homes)).toEqual(new Set(['one', 'two']))
  })

  it('a canary that fails is stopped by one isolate’s traffic for all, and says so', async () => {
    upstream.on('new', failing)
    const isStopped = ({ reason }: Tried) =>
      reason.includes('m@new passed over: the canary was stopped')
    let index = 0
    const tries: Tried[] = []
    while (!tries.some(isStopped) && index < 400) {
      index += 1
      tries.push(await asker.once('canary', session(`s${index}`), 0))
    }
    expect(tries.every(({ seen }) => seen.status === 200)).toBe(true)
    expect(tries.filter(({ attempts }) => attempts === 2).length).toBeLessThan(100)
    // The other isolate has never sent it anything: it hears of the stop with a reply.
    const other: Tried[] = []
    while (!other.some(isStopped) && other.length < 200)
      other.push(await asker.once('canary', session(`t${other.length}`), 1))
    expect(other.findIndex(isStopped)).toBeGreaterThanOrEqual(0)
    const after = await times(20, (number) => asker.once('canary', session(`u${number}`), 1))
    expect(after.every(({ attempts }) => attempts === 1)).toBe(true)
    expect(gateway.logs.text).toContain('"event":"trial"')
  })
})
