import { beforeAll, describe, expect, it } from 'vitest'
import type { ExchangeReply } from '../../../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetRow } from '../../../../durable-objects/tenant-ledger/rows.ts'
import { type FakeHost, json, wholeAnswer } from '../../../support/fake-host.ts'
import {
  admissionAsk,
  answerCost,
  budget,
  codeOf,
  demo,
  helloTokens,
  inPrice,
  type Isolate,
  n,
  outPrice,
  Town,
  worstOf,
} from './support.ts'

beforeAll(() => {
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

const worst = worstOf(100)

function answering(isolate: Isolate): FakeHost {
  return isolate.host().on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
}

/** Soft, and open for so many worst cases without the ledger. */
function soft(failOpen: number, more: Partial<BudgetRow> = {}): BudgetRow {
  return budget('b', {
    mode: 'soft',
    capNanoUsd: n(1e12),
    failOpenNanoUsd: n(failOpen * worst),
    ...more,
  })
}

function later(town: Town, delayMs: number): Promise<void> {
  return new Promise((resolve) => void town.clock.after(delayMs, resolve))
}

async function warm(town: Town, isolate: Isolate, seconds = 6): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (let request = 0; request < 4; request += 1) await isolate.ask(answering(isolate))
    await town.clock.advance(1000)
  }
}

describe('a ledger that is away', () => {
  it('stops a hard budget: 503, nobody is asked, and not later than the second try', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.carry = () => new Promise(() => undefined)
    const startedMs = town.clock.nowMs
    const host = answering(isolate)
    const answer = await isolate.ask(host)
    expect([answer.status, codeOf(answer)]).toEqual([503, 'ledger_unavailable'])
    expect(answer.headers.get('retry-after')).toBe('2')
    expect(answer.headers.get('x-should-retry')).toBe('false')
    expect(host.calls).toHaveLength(0)
    expect(town.clock.nowMs - startedMs).toBe(4000)
    expect(answer.headers.get('server-timing')).toContain('admit;dur=4000')
  })

  it('is not waited for beyond the deadline of the request', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.carry = () => new Promise(() => undefined)
    const startedMs = town.clock.nowMs
    const host = answering(isolate)
    const answer = await isolate.ask(host, { headers: { 'x-switchyard-deadline-ms': '700' } })
    expect(answer.status).toBe(503)
    expect(host.calls).toHaveLength(0)
    expect(town.clock.nowMs - startedMs).toBe(700)
  })

  it('is asked a second time, for the same hold', async () => {
    const town = new Town()
    const isolate = town.isolate()
    let calls = 0
    town.carry = async (deliver) => {
      calls += 1
      if (calls === 1) throw new Error('the object was restarted')
      return deliver()
    }
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
    const asks = town.exchanges.flatMap(({ asks }) => asks)
    expect(new Set(asks.map(({ askId }) => askId)).size).toBe(1)
    await town.settle()
    expect(town.account).toEqual({ charged: answerCost, posted: answerCost, lost: 0 })
  })

  it('leaves steady traffic its credit, for as long as that is good, and then stops it', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await warm(town, isolate)
    town.cut()
    const from = town.clock.nowMs
    let lastAnsweredMs = 0
    for (let second = 0; second < 60; second += 1) {
      const { status } = await isolate.ask(answering(isolate), { body: { max_tokens: 3 } })
      if (status === 200) lastAnsweredMs = town.clock.nowMs - from
      await town.clock.advance(1000)
    }
    expect(lastAnsweredMs).toBeGreaterThan(5000)
    // Nobody has said for half a minute that nobody was revoked.
    expect(lastAnsweredMs).toBeLessThanOrEqual(30_000)
    town.heal()
    await town.settle()
    const { charged, posted, lost } = town.account
    expect([posted, lost]).toEqual([charged, 0])
  })

  it('lets soft budgets go on for as much as they allow, and books it when it is back', async () => {
    const town = new Town({ budgets: [soft(3)] })
    const isolate = town.isolate()
    await isolate.ask(answering(isolate))
    await town.settle()
    town.cut()
    // Unanswered: all that was set aside stays taken, up to three worst cases.
    const unanswered = () => isolate.host().on('openai', () => Promise.reject(new Error('broken')))
    const body = { model: 'gpt-4.1@openai' }
    const statuses: number[] = []
    for (let request = 0; request < 3; request += 1) {
      const { status } = await isolate.ask(unanswered(), { body })
      statuses.push(status)
    }
    // Each broken call is made twice.
    expect(statuses).toEqual([502, 502, 503])
    town.heal()
    await town.clock.advance(5000)
    expect(town.lines.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual([
      answerCost,
      worst,
      worst,
      worst,
    ])
    // What is booked is allowed again.
    town.cut()
    const more = answering(isolate)
    expect((await isolate.ask(more)).status).toBe(200)
    expect(more.calls).toHaveLength(1)
    town.heal()
    await town.settle()
    expect(town.account.posted).toBe(2 * answerCost + 3 * worst)
    expect(isolate.state().bookings.size).toBe(0)
  })

  it('gives the allowance back where nothing was sent', async () => {
    const town = new Town({ budgets: [soft(1)] })
    const isolate = town.isolate()
    await isolate.ask(answering(isolate))
    await town.settle()
    town.carry = () => new Promise(() => undefined)
    const host = answering(isolate)
    const requesting = isolate.request(host)
    await town.clock.advance(100)
    host.leave()
    expect((await town.clock.run(requesting)).status).toBe(499)
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
  })

  it('books what it let through although no request comes after', async () => {
    const town = new Town({ budgets: [soft(3)] })
    const isolate = town.isolate()
    await isolate.ask(answering(isolate))
    await town.settle()
    town.cut()
    // It takes longer than the errand of its admission.
    const host = isolate.host().on('openai', async () => {
      await later(town, 40_000)
      return Response.json(wholeAnswer)
    })
    const requesting = isolate.request(host)
    await town.clock.advance(30_000)
    town.heal()
    expect((await town.clock.run(requesting)).status).toBe(200)
    await town.settle()
    expect(town.account.posted).toBe(2 * answerCost)
  })

  it('stops whoever it has never spoken of, and whoever it has stopped', async () => {
    const blocked = { thresholds: [{ basisPoints: 1, action: 'block' as const }] }
    const town = new Town({ budgets: [soft(3, { capNanoUsd: n(1e6), ...blocked })] })
    const cold = town.isolate('cold')
    const stopped = town.isolate('stopped')
    expect((await stopped.ask(answering(stopped))).status).toBe(200)
    await town.settle()
    expect((await stopped.ask(answering(stopped))).status).toBe(402)
    town.cut()
    for (const isolate of [cold, stopped]) {
      const host = answering(isolate)
      expect((await isolate.ask(host)).status).toBe(503)
      expect(host.calls).toHaveLength(0)
    }
  })

  it('makes answers no longer than they were: what a threshold clamped stays clamped', async () => {
    const clamped = { thresholds: [{ basisPoints: 0, action: 'clamp' as const }] }
    const town = new Town({ budgets: [soft(100, clamped)] })
    const isolate = town.isolate()
    await isolate.ask(answering(isolate))
    await town.settle()
    town.cut()
    const host = answering(isolate)
    const { headers } = await isolate.ask(host, { body: { max_tokens: 5000 } })
    expect(host.calls[0]?.body).toMatchObject({ max_completion_tokens: 1024 })
    expect(headers.get('x-switchyard-degraded')).toBe('shorter')
  })
})

