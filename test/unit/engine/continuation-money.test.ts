import { describe, expect, it } from 'vitest'
import { breaking, breaks, message } from '../../support/breaking-streams.ts'
import { ask, dataOf, hostOf, textOf, withStreams, worldOf } from '../../support/parallel-world.ts'
import { budget, helloTokens, inPrice, n, outPrice, Town, worstOf } from '../edge/ledger/support.ts'

withStreams()

const tiers = [['gpt-4.1@openai'], ['claude-sonnet-4-5@anthropic']]
const asked = { headers: { 'x-switchyard-resume': 'continue' }, body: { max_tokens: 1000 } }
/** 20 tokens in at 3,000 n$ and 5 out at 15,000, as the second provider counts. */
const rest = 20 * 3000 + 5 * 15_000
const worst = worstOf(1000)
/** What had come, and 256 tokens that may have been on their way. */
const seen = helloTokens * inPrice + ('The cat sat on'.length + 256) * outPrice

function world(capNanoUsd = 1e12) {
  const town = new Town({ budgets: [budget('b', { capNanoUsd: n(capNanoUsd) })] })
  const host = hostOf(worldOf({}, tiers), town.isolate().money(), town.clock)
  return { town, host }
}

async function expectBooked(town: Town, amounts: readonly number[]): Promise<void> {
  await town.settle()
  expect(town.openLeases).toBe(0)
  expect(town.lines.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual(amounts)
  const sum = amounts.reduce((total, amount) => total + amount, 0)
  expect(town.account).toEqual({ charged: sum, posted: sum, lost: 0 })
}

describe('the money of an answer of two parts', () => {
  it.each(breaks)('is a line for each of both calls after a %s', async (how) => {
    const { town, host } = world()
    host.on('openai', breaking(how, 'The cat ', 'sat on')).on('anthropic', message([' the mat.']))
    const { text } = await ask(host, asked)
    expect(textOf(text)).toBe('The cat sat on the mat.')
    // Only what we broke off ourselves is known to have stopped; the rest may have been made to its end.
    await expectBooked(town, [how === 'stall' ? seen : worst, rest])
    expect(
      town.lines.map(({ attemptId, target, outcome }) => [attemptId, target, outcome]),
    ).toEqual([
      ['req_1.1', 'gpt-4.1@openai', expect.not.stringMatching('ok')],
      ['req_1.2', 'claude-sonnet-4-5@anthropic', 'ok'],
    ])
  })

  it('has a line of the second call that says whose answer it goes on with, and how', async () => {
    const { town, host } = world()
    host.on('openai', breaking('reset', 'The cat ')).on('anthropic', message(['sat.']))
    await ask(host, asked)
    await town.settle()
    const [first, second] = town.lines
    expect(first).not.toHaveProperty('continues')
    expect(first?.reason).not.toContain('goes on')
    expect(second?.continues).toEqual({
      from: 'gpt-4.1@openai',
      because: 'truncated',
      mode: 'prefill',
    })
    expect(second?.reason).toMatch(
      /^goes on with the answer of gpt-4\.1@openai \(truncated\), handed its beginning; /,
    )
  })

  it.each([
    ['at all', 1_000_000],
    ['whole', 5_000_000],
  ])(
    'ends honestly where the rest cannot be paid for %s, and costs the first part',
    async (_how, left) => {
      const { town, host } = world(worst + left)
      host.on('openai', breaking('truncate', 'The cat ')).on('anthropic', message(['sat.']))
      const { text } = await ask(host, asked)
      expect(host.asked).toEqual(['openai'])
      expect(dataOf(text).at(-1)?.error?.code).toBe('upstream_interrupted')
      await expectBooked(town, [worst])
    },
  )

  it('is settled for both when the client leaves in the second part', async () => {
    const { town, host } = world()
    host.on('openai', breaking('truncate', 'The cat ')).on('anthropic', (call, number) => {
      host.clock.after(100, () => host.leave())
      return breaking('stall', 'unread')(call, number)
    })
    await ask(host, asked)
    await town.settle()
    expect(town.lines).toHaveLength(2)
    expect(town.openLeases).toBe(0)
    const { charged, posted } = town.account
    expect(charged).toBe(posted)
  })
})
