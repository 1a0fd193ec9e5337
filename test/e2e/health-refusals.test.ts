import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectAnswers, isBack } from '../support/circuit-asker.ts'
import { startFaultyProviders, type FaultyProviders } from '../support/faulty-providers.ts'

/**
 * A provider that refuses to answer us and answers others: what clients see of it, what an operator reads, and
 * how long it is left alone. Through the whole gateway on workerd, with the simulated providers behind it.
 */

let bed: FaultyProviders

beforeAll(async () => {
  bed = await startFaultyProviders({
    limited: {},
    unsaid: {},
    spent: { more: ['other'] },
    refused: {},
  })
})
afterAll(() => bed.close())

const longMs = 90_000

const target = (provider: string) => bed.asker.circuit(provider, `target:m@${provider}`)
const edge = (provider: string) => bed.asker.circuit(provider, 'edge')

describe.concurrent('a quota', () => {
  it(
    'with retry-after keeps everybody away for so long, and is no circuit',
    async () => {
      const headers = { 'retry-after': '3' }
      await bed.simulator.fault({
        provider: 'limited',
        fault: { kind: 'status', status: 429, headers },
        times: 1,
      })
      const sentMs = Date.now()
      const first = await bed.asker.once('limited')
      expect(first.reason).toContain('m@limited failed before (rate_limited)')
      const second = await bed.asker.once('limited')
      expect(second).toMatchObject({ provider: 'backup', attempts: 1 })
      expect(second.reason).toContain('m@limited passed over: its provider asked to wait')
      const shut = await bed.asker.untilCircuit(
        'limited',
        'target:m@limited',
        ({ quota }) => quota?.state === 'open',
      )
      expect(shut).toMatchObject({ state: 'closed', cause: null, evidence: { judged: 0 } })
      expect(Date.parse(shut.quota?.notBefore ?? '')).toBeGreaterThan(sentMs + 2900)
      expect(await edge('limited')).toMatchObject({
        state: 'closed',
        evidence: { judged: 1, failed: 0 },
      })
      const tries = await bed.asker.until(isBack, 'limited')
      expectAnswers([first, second, ...tries])
      const [refused, next] = await bed.simulator.requests('limited')
      const waitedMs = (next?.timeMs ?? 0) - (refused?.timeMs ?? 0)
      // `retry-after`, and a fifth of it at most.
      expect(waitedMs).toBeGreaterThanOrEqual(2990)
      expect((await target('limited'))?.quota).toBeNull()
    },
    longMs,
  )

  it(
    'without retry-after is believed for a second',
    async () => {
      await bed.simulator.fault({
        provider: 'unsaid',
        fault: { kind: 'status', status: 429 },
        times: 1,
      })
      const tries = await bed.asker.until(isBack, 'unsaid')
      expectAnswers(tries)
      expect(tries[1]?.reason).toContain('m@unsaid passed over: its provider asked to wait')
      const [refused, next] = await bed.simulator.requests('unsaid')
      const waitedMs = (next?.timeMs ?? 0) - (refused?.timeMs ?? 0)
      expect(waitedMs).toBeGreaterThanOrEqual(990)
      expect(waitedMs).toBeLessThan(3000)
      expect(await target('unsaid')).toMatchObject({ state: 'closed', evidence: { failed: 0 } })
    },
    longMs,
  )

  it(
    'that is spent locks the whole account until it is looked at again, or an operator resets it',
    async () => {
      const error = { message: 'You exceeded your current quota.', code: 'insufficient_quota' }
      const fault = { kind: 'status', status: 429, body: { error } }
      const mend = await bed.hurt('spent', fault)
      const first = await bed.asker.once('spent')
      expect(first.reason).toContain('m@spent failed before (quota_exhausted)')
      const second = await bed.asker.once('spent')
      expect(second).toMatchObject({ provider: 'backup', attempts: 1 })
      expect(second.reason).toContain('m@spent passed over: its quota is spent')
      const other = await bed.asker.once('other')
      expect(other.reason).toContain('other@spent passed over: its quota is spent')
      expectAnswers([first, second, other])
      const account = await bed.asker.untilCircuit(
        'spent',
        'edge',
        ({ quota }) => quota?.state === 'open',
      )
      expect(account).toMatchObject({ state: 'closed', cause: null })
      // It is looked at again after five minutes.
      const waitMs = Date.parse(account.quota?.notBefore ?? '') - Date.now()
      expect(waitMs).toBeGreaterThan(240_000)
      expect(waitMs).toBeLessThanOrEqual(300_000)
      expect(await target('spent')).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
      expect(await bed.simulator.requests('spent')).toHaveLength(1)
      await mend()
      await bed.asker.letGo('spent', 'edge')
      await bed.asker.until(isBack, 'spent')
    },
    longMs,
  )
})

describe.concurrent('a credential', () => {
  it(
    'that is refused is sent once, and not again until an operator resets it',
    async () => {
      const mend = await bed.hurt('refused', { kind: 'status', status: 401 })
      const tries = [
        await bed.asker.once('refused'),
        await bed.asker.once('refused'),
        await bed.asker.once('refused'),
      ]
      expectAnswers(tries)
      expect(tries[0]?.reason).toContain('m@refused failed before (auth)')
      for (const { provider, attempts, reason, seen } of tries.slice(1)) {
        expect({ provider, attempts }).toEqual({ provider: 'backup', attempts: 1 })
        expect(reason).toContain('m@refused passed over: its credential was refused')
        expect(seen.raw + reason).not.toContain('refused-provider-key')
      }
      expect(await bed.simulator.requests('refused')).toHaveLength(1)
      const lock = await bed.asker.untilCircuit(
        'refused',
        'credential:',
        ({ state }) => state === 'open',
      )
      expect(lock).toMatchObject({ cause: 'credential', target: null })
      expect(lock.domain).toMatch(/^credential:[0-9a-f]{8}$/)
      expect(await target('refused')).toMatchObject({ state: 'closed', evidence: { judged: 0 } })
      expect(await edge('refused')).toMatchObject({
        state: 'closed',
        evidence: { judged: 1, failed: 0 },
      })
      await mend()
      await bed.asker.letGo('refused', 'edge')
      await bed.asker.until(isBack, 'refused')
    },
    longMs,
  )
})