describe('a reply', () => {
  it('that comes after its request has given up gives everything back', async () => {
    const town = new Town()
    const isolate = town.isolate()
    town.carry = async (deliver) => {
      await later(town, 5000)
      return deliver()
    }
    const host = answering(isolate)
    expect((await isolate.ask(host)).status).toBe(503)
    expect(host.calls).toHaveLength(0)
    town.heal()
    await town.settle(120_000)
    expect(town.account).toEqual({ charged: 0, posted: 0, lost: 0 })
    expect(town.openLeases).toBe(0)
  })

  it('of the first try that comes during the second is taken at once', async () => {
    const town = new Town()
    const isolate = town.isolate()
    let calls = 0
    town.carry = async (deliver) => {
      calls += 1
      await later(town, calls === 1 ? 2300 : 60_000)
      return deliver()
    }
    const startedMs = town.clock.nowMs
    const host = answering(isolate)
    expect((await isolate.ask(host)).status).toBe(200)
    expect((host.calls[0]?.atMs ?? 0) - startedMs).toBe(2300)
  })

  it('that is lost, or comes twice, changes nothing in the end', async () => {
    const town = new Town()
    const isolate = town.isolate()
    let calls = 0
    let before: ExchangeReply | null = null
    town.carry = async (deliver) => {
      calls += 1
      const reply = deliver()
      // Every third reply is lost; every other is that of the exchange before.
      if (calls % 3 === 0) throw new Error('lost')
      const doubled = before
      before = reply
      return calls % 2 === 0 && doubled !== null
        ? { ...reply, answers: [...reply.answers, ...doubled.answers] }
        : reply
    }
    let answered = 0
    for (let request = 0; request < 40; request += 1) {
      if ((await isolate.ask(answering(isolate))).status === 200) answered += 1
      await town.clock.advance(300)
    }
    town.heal()
    await town.settle(120_000)
    expect(answered).toBeGreaterThan(30)
    expect(town.account).toEqual({
      charged: answered * answerCost,
      posted: answered * answerCost,
      lost: 0,
    })
    expect(town.openLeases).toBe(0)
  })

  it('that was overtaken by a change of budgets teaches nothing: a new budget is counted in', async () => {
    const old = budget('b', { capNanoUsd: n(1e12) })
    const town = new Town({ budgets: [old] })
    const isolate = town.isolate()
    let calls = 0
    town.carry = async (deliver) => {
      calls += 1
      const reply = deliver()
      if (calls === 1) await later(town, 1500)
      return reply
    }
    const slow = isolate.request(answering(isolate))
    await town.clock.advance(100)
    const ofKey = budget('k', { scope: 'key:k', capNanoUsd: n(worst) })
    town.take({ kind: 'configure', budgets: [old, ofKey], limits: [] })
    expect(
      (await isolate.ask(answering(isolate), { caller: { ...demo, keyId: 'other' } })).status,
    ).toBe(200)
    await town.clock.run(slow)
    await warm(town, isolate, 4)
    await town.settle()
    const account = town.ledger.account('k')
    expect(account.chargedNanoUsd).toBeLessThanOrEqual(worst)
    expect(account.chargedNanoUsd).toBeGreaterThan(0)
  })

  it.each([
    ['a new isolate', false],
    ['one that knows its ledger', true],
  ])(
    'to an ask that was answered before the budgets changed is not taken for one of after: %s',
    async (_what, isWarm) => {
      const old = budget('b', { capNanoUsd: n(1e12) })
      const town = new Town({ budgets: [old] })
      const isolate = town.isolate()
      if (isWarm) await isolate.ask(answering(isolate))
      const ofKey = budget('k', { scope: 'key:k', capNanoUsd: n(worst) })
      // The reply is lost; when the same hold is asked for again there is another budget, which it is not charged to.
      town.carry = async (deliver) => {
        deliver()
        town.take({ kind: 'configure', budgets: [old, ofKey], limits: [] })
        town.heal()
        throw new Error('lost')
      }
      expect((await isolate.ask(answering(isolate))).status).toBe(200)
      await warm(town, isolate, 4)
      await town.settle()
      const inAll = town.account.posted
      expect(town.ledger.account('k').chargedNanoUsd).toBeLessThanOrEqual(worst)
      // All but the call that was admitted before: the hold of old is given back, and asked for anew.
      const before = isWarm ? answerCost : 0
      expect(inAll - town.ledger.account('k').postedNanoUsd).toBe(before)
    },
  )

  it('of a revocation stops leases that are out with the next exchange', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await warm(town, isolate)
    expect((await isolate.ask(answering(isolate))).status).toBe(200)
    town.take({ kind: 'kill', scope: 'key:k', reason: 'revoked' })
    await town.clock.advance(1500)
    const host = answering(isolate)
    const answer = await isolate.ask(host)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'key_revoked'])
    expect(host.calls).toHaveLength(0)
  })

  it('that somebody else got of a revocation stops them at once', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await warm(town, isolate)
    town.take({ kind: 'kill', scope: 'key:k', reason: 'frozen' })
    isolate.book.sawKillVersion('demo', 3, town.clock.nowMs)
    isolate.book.sawKillVersion('nobody', 3, town.clock.nowMs)
    const host = answering(isolate)
    expect((await isolate.ask(host)).status).toBe(402)
    expect(host.calls).toHaveLength(0)
  })
})

