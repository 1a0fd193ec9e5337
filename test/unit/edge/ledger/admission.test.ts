import { beforeAll, describe, expect, it } from 'vitest'
import type { BudgetRow, LimitRow } from '../../../../durable-objects/tenant-ledger/rows.ts'
import {
  type FakeHost,
  json,
  refusing,
  upstreamSecret,
  wholeAnswer,
} from '../../../support/fake-host.ts'
import {
  answerCost,
  admissionAsk,
  budget,
  codeOf,
  demo,
  type Isolate,
  n,
  relayed,
  Town,
  worstOf,
} from './support.ts'

beforeAll(() => {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

const soft = (more: Partial<BudgetRow> = {}): BudgetRow =>
  budget('s', { mode: 'soft', capNanoUsd: n(1e12), ...more })

function answering(isolate: Isolate): FakeHost {
  const host = isolate.host()
  for (const provider of ['openai', 'backup', 'api.groq.com', 'third'])
    host.on(provider, json(wholeAnswer))
  return host
}

/** The limit of the answer as the provider got it. */
function limitIn(host: FakeHost, call = 0): unknown {
  const body = host.calls[call]?.body as Record<string, unknown> | undefined
  return body?.['max_completion_tokens'] ?? body?.['max_tokens']
}

async function warm(town: Town, isolate: Isolate, seconds = 6): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (let request = 0; request < 4; request += 1) await isolate.ask(answering(isolate))
    await town.clock.advance(1000)
  }
}

describe('before anything is sent', () => {
  it('its worst case is charged', async () => {
    const town = new Town()
    const isolate = town.isolate()
    let chargedWhenSent = -1
    const host = isolate.host().on('openai', () => {
      chargedWhenSent = town.account.charged
      return Response.json(wholeAnswer)
    })
    await isolate.ask(host)
    expect(chargedWhenSent).toBe(worstOf(100))
  })

  it('every further call of the request has set its own aside', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const charged: number[] = []
    const host = isolate.host()
    host.on('openai', (call, number) => {
      charged.push(town.account.charged)
      return refusing(503)(call, number)
    })
    host.on('backup', () => {
      charged.push(town.account.charged)
      return Response.json(wholeAnswer)
    })
    await isolate.ask(host)
    // What the first cost is told with the ask of the second, so it is not set aside twice.
    expect(charged).toEqual([worstOf(100), worstOf(100)])
    await town.settle()
    expect(town.lines).toHaveLength(2)
    expect(new Set(town.lines.map(({ attemptId }) => attemptId)).size).toBe(2)
  })
})

