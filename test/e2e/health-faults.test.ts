import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectAnswers, isBack, passedOver, pause, type Tried } from '../support/circuit-asker.ts'
import { startFaultyProviders, type FaultyProviders } from '../support/faulty-providers.ts'
import { report } from '../support/report.ts'

/**
 * What each way of failing comes to, through the whole gateway on workerd with the simulated providers behind it:
 * what clients see, what an operator reads, what the reason says, and the way back. One provider for each; tests
 * run beside each other, because most of what they do is wait.
 */

let bed: FaultyProviders

beforeAll(async () => {
  bed = await startFaultyProviders({
    outage: {},
    // Nobody listens on the port of "discard".
    gone: { host: '127.0.0.1:9' },
    brownout: {},
    slow: {},
    stalls: { idleTimeoutMs: 300 },
    recovers: {},
  })
})
afterAll(() => bed.close())

const longMs = 120_000

const target = (provider: string) => bed.asker.circuit(provider, `target:m@${provider}`)
const edge = (provider: string) => bed.asker.circuit(provider, 'edge')

describe.concurrent('a provider', () => {
  it(
    'that slows down far beyond its usual speed still answers, and is passed over',
    async () => {
      const { slowAfterMs, tookMs } = await learnSpeed('slow')
      report(`a usual speed is learned in ${tookMs} ms: T_slow is ${slowAfterMs} ms from then on`)
      const mend = await bed.hurt('slow', {
        kind: 'latency',
        firstByteMs: slowAfterMs * bucketGrowth,
      })
      const asked: Promise<Tried>[] = []
      let row = await target('slow')
      while (row?.state !== 'open' && asked.length < 200) {
        asked.push(bed.asker.once('slow', { stream: true }))
        await pause(150)
        row = await target('slow')
      }
      // At once: in a few seconds it is tried again.
      const after = await bed.asker.until(passedOver, 'slow', { stream: true })
      expect(row).toMatchObject({ state: 'open', cause: 'slow', evidence: { failed: 0 } })
      expect(after.at(-1)?.reason).toMatch(/\(slow: \d+ of \d+ were slow in \d+ s\)/)
      expect(after.at(-1)?.seen.durationMs).toBeLessThan(slowAfterMs)
      const late = await Promise.all(asked)
      expectAnswers(late)
      const own = late.filter(({ provider }) => provider === 'slow')
      for (const { seen } of own) expect(seen.durationMs).toBeGreaterThan(slowAfterMs)
      report(`slow: ${own.length} answers later than T_slow, ${after.at(-1)?.reason}`)
      await mend()
      await bed.asker.until(isBack, 'slow', { stream: true }, { limitMs: 40_000 })
      expect(await target('slow')).toMatchObject({ state: 'closed', slow: false })
    },
    longMs,
  )

  it(
    'in a total outage costs nobody an answer, and gets its traffic back by probes',
    async () => {
      const mend = await bed.hurt('outage', { kind: 'status', status: 500 })
      const tries = await bed.asker.until(passedOver, 'outage')
      expectAnswers(tries)
      expect(tries[0]).toMatchObject({ provider: 'backup' })
      expect(tries[0]?.reason).toContain('m@outage failed before (server_error)')
      expect(tries.at(-1)?.reason).toMatch(
        /its circuit is open \(blackout: (\d+) of \1 failed in \d+ s\)/,
      )
      const row = await target('outage')
      expect(row).toMatchObject({ state: 'open', cause: 'blackout', epoch: 1 })
      expect(row?.evidence?.failed).toBe(row?.evidence?.judged)
      expect(await edge('outage')).toMatchObject({ state: 'closed' })
      await mend()
      const back = await bed.asker.until(isBack, 'outage')
      expectAnswers(back)
      expect(await target('outage')).toMatchObject({ state: 'closed', epoch: 1 })
    },
    longMs,
  )

  it(
    'that cannot be connected to opens the edge for all of its targets',
    async () => {
      const tries = await bed.asker.until(
        ({ attempts, reason }) =>
          attempts === 1 && reason.includes("its provider's circuit is open"),
        'gone',
      )
      expectAnswers(tries)
      expect(tries[0]?.reason).toContain('m@gone failed before (connect)')
      expect(tries.at(-1)?.reason).toMatch(/circuit is open \(blackout: \d+ of \d+ failed/)
      expect(await edge('gone')).toMatchObject({ state: 'open', cause: 'blackout' })
    },
    longMs,
  )

  it(
    'in a brownout of 30 % is found out by shares, not by a run of failures',
    async () => {
      const fault = { kind: 'status', status: 500 }
      const mend = await bed.hurt('brownout', fault, { probability: 0.3 })
      const lanes = Array.from({ length: 3 }, () => bed.asker.until(passedOver, 'brownout'))
      const tries = (await Promise.all(lanes)).flat()
      expectAnswers(tries)
      expect(tries.filter(({ provider }) => provider === 'brownout').length).toBeGreaterThan(10)
      expect(tries.at(-1)?.reason).toMatch(/\(brownout: \d+ of \d+ failed in \d+ s\)/)
      const row = await target('brownout')
      const { failed = 0, judged = 0 } = row?.evidence ?? {}
      expect(row).toMatchObject({ state: 'open', cause: 'brownout' })
      expect(failed / judged).toBeGreaterThan(0.25)
      expect(failed / judged).toBeLessThan(0.7)
      report(`brownout: ${tries.length} requests, ${failed} of ${judged} failed when it opened`)
      await mend()
      expectAnswers(await bed.asker.until(isBack, 'brownout'))
    },
    longMs,
  )

  it(
    'whose streams stall behind their first token is known as failing by their breaking',
    async () => {
      const mend = await bed.hurt('stalls', { kind: 'stall', afterEvents: 3 })
      const prompt = '[[tokens:20]]'
      const tries: Tried[] = []
      while (!tries.some(passedOver) && tries.length < 200)
        tries.push(
          ...(await Promise.all(
            Array.from({ length: 8 }, () => bed.asker.once('stalls', { stream: true, prompt })),
          )),
        )
      const own = tries.filter(({ provider }) => provider === 'stalls')
      for (const { seen } of own) {
        expect(seen).toMatchObject({ status: 200, ended: false })
        expect(seen.error?.code).toBe('upstream_timeout')
        expect(seen.text).not.toBe('')
      }
      expectAnswers(tries.filter(({ provider }) => provider === 'backup'))
      const row = await target('stalls')
      expect(row).toMatchObject({ state: 'open', cause: 'brownout' })
      // Each was an answer with its first token and a failure at its end.
      expect(row?.evidence?.judged).toBeGreaterThan(row?.evidence?.failed ?? 0)
      await mend()
      await bed.asker.until(isBack, 'stalls', { stream: true, prompt })
      expect(await target('stalls')).toMatchObject({ state: 'closed' })
    },
    longMs,
  )

  it(
    'that comes back is tried by few, then by all, and no caller notices',
    async () => {
      const mend = await bed.hurt('recovers', { kind: 'status', status: 503 })
      await bed.asker.until(passedOver, 'recovers')
      await mend()
      const states: string[] = []
      const over = new AbortController()
      const watching = (async () => {
        while (!over.signal.aborted) {
          const { state = 'none', epoch = 0 } = (await target('recovers')) ?? {}
          if (states.at(-1) !== `${state} ${epoch}`) states.push(`${state} ${epoch}`)
          await pause(50)
        }
      })()
      const mendedMs = Date.now()
      const tries = await bed.asker.until(isBack, 'recovers')
      over.abort()
      await watching
      expectAnswers(tries)
      expect(states.slice(0, 2)).toEqual(['open 1', 'half_open 1'])
      expect(await target('recovers')).toMatchObject({ state: 'closed', epoch: 1 })
      const probes = tries.filter(
        ({ provider, reason }) => provider === 'recovers' && reason !== 'tier 1, first in order',
      )
      for (const { reason } of probes) expect(reason).toMatch(/^tier 1, tried again/)
      const called = await bed.simulator.requests('recovers')
      const probed = called.filter(({ timeMs }) => timeMs >= mendedMs)
      report(
        `recovery: ${Date.now() - mendedMs} ms, ${probes.length} probes, ${probed.length} calls, ${states.join(', ')}`,
      )
      expect(probes.length).toBeGreaterThanOrEqual(9)
    },
    longMs,
  )
})

/** A hundred answers of one size, and half a minute until they leave the window: then the object knows what is usual. */
async function learnSpeed(model: string) {
  const startMs = Date.now()
  const stream = { stream: true }
  for (let wave = 0; wave < 13; wave++)
    await Promise.all(Array.from({ length: 10 }, () => bed.asker.once(model, stream)))
  const known = async () => (await target(model))?.speed?.slowAfterMs[0] ?? unknownMs
  while ((await known()) === unknownMs && Date.now() - startMs < 45_000) {
    await bed.asker.once(model, stream)
    await pause(500)
  }
  return { slowAfterMs: await known(), tookMs: Date.now() - startMs }
}

/** Times are counted in buckets, each 1.38 times the one before: an answer is slow for certain from there. */
const bucketGrowth = 1.4

/** T_slow while nothing is known. */
const unknownMs = 30_000
