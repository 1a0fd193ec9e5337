import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { FakeHost } from '../../../support/fake-host.ts'
import {
  chunk,
  event,
  json,
  refusing,
  silence,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  wholeAnswer,
} from '../../../support/fake-host.ts'
import {
  answerCost,
  type Asked,
  budget,
  helloTokens,
  inPrice,
  type Isolate,
  n,
  outPrice,
  relayed,
  Town,
  translated,
  worstOf,
} from './support.ts'

beforeAll(() => {
  // The runtime's own class, which moves bytes outside of JavaScript; here any transform does.
  Object.assign(globalThis, { IdentityTransformStream: TransformStream })
})

/** Nobody knows what it cost: 100 tokens of answer are what was set aside. */
const worst = worstOf(100)

/** All is told: one line for each call that may have been billed, nothing held, nothing lost. */
async function expectSettled(town: Town, isolate: Isolate, amounts: readonly number[]) {
  await town.settle()
  expect(town.lines.map(({ amountNanoUsd }) => amountNanoUsd)).toEqual(amounts)
  const sum = amounts.reduce((total, amount) => total + amount, 0)
  expect(town.account).toEqual({ charged: sum, posted: sum, lost: 0 })
  expect(town.openLeases).toBe(0)
  const { leases, pending, voids, answers } = isolate.state()
  expect([leases.size, pending.size, voids.size, answers.size]).toEqual([0, 0, 0, 0])
}

interface Way {
  readonly name: string
  readonly host: (host: FakeHost) => void
  readonly asked?: Asked
  /** What each call that went out costs in the end. */
  readonly amounts: readonly number[]
}

/** So long that what is on its way is less than the rest of it. */
const long = (asked: Asked): Asked => ({ ...asked, body: { ...asked.body, max_tokens: 2000 } })

const inBandError = event({ error: { message: 'broke', type: 'server_error' } })
const lag = 256

const ways: readonly Way[] = [
  {
    name: 'a whole answer',
    host: (host) => host.on('openai', json(wholeAnswer)),
    amounts: [answerCost],
  },
  {
    name: 'a whole answer without usage: all of the prompt, a token for each byte',
    host: (host) => host.on('openai', json({ ...wholeAnswer, usage: undefined })),
    amounts: [helloTokens * inPrice + 5 * outPrice],
  },
  {
    name: 'a translated stream to its end',
    host: (host) => host.on('openai', streamed(chunk('Hello'), streamEnd)),
    asked: translated,
    amounts: [answerCost],
  },
  {
    name: 'a relayed stream to its end',
    host: (host) => host.on('openai', streamed(chunk('Hello'), streamEnd)),
    asked: relayed,
    amounts: [answerCost],
  },
  {
    name: 'a provider that declines: it costs nothing',
    host: (host) => host.on('openai', refusing(400)),
    amounts: [0],
  },
  {
    name: 'an error in a stream before its first token: the call had begun',
    host: (host) => host.on('openai', streamed(inBandError)).on('backup', streamed(inBandError)),
    asked: translated,
    // The first is asked twice.
    amounts: [worstOf(100), worstOf(100), worstOf(100)],
  },
  {
    name: 'an error in a stream after its first token: nobody knows what was made',
    host: (host) => host.on('openai', streamed(chunk('Hello'), inBandError)),
    asked: long(translated),
    amounts: [worstOf(2000)],
  },
  {
    name: 'the same, relayed',
    host: (host) => host.on('openai', streamed(chunk('Hello'), inBandError)),
    asked: long(relayed),
    amounts: [worstOf(2000)],
  },
  {
    name: 'a stream that ends without its end mark',
    host: (host) => host.on('openai', streamed(chunk('Hello'))),
    asked: long(translated),
    amounts: [worstOf(2000)],
  },
  {
    name: 'the same, relayed',
    host: (host) => host.on('openai', streamed(chunk('Hello'))),
    asked: long(relayed),
    amounts: [worstOf(2000)],
  },
  {
    name: 'an answer that is none',
    host: (host) => host.on('openai', json({ choices: 7 })).on('backup', json(wholeAnswer)),
    amounts: [worst, answerCost],
  },
  {
    name: 'an event that is no JSON, after the first token',
    host: (host) => host.on('openai', streamed(chunk('Hello'), 'data: {"a\n\n')),
    asked: translated,
    amounts: [worst],
  },
  {
    name: 'a provider that is silent, unstreamed: it may have made all of it',
    host: (host) => host.on('openai', silence).on('backup', json(wholeAnswer)),
    amounts: [worst, answerCost],
  },
  {
    name: 'a provider that is silent, streamed: it stops, and bills what came and what was on its way',
    host: (host) => host.on('openai', silence).on('backup', streamed(chunk('Hello'), streamEnd)),
    asked: { ...translated, body: { stream: true, max_tokens: 1000 } },
    amounts: [helloTokens * inPrice + lag * outPrice, answerCost],
  },
  {
    name: 'a provider that cannot be reached',
    host: (host) => host.on('backup', json(wholeAnswer)),
    amounts: [worst, worst, answerCost],
  },
  {
    name: 'a second try at the same target',
    host: (host) =>
      host.on('openai', (call, number) =>
        number === 1 ? refusing(500)(call, number) : json(wholeAnswer)(call, number),
      ),
    asked: { body: { model: 'gpt-4.1@openai' } },
    amounts: [0, answerCost],
  },
  {
    name: 'a fallback',
    host: (host) => host.on('openai', refusing(503)).on('backup', json(wholeAnswer)),
    amounts: [0, answerCost],
  },
]

