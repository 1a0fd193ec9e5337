import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { runPlan, type RunResult } from '../../../../worker/engine/run-plan.ts'
import {
  type Answer,
  chatRequest,
  chunk,
  type FakeHost,
  json,
  plannedStep,
  silence,
  streaming,
  UpstreamBody,
  wholeAnswer,
} from '../../../support/fake-host.ts'
import {
  answerCost,
  budget,
  demo,
  helloTokens,
  inPrice,
  type Isolate,
  n,
  outPrice,
  Town,
  worstOf,
} from './support.ts'

const probe = plannedStep('gpt-4.1@openai', { probe: true })
const fallback = plannedStep('gpt-4.1@backup', { tier: 1 })
const armedAfterMs = 1000
const worst = worstOf(1000)

/** A probe of the first target, with the second armed. */
function running(
  isolate: Isolate,
  host: FakeHost,
  more: Partial<CanonicalRequest> = {},
): Promise<RunResult> {
  const begin = host.health.begin.bind(host.health)
  host.health.begin = (...given) =>
    Object.assign(begin(...given), { fallbackAfterMs: armedAfterMs })
  return runPlan(
    [probe, fallback],
    chatRequest({ maxOutputTokens: 1000, ...more }),
    {
      firstTokenTimeoutMs: 30_000,
      answerTimeoutMs: 60_000,
      deadlineAtMs: host.clock.nowMs + 600_000,
      maxAttempts: 3,
      promptTokens: 1,
      billing: { requestId: 'req_1', caller: demo, route: 'chat', tags: {} },
    },
    () => false,
    host.ports,
  )
}

function after(town: Town, delayMs: number, value: unknown): Answer {
  return async () => {
    await new Promise<void>((resolve) => void town.clock.after(delayMs, resolve))
    return Response.json(value)
  }
}

/** Whoever carries the answer settles it. */
function settleAnswer(result: RunResult): void {
  if (result.kind !== 'answered') throw new Error('nobody answered')
  const usage = { inputTokens: 10, outputTokens: 2 }
  result.account.settle({ ending: 'complete', usage, receivedBytes: 0 })
}

async function expectSettled(town: Town, isolate: Isolate, amounts: readonly number[]) {
  await town.settle()
  const sum = amounts.reduce((total, amount) => total + amount, 0)
  expect(town.lines.map(({ amountNanoUsd }) => amountNanoUsd).toSorted()).toEqual(
    [...amounts].sort(),
  )
  expect(town.account).toEqual({ charged: sum, posted: sum, lost: 0 })
  expect(town.openLeases).toBe(0)
  expect(isolate.state().leases.size).toBe(0)
}

describe('a probe that races its fallback', () => {
  it('has money of its own, and is paid for when it has lost', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', silence).on('backup', json(wholeAnswer))
    const result = await town.clock.run(running(isolate, host))
    expect(town.account.charged).toBe(2 * worst)
    settleAnswer(result)
    await expectSettled(town, isolate, [worst, answerCost])
    expect(town.lines.map(({ attemptId }) => attemptId).toSorted()).toEqual(['req_1.1', 'req_1.2'])
  })

  it('costs what it had made by then, when it answered in the same moment', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host()
    host.on('openai', after(town, 2000, wholeAnswer)).on('backup', after(town, 1000, wholeAnswer))
    const result = await town.clock.run(running(isolate, host))
    settleAnswer(result)
    const lost = town.lines.length
    expect(lost).toBe(0)
    await town.settle()
    // The loser is known exactly where its answer was there already.
    for (const { amountNanoUsd } of town.lines) expect([answerCost, worst]).toContain(amountNanoUsd)
    expect(town.lines).toHaveLength(2)
    expect(town.openLeases).toBe(0)
  })

  it('pays for every token of a stream that had begun when it lost', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const [slow, quick] = [new UpstreamBody(), new UpstreamBody()]
    const host = isolate.host().on('openai', streaming(slow)).on('backup', streaming(quick))
    const run = running(isolate, host, { stream: true })
    await town.clock.advance(armedAfterMs + 10)
    const long = 'x'.repeat(600)
    // Both have said something when the race is decided.
    slow.push(chunk(long))
    quick.push(chunk(long))
    settleAnswer(await town.clock.run(run))
    await town.settle()
    const amounts = town.lines.map(({ amountNanoUsd }) => amountNanoUsd)
    const seen = helloTokens * inPrice + (600 + 256) * outPrice
    expect(amounts).toHaveLength(2)
    expect(amounts).toContain(answerCost)
    expect(Math.max(...amounts)).toBe(seen)
  })

  it('sends nothing beside it when it answers while the money of its fallback is asked for', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host()
    host.on('openai', after(town, 1500, wholeAnswer)).on('backup', json(wholeAnswer))
    const run = running(isolate, host)
    await town.clock.advance(100)
    town.carry = async (deliver) => {
      await new Promise<void>((resolve) => void town.clock.after(1900, resolve))
      return deliver()
    }
    const startedMs = town.clock.nowMs - 100
    const result = await town.clock.run(run)
    // The caller does not wait for what nobody needs any more.
    expect(town.clock.nowMs - startedMs).toBe(1500)
    settleAnswer(result)
    town.heal()
    await expectSettled(town, isolate, [answerCost])
    expect(host.asked).toEqual(['openai'])
  })

  it('goes on alone when its fallback cannot be paid for', async () => {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(worst + worstOf(10)) })] })
    const isolate = town.isolate()
    const host = isolate.host()
    host.on('openai', after(town, 5000, wholeAnswer)).on('backup', json(wholeAnswer))
    settleAnswer(await town.clock.run(running(isolate, host)))
    expect(host.asked).toEqual(['openai'])
    await expectSettled(town, isolate, [answerCost])
  })

  it('leaves nothing held when one of both breaks in our own code', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', silence).on('backup', json(wholeAnswer))
    host.ports.memory.retryBudgets.get = () => {
      throw new Error('broken')
    }
    await expect(town.clock.run(running(isolate, host))).rejects.toThrow('broken')
    expect(host.calls.every(({ signal }) => signal.aborted)).toBe(true)
    await expectSettled(town, isolate, [worst, worst])
  })
})
