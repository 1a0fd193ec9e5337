import { beforeAll, describe, expect, it } from 'vitest'
import { gatewayError } from '../../../worker/canonical/errors.ts'
import { json, silence, wholeAnswer } from '../../support/fake-host.ts'
import { unmetered, type MoneyPort } from '../../../worker/engine/money-port.ts'
import {
  ask,
  type Asking,
  begin,
  caller,
  configOf,
  errorOf,
  type Gateway,
  gatewayOf,
  type GatewayOptions,
  installTransform,
} from './support.ts'

beforeAll(installTransform)

const target = 'gpt-4.1@openai'
const scarcity = { premiumReserve: 0.2, batchShare: 0.5, batchWaitMs: 3000 }
const tenants = { demo: {}, gold: { tier: 'premium' }, night: { tier: 'batch' } }
const gold = { ...caller, tenant: 'gold' }
const night = { ...caller, tenant: 'night' }

/** One target that takes ten calls at once; what it is asked it answers when the test says so. */
function gateway(route: object = {}, more: object = {}, options: GatewayOptions = {}): Gateway {
  const targets = { [target]: { maxConcurrent: 10 }, 'm@backup': {}, 'm@third': {} }
  const config = configOf({ tiers: [[target]], ...route }, { scarcity, tenants, targets, ...more })
  const made = gatewayOf(config, options)
  made.host.on('openai', silence)
  return made
}

/** Begins calls that stay. */
async function occupy(made: Gateway, calls: number, asking: Asking = {}): Promise<void> {
  for (let n = 0; n < calls; n++) begin(made, asking).catch(() => undefined)
  await made.host.clock.settle()
}

describe('when a target is as full as standard work may make it', () => {
  it('standard work is told when to come back, and nobody is asked', async () => {
    const made = gateway()
    await occupy(made, 8)
    const seen = await ask(made)
    expect([seen.status, errorOf(seen).code]).toEqual([503, 'no_healthy_target'])
    expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(seen.headers.get('x-switchyard-attempts')).toBe('0')
    expect(made.host.calls).toHaveLength(8)
    expect(made.host.records[0]).toMatchObject({ ending: 'refused', status: 503 })
  })

  it('premium tenants are served, and so are critical routes, whoever asks', async () => {
    const made = gateway()
    await occupy(made, 8)
    made.host.on('openai', json(wholeAnswer))
    expect((await ask(made, { caller: gold })).status).toBe(200)
    const critical = gateway({ priority: 'critical' })
    await occupy(critical, 12)
    expect(critical.host.calls).toHaveLength(12)
  })

  it('the ladder of the route goes on with what it has', async () => {
    const made = gateway({ degrade: [{ rung: 'template', text: 'Busy.' }] })
    await occupy(made, 8)
    const seen = await ask(made)
    expect([seen.degraded, seen.reason]).toEqual([
      'template',
      'the fixed reply of the route: capacity is short',
    ])
  })

  it('the next target of the plan is asked where it has room', async () => {
    const made = gateway({ tiers: [[target], ['m@backup']] })
    await occupy(made, 8)
    made.host.on('backup', json(wholeAnswer))
    const seen = await ask(made)
    expect([seen.status, seen.headers.get('x-switchyard-provider')]).toEqual([200, 'backup'])
  })

  it('calls that began while the ledger was asked count too, and nothing stays held', async () => {
    let held = 0
    const money: MoneyPort = {
      ...unmetered,
      admit: async () => {
        held += 1
        await Promise.resolve()
        const settle = () => void (held -= 1)
        return { kind: 'admitted', account: { settle }, maxOutputTokens: null, isShorter: false }
      },
    }
    const made = gateway({}, {}, { money })
    await occupy(made, 20)
    expect(made.host.calls).toHaveLength(8)
    expect(held).toBe(8)
  })

  it('a request that names its target waits its turn, too', async () => {
    const made = gateway()
    await occupy(made, 8, { body: { model: target } })
    expect((await ask(made, { body: { model: target } })).status).toBe(503)
  })
})

describe('batch work', () => {
  it('is what its tenant or its route says', async () => {
    const byTenant = gateway()
    await occupy(byTenant, 20, { caller: night })
    const byRoute = gateway({ priority: 'batch' })
    await occupy(byRoute, 20, { caller: gold })
    expect([byTenant.host.calls.length, byRoute.host.calls.length]).toEqual([5, 5])
  })

  it('waits for room, and is served when there is some', async () => {
    const made = gateway()
    made.host.on('openai', (call, number) =>
      number <= 8 ? silence(call, number) : json(wholeAnswer)(call, number),
    )
    await occupy(made, 8, { headers: { 'x-switchyard-deadline-ms': '1500' } })
    const seen = await ask(made, { caller: night })
    expect(seen.status).toBe(200)
    expect(made.host.calls).toHaveLength(9)
  })

  it('waits again where others were quicker, and ends where it is never its turn', async () => {
    const made = gateway({}, { scarcity: { ...scarcity, batchShare: 0.1 } })
    made.host.on('openai', (call, number) =>
      number === 1 ? silence(call, number) : json(wholeAnswer)(call, number),
    )
    const headers = { 'x-switchyard-deadline-ms': '1000' }
    const waiting = [begin(made, { caller: night, headers }), begin(made, { caller: night })]
    await made.host.clock.advance(2500)
    const [first, second] = await Promise.all(waiting)
    expect([first?.status, second?.status]).toEqual([504, 200])
  })

  it('ends where a target has room that nobody may pay for', async () => {
    const dear = gatewayError('budget_exceeded', 402, 'spent')
    const money: MoneyPort = {
      ...unmetered,
      admit: (asked) =>
        asked.target.name === 'm@backup'
          ? { kind: 'refused', error: dear, isFinal: false }
          : unmetered.admit(asked),
    }
    const made = gateway({ tiers: [[target], ['m@backup']] }, {}, { money })
    await occupy(made, 8)
    expect((await ask(made, { caller: night })).status).toBe(503)
  })

  it('is told to come back when it has waited long enough', async () => {
    const made = gateway()
    await occupy(made, 8)
    const startMs = made.host.clock.nowMs
    const seen = await ask(made, { caller: night })
    expect([seen.status, made.host.clock.nowMs - startMs]).toEqual([503, 3000])
    expect(Number(seen.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })
})

describe('without scarcity', () => {
  it('everybody is alike, and nobody is counted', async () => {
    const made = gateway({}, { scarcity: undefined })
    await occupy(made, 15)
    expect(made.host.calls).toHaveLength(15)
  })
})