describe('every way out of a call is settled once', () => {
  it.each(ways)('$name', async ({ host: set, asked, amounts }) => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host()
    set(host)
    await isolate.ask(host, asked)
    expect(host.calls).toHaveLength(amounts.length)
    await expectSettled(town, isolate, amounts)
  })
})

describe('a client that leaves', () => {
  it('before its call is sent pays for nothing', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    host.leave()
    await isolate.ask(host)
    expect(host.calls).toHaveLength(0)
    await expectSettled(town, isolate, [])
  })

  it('while its money is asked for pays for nothing, and is told 499', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    town.carry = async (deliver) => {
      await new Promise<void>((resolve) => town.clock.after(500, resolve))
      return deliver()
    }
    const requesting = isolate.request(host)
    await town.clock.advance(100)
    host.leave()
    expect((await town.clock.run(requesting)).status).toBe(499)
    expect(host.calls).toHaveLength(0)
    await expectSettled(town, isolate, [])
    expect(host.records).toMatchObject([{ ending: 'client_gone', attempts: [] }])
  })

  it.each([
    ['relayed', relayed],
    ['translated', translated],
  ])(
    'while its stream runs pays for what came and what was on its way: %s',
    async (_way, asked) => {
      const town = new Town()
      const isolate = town.isolate()
      const upstream = new UpstreamBody()
      const host = isolate.host().on('openai', streaming(upstream))
      const long = { ...asked, body: { ...asked.body, max_tokens: 30_000 } }
      const requesting = isolate.request(host, long)
      upstream.push(chunk('Hello'))
      const response = await town.clock.run(requesting)
      const reader = response.body?.getReader()
      await reader?.read()
      upstream.push(chunk(' world'))
      await town.clock.advance(3000)
      await reader?.cancel()
      host.leave()
      await town.clock.advance(1000)
      expect(host.calls[0]?.signal.aborted).toBe(true)
      await town.settle()
      const [line] = town.lines
      expect(line).toMatchObject({ basis: 'estimated', outcome: 'cancelled' })
      const leastOutput = 'Hello world'.length + lag
      expect(line?.amountNanoUsd).toBeGreaterThanOrEqual(worstOf(leastOutput))
      // A relay counts the bytes on the wire, which are more.
      expect(line?.amountNanoUsd).toBeLessThanOrEqual(worstOf(leastOutput + 400))
      await expectSettled(town, isolate, [line?.amountNanoUsd ?? 0])
    },
  )

  it('pays for all that was set aside where the provider bills to the end', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const upstream = new UpstreamBody()
    const host = isolate.host().on('api.groq.com', streaming(upstream))
    const asked = { ...translated, body: { ...translated.body, model: 'groq', max_tokens: 30_000 } }
    const requesting = isolate.request(host, asked)
    upstream.push(chunk('Hello'))
    const response = await town.clock.run(requesting)
    await response.body?.cancel()
    host.leave()
    await expectSettled(town, isolate, [helloTokens * 590 + 30_000 * 790])
    expect(town.lines[0]).toMatchObject({
      basis: 'worst_case',
      target: 'llama-3.3-70b-versatile@groq',
    })
  })

  it('in the last moment pays what the provider has counted', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const upstream = new UpstreamBody()
    const host = isolate.host().on('openai', streaming(upstream))
    const requesting = isolate.request(host, translated)
    upstream.push(chunk('Hello'))
    const response = await town.clock.run(requesting)
    const reader = response.body?.getReader()
    await reader?.read()
    // All of it is there when the first write fails.
    upstream.push(chunk(' world') + streamEnd).end()
    await reader?.cancel()
    await town.clock.advance(1000)
    await expectSettled(town, isolate, [answerCost])
    expect(town.lines[0]).toMatchObject({ basis: 'exact' })
  })
})

