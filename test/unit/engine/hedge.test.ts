import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HedgeGate } from '../../../worker/engine/hedge-gate.ts'
import { budgetOf } from '../../../worker/engine/retry-rules.ts'
import {
  type Answer,
  chunk,
  type FakeHost,
  refusing,
  silence,
  streamed,
  streamEnd,
} from '../../support/fake-host.ts'
import {
  ask,
  type Asked,
  hostOf,
  textOf,
  withStreams,
  worldOf,
} from '../../support/parallel-world.ts'

withStreams()

const hedged = { hedge: {} }
const good = streamed(chunk('from the backup'), streamEnd)

/** A first target that takes `delayMs`, and a second that answers at once. */
function late(delayMs: number, runtime = worldOf(hedged)): FakeHost {
  const host = hostOf(runtime)
  return host.on('openai', slowly(host, delayMs)).on('backup', good).on('api.groq.com', good)
}

function slowly(host: FakeHost, delayMs: number): Answer {
  return async (call, number) => {
    await new Promise<void>((resolve) => void host.clock.after(delayMs, resolve))
    return streamed(chunk('from the first'), streamEnd)(call, number)
  }
}

/** When each call went out, from the first on, ms. */
function offsets({ calls }: FakeHost): number[] {
  return calls.map(({ atMs }) => atMs - (calls[0]?.atMs ?? 0))
}

describe('a hedge', () => {
  it('asks another provider when the first is late, and the first to answer answers', async () => {
    const host = late(60_000)
    const { headers, text } = await ask(host)
    expect(host.asked).toEqual(['openai', 'backup'])
    expect(textOf(text)).toBe('from the backup')
    expect(headers.get('x-switchyard-provider')).toBe('backup')
    expect(headers.get('x-switchyard-attempts')).toBe('2')
    expect(headers.get('x-switchyard-reason')).toContain('gpt-4.1@openai was silent')
  })

  it('stops the one that lost at once, and tells nobody that it failed', async () => {
    const host = late(60_000)
    await ask(host)
    expect(host.calls[0]?.signal.aborted).toBe(true)
    expect(host.records[0]?.attempts.map(({ outcome }) => outcome)).toEqual(['cancelled', 'ok'])
    expect(host.health.standing(host.target('gpt-4.1@openai'), 1).health?.state).not.toBe('barred')
  })

  it.each([
    ['nobody has measured the first', null, 2000],
    ['the first usually takes 800 ms', 800, 800],
    ['the first is usually there in 90 ms', 90, 500],
  ])('waits as long as is due when %s', async (_when, p95Ms, afterMs) => {
    const host = late(60_000)
    host.health.firstTokenP95Ms = () => p95Ms
    await ask(host)
    expect(offsets(host)).toEqual([0, afterMs])
  })

  it('asks nobody beside a first that is in time', async () => {
    const host = late(1900)
    const { text } = await ask(host)
    expect(host.asked).toEqual(['openai'])
    expect(textOf(text)).toBe('from the first')
  })

  it('lets the first answer that comes back to life', async () => {
    const host = late(2500).on('backup', silence)
    const { text } = await ask(host)
    expect(host.asked).toEqual(['openai', 'backup'])
    expect(textOf(text)).toBe('from the first')
    expect(host.calls[1]?.signal.aborted).toBe(true)
  })

  it('is no more than two calls at once, and no more than the attempts of the route', async () => {
    const three = [['gpt-4.1@openai'], ['gpt-4.1@backup'], ['llama-3.3-70b-versatile@groq']]
    const host = late(60_000, worldOf(hedged, three)).on('backup', silence)
    await ask(host, { headers: { 'x-switchyard-deadline-ms': '9000' } })
    expect(host.asked.slice(0, 2)).toEqual(['openai', 'backup'])
    expect(offsets(host)[2] ?? Infinity).toBeGreaterThan(2500)
    const single = late(60_000, worldOf({ ...hedged, limits: { maxAttempts: 1 } }))
    await ask(single)
    expect(single.asked).toEqual(['openai'])
  })

  it('goes on with the plan when both fail, and asks none of both again', async () => {
    const three = [['gpt-4.1@openai'], ['gpt-4.1@backup'], ['llama-3.3-70b-versatile@groq']]
    const host = late(0, worldOf(hedged, three)).on('backup', refusing(503))
    host.on('openai', async () => {
      await new Promise<void>((resolve) => void host.clock.after(3000, resolve))
      return new Response('{"error":{"message":"no"}}', { status: 500 })
    })
    const { text } = await ask(host)
    expect(host.asked).toEqual(['openai', 'backup', 'api.groq.com'])
    expect(textOf(text)).toBe('from the backup')
  })

  it('sends nothing further that one of both has refused as content', async () => {
    const three = [['gpt-4.1@openai'], ['gpt-4.1@backup'], ['llama-3.3-70b-versatile@groq']]
    const host = late(0, worldOf(hedged, three)).on('backup', refusing(503))
    host.on('openai', async () => {
      await new Promise<void>((resolve) => void host.clock.after(3000, resolve))
      return Response.json({ error: { message: 'no', code: 'content_filter' } }, { status: 400 })
    })
    await ask(host)
    expect(host.asked).toEqual(['openai', 'backup'])
  })

  it('leaves a first that fails before it is late to the ordinary rules', async () => {
    const host = late(0)
    host.on('openai', refusing(500))
    const { text } = await ask(host)
    expect(host.asked).toEqual(['openai', 'openai', 'backup'])
    expect(textOf(text)).toBe('from the backup')
  })

  it('leaves no timer behind', async () => {
    const host = late(60_000)
    await ask(host)
    expect(host.clock.dueInMs.filter((ms) => ms < 60_000 - 2500)).toEqual([])
  })
})