describe('an attempt that is denied sends nothing, and says why', () => {
  const limit = (more: Partial<LimitRow>): LimitRow => ({
    id: 'l',
    scope: 'tenant',
    kind: 'requests',
    limit: 1,
    windowMs: 60_000,
    ...more,
  })

  it('402, where the budget is spent, with the day on which it is there again', async () => {
    const hour = budget('b', { period: 'hour', capNanoUsd: n(10) })
    const town = new Town({ budgets: [hour] })
    const isolate = town.isolate()
    const host = answering(isolate)
    const answer = await isolate.ask(host)
    expect(answer.status).toBe(402)
    expect(codeOf(answer)).toBe('budget_exceeded')
    expect(host.calls).toHaveLength(0)
    const leftMs = 3_600_000 - (town.clock.nowMs % 3_600_000)
    expect(answer.headers.get('retry-after')).toBe(String(Math.ceil(leftMs / 1000)))
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(answer.headers.get('x-switchyard-budget-remaining-usd')).toBe('0.00000001')
    expect(host.records).toMatchObject([{ ending: 'refused', attempts: [] }])
    await town.settle()
    expect(town.lines).toEqual([])
  })

  it('402, where a budget is for good, without a time', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(10) })] })
    const answer = await town.isolate().ask(answering(town.isolate()))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([402, null])
  })

  it('402, where calls that run hold what is left, with a time', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(worstOf(150)) })] })
    const isolate = town.isolate()
    const first = isolate.money().admit(admissionAsk(town))
    const held = await town.clock.run(Promise.resolve(first))
    expect(held.kind).toBe('admitted')
    const answer = await isolate.ask(answering(isolate))
    expect(answer.status).toBe(402)
    expect(codeOf(answer)).toBe('budget_exceeded')
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.text).toContain('held by calls that run')
  })

  it('402, where a threshold blocks, and no other target is asked', async () => {
    const blocking = { thresholds: [{ basisPoints: 0, action: 'block' as const }] }
    const town = new Town({ budgets: [soft(blocking)] })
    const isolate = town.isolate()
    const answer = await isolate.ask(answering(isolate))
    expect([answer.status, codeOf(answer)]).toEqual([402, 'budget_exceeded'])
    expect(town.exchanges).toHaveLength(1)
  })

  it('429, where a rate is reached, with the time until it is not', async () => {
    const town = new Town({ limits: [limit({})] })
    const isolate = town.isolate()
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
    await town.clock.advance(30_000)
    const host = answering(isolate)
    const answer = await isolate.ask(host)
    expect([answer.status, codeOf(answer)]).toEqual([429, 'rate_limited'])
    expect(host.calls).toHaveLength(0)
    const afterS = Number(answer.headers.get('retry-after'))
    expect(answer.headers.get('x-ratelimit-remaining-requests')).toBe('0')
    await town.clock.advance((afterS - 1) * 1000)
    expect((await isolate.ask(answering(isolate))).status).toBe(429)
    await town.clock.advance(1000)
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
  })

  it('429, where a request is larger than its limit alone, and says that', async () => {
    const town = new Town({ limits: [limit({ kind: 'tokens', limit: 50 })] })
    const isolate = town.isolate()
    const answer = await isolate.ask(answering(isolate))
    expect(answer.status).toBe(429)
    expect(answer.text).toContain('smaller than this request alone')
  })

  it('an answer that nobody limits is not refused for how long it could be', async () => {
    const tokens = limit({ kind: 'tokens', limit: 10_000 })
    const town = new Town({ budgets: [soft()], limits: [tokens] })
    const isolate = town.isolate()
    const body = { max_tokens: undefined }
    expect((await isolate.ask(answering(isolate), { body })).status).toBe(200)
  })

  it('401, where the key is revoked; 402 where spending is frozen', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.take({ kind: 'kill', scope: 'key:k', reason: 'revoked' })
    town.take({ kind: 'kill', scope: 'key:f', reason: 'frozen' })
    const host = answering(isolate)
    const revoked = await isolate.ask(host)
    expect([revoked.status, codeOf(revoked)]).toEqual([401, 'key_revoked'])
    const caller = { ...demo, keyId: 'f' }
    const frozen = await isolate.ask(host, { caller })
    expect([frozen.status, codeOf(frozen)]).toEqual([402, 'budget_exceeded'])
    expect(host.calls).toHaveLength(0)
    const other = { ...demo, keyId: 'other' }
    expect((await isolate.ask(host, { caller: other })).status).toBe(200)
  })

  it('503, after a restore, with the time for which nothing is granted', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.take({ kind: 'restored', epoch: 7, journal: [], isComplete: false })
    const answer = await isolate.ask(answering(isolate))
    expect([answer.status, codeOf(answer)]).toEqual([503, 'ledger_unavailable'])
    expect(answer.headers.get('retry-after')).toBe('960')
  })

  it('is told inside the stream, where the response has begun', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(10) })] })
    const isolate = town.isolate()
    town.carry = async (deliver) => {
      await new Promise<void>((resolve) => town.clock.after(1500, resolve))
      return deliver()
    }
    const host = answering(isolate)
    const body = { ...relayed.body, model: 'quick' }
    const answer = await isolate.ask(host, { body })
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('budget_exceeded')
    expect(answer.text).not.toContain('[DONE]')
    expect(host.calls).toHaveLength(0)
  })
})