describe('time', () => {
  it('that is over when the money comes sends nothing', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    town.carry = async (deliver) => {
      await new Promise<void>((resolve) => town.clock.after(999, resolve))
      return deliver()
    }
    // The answer is taken in within the deadline, and the call would begin at its end.
    town.clock.after(999, () => void (town.clock.nowMs += 1))
    const { status } = await isolate.ask(host, { headers: { 'x-switchyard-deadline-ms': '1000' } })
    expect(status).toBe(504)
    expect(host.calls).toHaveLength(0)
    await expectSettled(town, isolate, [])
  })

  it('that is over while a stream runs ends the call, and it is paid as one that we left', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const upstream = new UpstreamBody()
    const host = isolate.host().on('openai', streaming(upstream))
    const asked = {
      ...translated,
      body: { stream: true, max_tokens: 1000 },
      headers: { 'x-switchyard-deadline-ms': '3000' },
    }
    upstream.push(chunk('Hello'))
    const { text } = await isolate.ask(host, asked)
    expect(text).toContain('error')
    await expectSettled(town, isolate, [worstOf('Hello'.length + lag)])
    expect(town.lines[0]).toMatchObject({ outcome: 'timeout', durationMs: 3000, firstTokenMs: 0 })
  })

  it('stands still for nobody: a stream longer than the longest hold is lost, charged, and found again', async () => {
    const town = new Town({ settings: { longestStreamMs: 900_000 } })
    const isolate = town.isolate()
    const upstream = new UpstreamBody()
    const host = isolate.host().on('openai', streaming(upstream))
    const requesting = isolate.request(host, { ...translated, body: { stream: true } })
    upstream.push(chunk('a'))
    const response = await town.clock.run(requesting)
    const reading = response.text()
    for (let minute = 0; minute < 20; minute += 1) {
      await town.clock.advance(60_000)
      town.take({ kind: 'tick' })
      upstream.push(chunk('a'))
    }
    expect(town.account).toEqual({ charged: worst, posted: 0, lost: worst })
    upstream.push(streamEnd).end()
    await town.clock.run(reading)
    await town.clock.advance(2000)
    expect(town.account).toEqual({ charged: answerCost, posted: answerCost, lost: 0 })
    expect(town.lines[0]).toMatchObject({ durationMs: 1_200_000, basis: 'exact' })
    expect(isolate.state().leases.size).toBe(0)
  })
})

describe('a fault of ours', () => {
  it.each([
    ['before the call: nothing was bought', 'begin', []],
    ['while the call is told of: it cost what it cost', 'finished', [answerCost]],
  ] as const)('%s', async (_what, method, amounts) => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    const begin = host.health.begin.bind(host.health)
    host.health.begin = (...given) => {
      if (method === 'begin') throw new Error('broken')
      return Object.assign(begin(...given), {
        finished: () => {
          throw new Error('broken')
        },
      })
    }
    await expect(isolate.ask(host)).rejects.toThrow('broken')
    await expectSettled(town, isolate, [...amounts])
  })

  it('while the call is written: it never left, and nothing was bought', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    const { adapter } = host.target('gpt-4.1@openai').provider
    const broken = vi.spyOn(adapter, 'encodeRequest').mockImplementation(() => {
      throw new Error('broken')
    })
    await expect(isolate.ask(host)).rejects.toThrow('broken')
    broken.mockRestore()
    await expectSettled(town, isolate, [])
    expect(host.calls).toEqual([])
  })

  it('while the call is signed: it never left, and the next target is asked', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('backup', json(wholeAnswer))
    const { credential } = host.target('gpt-4.1@openai').provider
    if (credential === null) throw new Error('no credential')
    const broken = vi.spyOn(credential, 'sign').mockImplementation(() => {
      throw new Error('broken')
    })
    expect((await isolate.ask(host)).status).toBe(200)
    broken.mockRestore()
    await expectSettled(town, isolate, [answerCost])
  })

  it('that breaks the request after the call was sent leaves nothing held', async () => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', json(wholeAnswer))
    host.ports.memory.retryBudgets.get = () => {
      throw new Error('broken')
    }
    await expect(isolate.ask(host)).rejects.toThrow('broken')
    await expectSettled(town, isolate, [worst])
  })

  it.each([
    ['translated', translated],
    ['relayed', relayed],
  ])('while a stream is carried leaves nothing held: %s', async (_way, asked) => {
    const town = new Town()
    const isolate = town.isolate()
    const host = isolate.host().on('openai', streamed(chunk('Hello'), streamEnd))
    Object.assign(host.ports, {
      after: (delayMs: number, then: () => void) => {
        // Only the carrying arms the deadline of the whole request.
        if (delayMs > 3_000_000) throw new Error('broken')
        return town.clock.after(delayMs, then)
      },
    })
    await town.clock.run(isolate.request(host, asked))
    await expectSettled(town, isolate, [worst])
  })
})

describe('a budget that is spent to the end', () => {
  it('is charged what was spent, and not a cent more', async () => {
    const cap = worst * 3
    const town = new Town({ budgets: [budget('b', { capNanoUsd: n(cap) })] })
    const isolate = town.isolate()
    let answered = 0
    for (;;) {
      const host = isolate.host().on('openai', json(wholeAnswer))
      const { status } = await isolate.ask(host)
      if (status !== 200) break
      answered += 1
    }
    await town.settle()
    // The last one is refused when not even its shortest answer can be paid for.
    const left = cap - answered * answerCost
    expect(left).toBeLessThan(worstOf(64))
    expect(left).toBeGreaterThanOrEqual(0)
    expect(town.account).toEqual({ charged: cap - left, posted: cap - left, lost: 0 })
  })
})
