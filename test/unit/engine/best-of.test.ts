import { describe, expect, it } from 'vitest'
import type { CanonicalEvent } from '../../../worker/canonical/events.ts'
import { judge, pickOf, type Standing } from '../../../worker/engine/best-of-pick.ts'
import {
  type Answer,
  chatRequest,
  type FakeHost,
  json,
  refusing,
  silence,
  wholeAnswer,
} from '../../support/fake-host.ts'
import { ask, hostOf, textOf, withStreams, worldOf } from '../../support/parallel-world.ts'
import { answerCost, budget, n, Town, worstOf } from '../edge/ledger/support.ts'

withStreams()

const tiers = [['gpt-4.1@openai'], ['gpt-4.1@backup'], ['llama-3.3-70b-versatile@groq']]
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
}
const asksJson = {
  response_format: { type: 'json_schema', json_schema: { name: 'place', schema } },
}

function saying(text: string, finish = 'stop'): Answer {
  const message = { role: 'assistant', content: text }
  return json({ ...wholeAnswer, choices: [{ index: 0, message, finish_reason: finish }] })
}

function after(host: FakeHost, delayMs: number, answer: Answer): Answer {
  return async (call, number) => {
    await new Promise<void>((resolve) => void host.clock.after(delayMs, resolve))
    return answer(call, number)
  }
}

/** Three targets, each with what it says and after how many ms. */
function contest(
  bestOf: object,
  answers: readonly (readonly [string, number])[],
  more = {},
): FakeHost {
  const host = hostOf(worldOf({ bestOf, ...more }, tiers))
  for (const [index, name] of ['openai', 'backup', 'api.groq.com'].entries()) {
    const [text, delayMs] = answers[index] ?? ['', 0]
    host.on(name, after(host, delayMs, saying(text)))
  }
  return host
}

async function answered(host: FakeHost, body: object = {}): Promise<string> {
  const { text } = await ask(host, { body: { stream: false, ...body } })
  const { choices } = JSON.parse(text) as { choices: { message: { content: string } }[] }
  return choices[0]?.message.content ?? ''
}

