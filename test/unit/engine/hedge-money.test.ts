import { describe, expect, it } from 'vitest'
import { chunk, silence, streamed, streamEnd } from '../../support/fake-host.ts'
import { ask, hostOf, withStreams, worldOf } from '../../support/parallel-world.ts'
import {
  answerCost,
  budget,
  helloTokens,
  inPrice,
  n,
  outPrice,
  Town,
  worstOf,
} from '../edge/ledger/support.ts'

withStreams()

/** `max_tokens` of the requests here. */
const worst = worstOf(1000)
/** What a provider that stops billing with its client may have made before it noticed: the prompt, and 256 tokens. */
const stopped = Math.min(worst, helloTokens * inPrice + 256 * outPrice)
const long = { body: { max_tokens: 1000 } }
const good = streamed(chunk('Hello'), streamEnd)

function ready(tiers: readonly (readonly string[])[], capNanoUsd = 1e12) {
  const town = new Town({ budgets: [budget('b', { capNanoUsd: n(capNanoUsd) })] })
  const host = hostOf(worldOf({ hedge: {} }, tiers), town.isolate().money(), town.clock)
  return { town, host }
}

async function lines({ town }: { town: Town }): Promise<number[]> {
  await town.settle()
  expect(town.openLeases).toBe(0)
  const amounts = town.lines.map(({ amountNanoUsd }) => amountNanoUsd)
  const sum = amounts.reduce((total, amount) => total + amount, 0)
  expect(town.account).toEqual({ charged: sum, posted: sum, lost: 0 })
  return amounts.toSorted((a, b) => a - b)
}

describe('the money of a hedge', () => {
  it('pays for both: the answer as counted, the loser for what its provider may bill', async () => {
    const world = ready([['gpt-4.1@openai'], ['gpt-4.1@backup']])
    world.host.on('openai', silence).on('backup', good)
    await ask(world.host, long)
    expect(await lines(world)).toEqual([answerCost, stopped].toSorted((a, b) => a - b))
    expect(world.town.lines.map(({ attemptId }) => attemptId).toSorted()).toEqual([
      'req_1.1',
      'req_1.2',
    ])
  })

  it('pays the worst case of a loser whose provider goes on billing', async () => {
    const world = ready([['llama-3.3-70b-versatile@groq'], ['gpt-4.1@backup']])
    world.host.on('api.groq.com', silence).on('backup', good)
    await ask(world.host, long)
    const groq = helloTokens * 590 + 1000 * 790
    expect(await lines(world)).toEqual([groq, answerCost].toSorted((a, b) => a - b))
  })

  it.each([
    ['does not fit at all', worst + worstOf(10)],
    ['fits only as a shorter answer', worst + worstOf(800)],
  ])('sends nothing when its worst case %s', async (_name, capNanoUsd) => {
    const world = ready([['gpt-4.1@openai'], ['gpt-4.1@backup']], capNanoUsd)
    const { host } = world
    host.on('openai', async (call, number) => {
      await new Promise<void>((resolve) => void host.clock.after(4000, resolve))
      return good(call, number)
    })
    host.on('backup', good)
    const { status } = await ask(host, long)
    expect(status).toBe(200)
    expect(host.asked).toEqual(['openai'])
    expect(await lines(world)).toEqual([answerCost])
  })
})
