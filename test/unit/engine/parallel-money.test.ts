import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readAll } from '../../support/fake-host.ts'
import { begin, hostOf, withStreams, worldOf } from '../../support/parallel-world.ts'
import {
  BillingProvider,
  knownFates,
  type Script,
  unknownFates,
} from '../edge/ledger/billing-provider.ts'
import { budget, n, Town } from '../edge/ledger/support.ts'

withStreams()

const share = fc.integer({ min: 1, max: 100 })
const script: fc.Arbitrary<Script> = fc.record({
  fate: fc.constantFrom(...knownFates, ...unknownFates),
  inputShare: share,
  outputShare: share,
  delayMs: fc.oneof(fc.nat(3000), fc.constant(0)),
  pieces: fc.integer({ min: 1, max: 6 }),
})

const options = {
  hedge: { hedge: { unmeasuredDelayMs: 500 } },
  bestOf: { bestOf: { n: 3, pick: 'longest', patienceMs: 1000 } },
  quickest: { bestOf: { n: 4, pick: 'first-valid' } },
  resume: { resume: { userTurn: true } },
  all: { hedge: { unmeasuredDelayMs: 500 }, resume: { userTurn: true } },
} as const

const request = fc.record({
  option: fc.constantFrom(...(Object.keys(options) as (keyof typeof options)[])),
  isStream: fc.boolean(),
  resumes: fc.boolean(),
  maxTokens: fc.integer({ min: 1, max: 2000 }),
  leaveAfterMs: fc.option(fc.integer({ min: 1, max: 4000 }), { freq: 4 }),
  waitMs: fc.nat(2000),
})

const plan = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 8 }),
  scripts: fc.array(script, { minLength: 12, maxLength: 12 }),
  cap: fc.integer({ min: 1, max: 200 }).map((count) => count * 1_000_000),
})

type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never

/** Requests of a tenant on routes with all options, at providers that bill what they may and keep the true books. */
async function run({ requests, scripts, cap }: Plan) {
  const town = new Town({ budgets: [budget('b', { capNanoUsd: n(cap) })] })
  const isolate = town.isolate()
  const providers: BillingProvider[] = []
  const running: Promise<unknown>[] = []
  let drawn = 0
  const next = (): Script => {
    const one = scripts[drawn++ % scripts.length]
    if (one === undefined) throw new Error('no script')
    return one
  }
  for (const [index, one] of requests.entries()) {
    const { option, isStream, resumes, maxTokens, leaveAfterMs, waitMs } = one
    const runtime = worldOf({ ...options[option], timeouts: { idleTimeoutMs: 2000 } }, [
      ['gpt-4.1@openai'],
      ['gpt-4.1@backup'],
      ['llama-3.3-70b-versatile@groq'],
    ])
    const host = hostOf(runtime, isolate.money(), town.clock)
    // The catalog knows "backup" by its adapter, as OpenAI's.
    const own = [
      new BillingProvider(town, { input: 2000, output: 8000, stops: true }, next),
      new BillingProvider(town, { input: 2000, output: 8000, stops: true }, next),
      new BillingProvider(town, { input: 590, output: 790, stops: false }, next),
    ]
    providers.push(...own)
    for (const [at, name] of ['openai', 'backup', 'api.groq.com'].entries()) {
      const provider = own[at]
      if (provider !== undefined) host.on(name, provider.answer)
    }
    const answering = async () => {
      const response = await begin(host, {
        requestId: `req_${index}`,
        headers: resumes ? { 'x-switchyard-resume': 'continue' } : {},
        body: { stream: isStream, max_tokens: maxTokens },
      })
      if (response.body !== null) await readAll(response.body)
    }
    running.push(answering().catch(() => undefined))
    if (leaveAfterMs !== null) town.clock.after(leaveAfterMs, () => host.leave())
    await town.clock.advance(waitMs)
  }
  await town.settle(700_000)
  await Promise.all(running)
  const billed = providers.reduce((sum, provider) => sum + provider.billed, 0)
  const calls = providers.reduce((sum, provider) => sum + provider.calls, 0)
  return { town, billed, calls }
}

describe('the money of several calls for one request', () => {
  let severalCalls = 0

  it('S1: never more than the cap, never less than the bill, a line for each call, nothing held', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (drawn) => {
        const { town, billed, calls } = await run(drawn)
        const { charged, posted } = town.account
        expect(charged).toBeLessThanOrEqual(drawn.cap)
        expect(charged).toBeGreaterThanOrEqual(billed)
        expect(posted).toBe(charged)
        expect(town.openLeases).toBe(0)
        expect(new Set(town.lines.map(({ attemptId }) => attemptId)).size).toBe(town.lines.length)
        expect(town.lines).toHaveLength(calls)
        if (calls > drawn.requests.length) severalCalls += 1
      }),
      { seed: 74, numRuns: 120 },
    )
    // Otherwise it would prove nothing.
    expect(severalCalls).toBeGreaterThan(60)
  }, 120_000)
})