describe('best-of', () => {
  it('asks all at once and takes the first valid answer, whoever gives it', async () => {
    const host = contest({ n: 3, pick: 'first-valid' }, [
      ['{"city":"Bern"}', 3000],
      ['no JSON', 100],
      ['{"city":"Basel"}', 200],
    ])
    expect(await answered(host, asksJson)).toBe('{"city":"Basel"}')
    expect(host.calls.map(({ atMs }) => atMs - (host.calls[0]?.atMs ?? 0))).toEqual([0, 0, 0])
    expect(host.calls[0]?.signal.aborted).toBe(true)
  })

  it('takes the first in order of the plan that keeps the schema', async () => {
    const host = contest({ n: 3, pick: 'schema' }, [
      ['{"town":"Bern"}', 100],
      ['{"city":"Basel"}', 900],
      ['{"city":"Genf"}', 200],
    ])
    expect(await answered(host, asksJson)).toBe('{"city":"Basel"}')
  })

  it('takes the longest', async () => {
    const host = contest({ n: 3, pick: 'longest' }, [
      ['short', 0],
      ['the longest of them', 50],
      ['longer', 10],
    ])
    expect(await answered(host)).toBe('the longest of them')
  })

  it('takes what most of them say, and waits for nobody who could not change that', async () => {
    const host = contest({ n: 3, pick: 'vote' }, [
      ['No', 30],
      ['yes', 10],
      [' Yes ', 20],
    ])
    expect(await answered(host)).toBe('yes')
    const decided = contest({ n: 3, pick: 'vote' }, [
      ['yes', 10],
      ['Yes', 20],
      ['no', 50_000],
    ])
    expect(await answered(decided)).toBe('yes')
    expect(decided.calls[2]?.signal.aborted).toBe(true)
    expect(decided.clock.nowMs - (decided.calls[0]?.atMs ?? 0)).toBeLessThan(1000)
  })

  it('waits no longer for others than the route has patience', async () => {
    const host = contest({ n: 3, pick: 'longest', patienceMs: 2000 }, [
      ['quick', 100],
      ['quicker', 50],
      ['slow but the longest', 50_000],
    ])
    expect(await answered(host)).toBe('quicker')
    expect(host.clock.nowMs - (host.calls[0]?.atMs ?? 0)).toBe(2050)
  })

  it('gives the first in order where none is valid, and says so', async () => {
    const host = contest({ n: 2, pick: 'first-valid' }, [
      ['one', 20],
      ['two', 10],
    ])
    const { text, headers } = await ask(host, { body: { stream: false, ...asksJson } })
    expect(text).toContain('one')
    expect(headers.get('x-switchyard-reason')).toContain('no answer was valid')
  })

  it('is answered by whoever is left when others fail, and fails when all do', async () => {
    const host = contest({ n: 3, pick: 'vote' }, [
      ['', 0],
      ['', 0],
      ['yes', 10],
    ])
    host.on('openai', refusing(500)).on('backup', refusing(429))
    expect(await answered(host)).toBe('yes')
    expect(host.records[0]?.attempts.map(({ outcome }) => outcome).toSorted()).toEqual([
      'ok',
      'rate_limited',
      'server_error',
    ])
    const dead = contest({ n: 3, pick: 'vote' }, [])
    for (const name of ['openai', 'backup', 'api.groq.com']) dead.on(name, refusing(500))
    expect((await ask(dead, { body: { stream: false } })).status).toBe(502)
    expect(dead.calls).toHaveLength(3)
  })

  it('asks the same target again where there are fewer than calls', async () => {
    const host = hostOf(worldOf({ bestOf: { n: 3, pick: 'vote' } }, [['gpt-4.1@openai']]))
    host.on('openai', (call, number) => saying(number === 1 ? 'a' : 'b')(call, number))
    expect(await answered(host)).toBe('b')
    expect(host.calls).toHaveLength(3)
  })

  it('streams the picked answer to a client that streams, with heartbeats while it waits', async () => {
    const host = contest({ n: 2, pick: 'longest' }, [
      ['short', 0],
      ['quite a bit longer', 9000],
    ])
    const { text, headers } = await ask(host, {
      body: { stream_options: { include_usage: true } },
    })
    expect(headers.get('content-type')).toContain('text/event-stream')
    expect(text.startsWith(':')).toBe(true)
    expect(textOf(text)).toBe('quite a bit longer')
    expect(text.split('data: [DONE]')).toHaveLength(2)
    for (const { body } of host.calls) expect(body).not.toMatchObject({ stream: true })
  })

  it('stops all of them for a client that leaves', async () => {
    const host = contest({ n: 3, pick: 'longest' }, [
      ['a', 4000],
      ['b', 5000],
      ['c', 6000],
    ])
    host.clock.after(1000, () => host.leave())
    await ask(host, { body: { stream: false } })
    expect(host.calls.map(({ signal }) => signal.aborted)).toEqual([true, true, true])
    expect(host.records[0]?.ending).toBe('client_gone')
  })

  it('is asked once where an answer of the provider may do something, or holds several', async () => {
    for (const body of [{ web_search_options: {} }, { n: 2 }]) {
      const host = contest({ n: 3, pick: 'longest' }, [['one', 0]])
      await ask(host, { body: { stream: false, ...body } })
      expect(host.calls).toHaveLength(1)
    }
  })
})