describe('a model without a price', () => {
  it('is refused, and nobody is asked', async () => {
    const town = new Town({ budgets: [] })
    const isolate = town.isolate()
    const host = answering(isolate)
    const answer = await isolate.ask(host, { body: { model: 'unpriced' } })
    expect([answer.status, codeOf(answer)]).toEqual([402, 'unpriced_model'])
    expect(answer.text).toContain('m@third')
    expect(host.calls).toHaveLength(0)
    expect(town.exchanges).toHaveLength(0)
  })

  it('is passed over, where another target has one', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = answering(isolate)
    expect((await isolate.ask(host, { body: { model: 'dear' } })).status).toBe(200)
    expect(host.asked).toEqual(['backup'])
  })

  it('is another thing than one that costs nothing, which no spent budget stops', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(0) })] })
    const isolate = town.isolate()
    const host = answering(isolate)
    host.on('third.example', json(wholeAnswer))
    const body = { model: 'own', max_tokens: undefined }
    expect((await isolate.ask(host, { body })).status).toBe(200)
    expect(limitIn(host)).toBeUndefined()
    await town.settle()
    expect(town.lines).toMatchObject([{ amountNanoUsd: 0 }])
  })
})

describe('the limit of an answer', () => {
  it('is sent where a budget is hard, because it is what the money is for', async () => {
    const town = new Town()
    const isolate = town.isolate()
    for (const [asked, sent] of [
      [undefined, 4096],
      [777, 777],
      [99_999, 32_768],
    ]) {
      const host = answering(isolate)
      const { headers } = await isolate.ask(host, { body: { max_tokens: asked } })
      expect(limitIn(host)).toBe(sent)
      expect(headers.get('x-switchyard-degraded')).toBeNull()
    }
  })

  it('is what can be paid for, and the answer says that it is shorter', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(worstOf(500)) })] })
    const isolate = town.isolate()
    const host = answering(isolate)
    const { status, headers } = await isolate.ask(host, { body: { max_tokens: 2000 } })
    expect(status).toBe(200)
    expect(limitIn(host)).toBe(500)
    expect(headers.get('x-switchyard-degraded')).toBe('shorter')
  })

  it('is the caller’s own where no budget is hard, or there is none', async () => {
    for (const budgets of [[soft()], []]) {
      const town = new Town({ budgets })
      const isolate = town.isolate()
      for (const asked of [undefined, 777]) {
        const host = answering(isolate)
        await isolate.ask(host, { body: { max_tokens: asked } })
        expect(limitIn(host)).toBe(asked)
      }
    }
  })

  it('of a soft budget is set aside as the model can be, so that no answer is an overrun', async () => {
    const town = new Town({ budgets: [soft()] })
    const isolate = town.isolate()
    const host = answering(isolate)
    await isolate.ask(host, { body: { max_tokens: undefined } })
    await town.settle()
    expect(town.lines).toMatchObject([{ worstNanoUsd: worstOf(32_768) }])
    expect([town.openLeases, isolate.state().leases.size]).toEqual([0, 0])
    // It was known only when the ledger had spoken; from then on it is asked for at once.
    expect(town.exchanges.flatMap(({ asks }) => asks)).toHaveLength(2)
    await isolate.ask(answering(isolate), { body: { max_tokens: undefined } })
    expect(town.exchanges.flatMap(({ asks }) => asks)).toHaveLength(3)
  })

  it('is bounded for a strict tenant, also where all budgets are soft', async () => {
    const town = new Town({ budgets: [soft()] })
    const isolate = town.isolate()
    const host = answering(isolate)
    const caller = { ...demo, profile: profileOf({ isStrict: true }) }
    await isolate.ask(host, { body: { max_tokens: undefined }, caller })
    expect(limitIn(host)).toBe(4096)
  })

  it('is held for only as far as it is hard: a first request takes nothing that others need', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(worstOf(4096) * 3) })] })
    const isolate = town.isolate()
    const ask = admissionAsk(town, { asked: {} })
    const all = Promise.all([1, 2, 3].map(() => isolate.money().admit(ask)))
    const admissions = await town.clock.run(all)
    expect(admissions.map(({ kind }) => kind)).toEqual(['admitted', 'admitted', 'admitted'])
  })
})