describe('a hedge is not sent', () => {
  const cases: readonly [string, () => FakeHost, Asked?][] = [
    ['where the route does not ask for it', () => late(60_000, worldOf({}))],
    ['for an answer that comes whole', () => late(60_000), { body: { stream: false } }],
    [
      'to the same provider',
      () => late(60_000, worldOf(hedged, [['gpt-4.1@openai'], ['gpt-4.1-mini@openai']])),
    ],
    [
      'to a target without a price',
      () => late(60_000, worldOf(hedged, [['gpt-4.1@openai'], ['m@third']])),
    ],
    [
      'to a later tier, where the route wants one tier',
      () => late(60_000, worldOf({ hedge: { acrossTiers: false } })),
    ],
    ['for a tool that the provider runs', () => late(60_000), { body: { web_search_options: {} } }],
    [
      'for a prompt that is dear',
      () => late(60_000, worldOf({ hedge: { mostPrefillUsd: 0.000_001, mostPrefillShare: 0 } })),
    ],
    [
      'for a tenant whose work is batch work',
      () => late(60_000, worldOf(hedged, undefined, { tenants: { demo: { tier: 'batch' } } })),
    ],
  ]
  it.each(cases)('%s', async (_name, make, asked = {}) => {
    const host = make()
    await ask(host, { ...asked, headers: { 'x-switchyard-deadline-ms': '20000' } })
    expect(offsets(host).filter((ms) => ms > 0 && ms <= 5000)).toEqual([])
  })

  it('for a prompt that costs more than a cent there, unless that is little beside its answer', async () => {
    const prompt = 'word '.repeat(6000)
    const dear = late(60_000)
    await ask(dear, { body: { messages: [{ role: 'user', content: prompt }] } })
    expect(offsets(dear)[1] ?? Infinity).toBeGreaterThan(2000)
    const share = late(60_000, worldOf({ hedge: { mostPrefillShare: 0.9 } }))
    await ask(share, { body: { max_tokens: 4000, messages: [{ role: 'user', content: prompt }] } })
    expect(offsets(share)).toEqual([0, 2000])
  })

  it('while the retry bucket of its provider is half empty, and takes one of it otherwise', async () => {
    const host = late(60_000)
    const bucket = budgetOf(host.memory, 'backup')
    await ask(host)
    expect(bucket.tokens).toBeCloseTo(9.1)
    while (bucket.take());
    const again = hostOf(host.ports.runtime)
    Object.assign(again.ports, { memory: host.memory })
    again.on('openai', slowly(again, 3000)).on('backup', good)
    await ask(again)
    expect(again.asked).toEqual(['openai'])
  })

  it('when its bucket is empty: two to begin with, then one in fifty requests', async () => {
    const host = late(3000)
    for (let n = 0; n < 40; n++) await ask(host, { requestId: `req_${n}` })
    expect(host.asked.filter((name) => name === 'backup')).toHaveLength(2)
  })
})

describe('HedgeGate', () => {
  it('never lets more through than two and a fiftieth of the requests, nor twenty at once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ late: fc.boolean(), afterMs: fc.nat(2000) }), { maxLength: 3000 }),
        (requests) => {
          const gate = new HedgeGate()
          let nowMs = 1_000_000
          let taken = 0
          for (const [index, { late: isLate, afterMs }] of requests.entries()) {
            nowMs += afterMs
            gate.eligible(nowMs)
            if (isLate && gate.take(nowMs)) taken += 1
            if (taken > 2 + 0.02 * (index + 1) + 1e-6) return false
          }
          return true
        },
      ),
      { seed: 61, verbose: 1, numRuns: 200 },
    )
    const saved = new HedgeGate()
    for (let n = 0; n < 100_000; n++) saved.eligible(n)
    let burst = 0
    while (burst < 100 && saved.take(100_000)) burst += 1
    expect(burst).toBe(20)
  })

  it('stops while more than a tenth of thirty seconds is late, and goes on when that is over', () => {
    const gate = new HedgeGate()
    for (let n = 0; n < 1000; n++) gate.eligible(0)
    for (let n = 0; n < 100; n++) gate.take(1000)
    expect(gate.isSystemic(1000)).toBe(false)
    gate.take(1000)
    expect(gate.isSystemic(1000)).toBe(true)
    for (let n = 0; n < 1000; n++) gate.eligible(29_000)
    expect(gate.isSystemic(29_000)).toBe(false)
    for (let n = 0; n < 200; n++) gate.take(29_500)
    expect(gate.take(29_999)).toBe(false)
    // What came in the meantime has filled the bucket, and it helps nothing.
    for (let n = 0; n < 100; n++) gate.eligible(29_999)
    expect(gate.take(29_999)).toBe(false)
    expect(gate.isSystemic(60_001)).toBe(false)
    for (let n = 0; n < 100; n++) gate.eligible(70_000)
    expect(gate.take(70_000)).toBe(true)
  })
})