describe('the money of best-of', () => {
  const worst = worstOf(100)

  function ready(capNanoUsd: number) {
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(capNanoUsd) })] })
    const runtime = worldOf({ bestOf: { n: 2, pick: 'first-valid' } }, [
      ['gpt-4.1@openai'],
      ['gpt-4.1@backup'],
    ])
    return { town, host: hostOf(runtime, town.isolate().money(), town.clock) }
  }

  it('pays for every call: as counted where it came, its worst case where it was stopped', async () => {
    const { town, host } = ready(1e12)
    host.on('openai', silence).on('backup', saying('yes'))
    await ask(host, { body: { stream: false } })
    await town.settle()
    const amounts = town.lines.map(({ amountNanoUsd }) => amountNanoUsd).toSorted((a, b) => a - b)
    expect(amounts).toEqual([answerCost, worst])
    expect(town.account).toEqual({
      charged: answerCost + worst,
      posted: answerCost + worst,
      lost: 0,
    })
    expect(town.openLeases).toBe(0)
    expect(new Set(town.lines.map(({ attemptId }) => attemptId)).size).toBe(2)
  })

  it('leaves out the calls that no money is there for', async () => {
    const { town, host } = ready(worst + worstOf(10))
    host.on('openai', saying('yes')).on('backup', saying('no'))
    const { status } = await ask(host, { body: { stream: false } })
    expect(status).toBe(200)
    expect(host.calls).toHaveLength(1)
    await town.settle()
    expect(town.lines).toHaveLength(1)
  })

  it('asks nobody where there is money for none', async () => {
    const { host } = ready(1000)
    const { status } = await ask(host, { body: { stream: false } })
    expect(status).toBe(402)
    expect(host.calls).toHaveLength(0)
  })
})

describe('pickOf()', () => {
  const valid = (length: number, vote = ''): Standing => ({
    isValid: true,
    isBroken: false,
    length,
    vote,
  })
  const invalid: Standing = { isValid: false, isBroken: true, length: 99, vote: 'x' }

  it('looks at an answer that is nested deeper than a stack holds', () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000)
    const events: CanonicalEvent[] = [
      { type: 'text', choice: 0, text: deep },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] },
    ]
    expect(judge(chatRequest(), events)).toMatchObject({ isValid: true, vote: deep })
    const shallow = events.with(0, { type: 'text', choice: 0, text: '{"b":[1],"a":{}}' })
    expect(judge(chatRequest(), shallow).vote).toBe('{"a":{},"b":[1]}')
  })

  it('decides on nothing while an earlier one may still be valid', () => {
    expect(pickOf('schema', ['waiting', valid(1)], [1], false)).toBeNull()
    expect(pickOf('schema', ['failed', valid(1)], [1], false)?.index).toBe(1)
    expect(pickOf('schema', ['waiting', valid(1)], [1], true)?.index).toBe(1)
  })

  it('breaks a tie of votes by the order of the plan, and counts valid answers only', () => {
    expect(pickOf('vote', [valid(1, 'a'), valid(1, 'b')], [1, 0], false)?.index).toBe(0)
    expect(pickOf('vote', [invalid, invalid, valid(1, 'b')], [0, 1, 2], false)?.index).toBe(2)
  })

  it('has nothing to pick where all have failed', () => {
    expect(pickOf('longest', ['failed', 'failed'], [], false)).toBeNull()
  })
})

describe('judge()', () => {
  const text = (said: string) => ({ type: 'text', choice: 0, text: said }) as const
  const end = (reason: 'stop' | 'length' | 'contentFilter') =>
    ({ type: 'finish', choices: [{ choice: 0, reason }] }) as const

  it.each([
    ['an answer', [text('yes'), end('stop')], true],
    ['an empty one', [text('  '), end('stop')], false],
    ['one that was cut', [text('yes'), end('length')], false],
    ['one that was filtered', [text('yes'), end('contentFilter')], false],
    ['a refusal', [{ type: 'refusal', choice: 0, text: 'no' }, end('stop')], false],
  ] as const)('of %s', (_name, events, isValid) => {
    expect(judge(chatRequest(), [...events]).isValid).toBe(isValid)
  })

  it('takes objects that differ in the order of their keys for the same vote', () => {
    const one = judge(chatRequest(), [text('{"a":1,"b":[2]}'), end('stop')])
    const other = judge(chatRequest(), [text('{ "b": [2], "a": 1 }'), end('stop')])
    expect(one.vote).toBe(other.vote)
  })
})