describe('an isolate that dies', () => {
  it('strands its credit, which stays charged: nobody spends it a second time', async () => {
    const cap = worst * 200
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(cap) })] })
    const dying = town.isolate('dying')
    await warm(town, dying)
    const running = await town.clock.run(Promise.resolve(dying.money().admit(admissionAsk(town))))
    expect(running.kind).toBe('admitted')
    const dead = (exchange: { readonly holder: string }) => exchange.holder.startsWith('dying')
    town.carry = async (deliver, sent) => {
      if (dead(sent)) throw new Error('dead')
      return deliver()
    }
    const isolate = town.isolate('living')
    await town.clock.advance(1_000_000)
    town.take({ kind: 'tick' })
    const { lost } = town.account
    expect(lost).toBeGreaterThanOrEqual(worst)
    let spent = 0
    for (let request = 0; request < 2000; request += 1) {
      const asked = { maxOutputTokens: 100 }
      const admission = await town.clock.run(
        Promise.resolve(isolate.money().admit(admissionAsk(town, { asked }))),
      )
      if (admission.kind !== 'admitted') break
      const outputTokens = admission.maxOutputTokens ?? 0
      const usage = { inputTokens: helloTokens, outputTokens }
      admission.account.settle({ ending: 'complete', receivedBytes: 0, usage })
      spent += helloTokens * inPrice + outputTokens * outPrice
    }
    const before = 24 * answerCost
    expect(before + spent + lost).toBeLessThanOrEqual(cap)
    expect(before + spent + lost).toBeGreaterThan(cap - worstOf(64))
  })
})