describe('a threshold', () => {
  const crossed = (action: 'clamp' | 'degrade') => ({
    thresholds: [{ basisPoints: 0, action }],
  })

  it.each([
    ['hard', budget('b', { capNanoUsd: n(1e12), ...crossed('clamp') })],
    ['soft', soft(crossed('clamp'))],
  ])('that clamps makes answers short, and says so: %s', async (_mode, row) => {
    const town = new Town({ budgets: [row] })
    const isolate = town.isolate()
    for (const [asked, sent, isShorter] of [
      [undefined, 1024, true],
      [5000, 1024, true],
      [1024, 1024, false],
      [60, 60, false],
    ] as const) {
      const host = answering(isolate)
      const { headers } = await isolate.ask(host, { body: { max_tokens: asked } })
      expect(limitIn(host)).toBe(sent)
      expect(headers.get('x-switchyard-degraded')).toBe(isShorter ? 'shorter' : null)
    }
  })

  it('that is crossed is kept by the very next call, which hears of it with its money', async () => {
    const thresholds = [{ basisPoints: 1, action: 'clamp' as const }]
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(1e9), thresholds })] })
    const isolate = town.isolate()
    const limits: unknown[] = []
    for (let request = 0; request < 5; request += 1) {
      const host = answering(isolate)
      await isolate.ask(host, { body: { max_tokens: 5000 } })
      limits.push(limitIn(host))
    }
    // A ten-thousandth of the cap is spent with the third.
    expect(limits).toEqual([5000, 5000, 5000, 1024, 1024])
  })

  it('that degrades is told before a request is planned, as far as it is known, and nobody waits', async () => {
    const town = new Town({ budgets: [soft(crossed('degrade'))] })
    const isolate = town.isolate()
    const payer = { caller: demo, route: 'chat', tags: {} }
    expect(isolate.money().asksToDegrade(payer)).toBe(false)
    const host = answering(isolate)
    await isolate.ask(host)
    expect(limitIn(host)).toBe(100)
    expect(isolate.money().asksToDegrade(payer)).toBe(true)
    expect(isolate.money().asksToDegrade({ ...payer, route: 'groq' })).toBe(false)
    expect(town.exchanges).toHaveLength(1)
  })
})

describe('credit', () => {
  it('is asked for one by one while an isolate is cold', async () => {
    const town = new Town()
    const isolate = town.isolate()
    for (let request = 0; request < 3; request += 1) {
      await isolate.ask(answering(isolate))
      await town.clock.advance(10_000)
    }
    const kinds = town.exchanges.flatMap(({ asks }) => asks.map(({ kind }) => kind))
    expect(kinds).toEqual(['hold', 'hold', 'hold'])
  })

  it('is here for steady traffic, which never waits', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await warm(town, isolate)
    for (let request = 0; request < 200; request += 1) {
      const money = isolate.money()
      const admission = money.admit(admissionAsk(town))
      expect(admission).not.toBeInstanceOf(Promise)
      expect(money.waitedMs).toBe(0)
      if (admission instanceof Promise || admission.kind !== 'admitted') throw new Error('denied')
      expect(admission.maxOutputTokens).toBe(100)
      admission.account.settle({ ending: 'rejected', receivedBytes: 0 })
      await town.clock.advance(250)
    }
    await town.settle()
    expect(town.account.posted).toBe(24 * answerCost)
    expect(town.openLeases).toBe(0)
  })

  it('is asked for one by one near the cap, and all of it can be spent', async () => {
    const cap = 40 * answerCost
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(cap) })] })
    const isolate = town.isolate()
    let answered = 0
    for (let request = 0; request < 60; request += 1) {
      const { status } = await isolate.ask(answering(isolate), { body: { max_tokens: 3 } })
      if (status === 200) answered += 1
      await town.clock.advance(20)
    }
    // The worst case of an answer is two thirds more than it costs, and what is left over is no use to anybody.
    expect(cap - answered * answerCost).toBeLessThan(worstOf(3))
  })

  it('that lies here and is too little goes back when it is what is missing', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(worstOf(100) * 40) })] })
    const isolate = town.isolate()
    await warm(town, isolate)
    const admit = (of: Isolate, maxOutputTokens: number) =>
      town.clock.run(
        Promise.resolve(of.money().admit(admissionAsk(town, { asked: { maxOutputTokens } }))),
      )
    // Another isolate holds all that is left at the ledger.
    expect((await admit(town.isolate('other'), 30_000)).kind).toBe('admitted')
    const free = [...isolate.state().slices.values()]
      .flat()
      .reduce((sum, { grantNanoUsd, spentNanoUsd }) => sum + grantNanoUsd - spentNanoUsd, 0)
    const given = await admit(isolate, 30_000)
    // A shorter answer, for all that lay here.
    expect(given).toMatchObject({ kind: 'admitted', isShorter: true })
    expect(given.kind === 'admitted' && given.maxOutputTokens).toBe(
      Math.floor((free - worstOf(0)) / 8000),
    )
  })

  it('settles with the ask that needs it: what a call left over pays for the next one at once', async () => {
    const cap = worstOf(100) + answerCost
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(cap) })] })
    const isolate = town.isolate()
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
    const host = answering(isolate)
    expect((await isolate.ask(host)).status).toBe(200)
    expect(limitIn(host)).toBe(100)
  })
})

describe('a line', () => {
  it('says whose call it was, why it went there, how it ended and how long it took', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', refusing(429, { message: upstreamSecret }))
    host.on('backup', async () => {
      await new Promise<void>((resolve) => town.clock.after(700, resolve))
      return Response.json(wholeAnswer)
    })
    await isolate.ask(host, { headers: { 'x-switchyard-tags': 'feature=search' } })
    await town.settle()
    const common = { requestId: 'req_1', route: 'chat', keyId: 'k', tags: { feature: 'search' } }
    expect(town.lines).toMatchObject([
      {
        ...common,
        attemptId: 'req_1.1',
        target: 'gpt-4.1@openai',
        outcome: 'rate_limited',
        status: 429,
      },
      {
        ...common,
        attemptId: 'req_1.2',
        target: 'gpt-4.1@backup',
        servedModel: 'm',
        outcome: 'ok',
        status: 200,
        durationMs: 700,
        usage: { inputTokens: 10, outputTokens: 2 },
      },
    ])
    for (const { reason } of town.lines) expect(reason).toMatch(/tier/)
    expect(JSON.stringify(town.lines)).not.toContain(upstreamSecret)
    expect(JSON.stringify(town.lines)).not.toContain('Hello')
  })

  it('holds no more of a text than the ledger takes', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json({ ...wholeAnswer, model: 'm'.repeat(9000) }))
    await isolate.ask(host)
    await town.settle()
    expect(town.lines[0]?.servedModel).toHaveLength(512)
  })
})

function profileOf(more: { readonly isStrict: boolean }) {
  return {
    tenantId: 'demo',
    keyId: 'k',
    keyPath: ['k'],
    grant: {
      team: null,
      routes: null,
      models: null,
      operations: null,
      regions: null,
      environments: null,
      tags: {},
    },
    residency: null,
    tier: null,
    storesAnswers: true,
    requiredTags: [],
    validForMs: 30_000,
    ...more,
  } as unknown as NonNullable<typeof demo.profile>
}
