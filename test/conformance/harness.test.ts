import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../worker/canonical/events.ts'
import type { Dialect } from '../../worker/dialects/dialect.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { adapters } from '../../worker/providers/index.ts'
import type { EventDecoder } from '../../worker/streams/event-decoder.ts'
import { differences } from './answer.ts'
import { answerOfEvents } from './canonical-answer.ts'
import { judge } from './check-case.ts'
import { checkSplits, decodeStream, endingFaults } from './check-decoding.ts'
import { checkDialect } from './check-dialects.ts'
import { checkFailure } from './check-failure.ts'
import { checkRequest } from './check-request.ts'
import { listFixtures, responseBytes, type RecordedCase } from './corpus.ts'
import { dialects } from './dialects.ts'
import { readRecording } from './oracles/index.ts'
import { quickEffort, same, splitsOf } from './splits.ts'

/*
 * The harness itself, on purpose broken parts: each of these must be caught,
 * or a green run would prove nothing.
 */

const fixtures = listFixtures(fileURLToPath(new URL('../fixtures/providers', import.meta.url)))

function fixture(matches: (recorded: RecordedCase) => boolean): RecordedCase {
  const found = fixtures.find(matches)
  if (found === undefined) throw new Error('the fixture this test needs is gone')
  return found
}

const openAi = adapters.get('openai') as ProviderAdapter
const streamedCalls = fixture(
  ({ provider, meta }) =>
    provider === 'openai' && meta.stream && meta.status < 400 && meta.tags.includes('tool-call'),
)
const bytes = responseBytes(streamedCalls)
const oracle = readRecording('openai-chat', 'openai', bytes, true)

/** The OpenAI adapter with its decoder's events changed. */
function broken(change: (event: CanonicalEvent) => CanonicalEvent[]): ProviderAdapter {
  const wrap = (decoder: EventDecoder): EventDecoder => {
    const through = (out: CanonicalEvent[], step: (own: CanonicalEvent[]) => void): void => {
      const own: CanonicalEvent[] = []
      step(own)
      out.push(...own.flatMap(change))
    }
    return {
      decode: (message, out) => through(out, (own) => decoder.decode(message, own)),
      end: (out) => through(out, (own) => decoder.end(own)),
    }
  }
  return { ...openAi, createDecoder: () => wrap(openAi.createDecoder()) }
}

function decodeFaults(adapter: ProviderAdapter): string[] {
  const events = decodeStream(adapter, 'sse', [bytes])
  return [...endingFaults(events), ...differences(oracle, answerOfEvents(events))]
}

describe('the comparison with the oracle', () => {
  test('finds nothing to say of the real decoder', () => expect(decodeFaults(openAi)).toEqual([]))

  test('catches a lost piece of arguments', () => {
    let pieces = 0
    const adapter = broken((event) =>
      event.type === 'toolCallArguments' && (pieces += 1) === 2 ? [] : [event],
    )
    expect(decodeFaults(adapter).join()).toContain('tool calls')
  })

  test('catches a changed finish', () => {
    const adapter = broken((event) =>
      event.type === 'finish'
        ? [{ type: 'finish', choices: [{ choice: 0, reason: 'length' }] }]
        : [event],
    )
    expect(decodeFaults(adapter).join()).toContain('finish')
  })

  test('catches a stream that ends twice', () => {
    const events = decodeStream(openAi, 'sse', [bytes])
    const last = events.at(-1) as CanonicalEvent
    expect(endingFaults([...events, last])).toEqual(['2 terminal events'])
    expect(endingFaults(events.slice(0, -1))).toEqual(['0 terminal events'])
  })

  test('catches counts that are made up', () => {
    const adapter = broken((event) =>
      event.type === 'finish'
        ? [{ type: 'usage', usage: { cacheWriteTokens: 7 } }, event]
        : [event],
    )
    expect(decodeFaults(adapter).join()).toContain('usage.cacheWrite')
  })
})

describe('the splits', () => {
  test('cut short bodies at every position and byte by byte', () => {
    const cuts = [...splitsOf(5, quickEffort, () => 0.5)]
    expect(cuts).toEqual([[1], [2], [3], [4], [1, 2, 3, 4]])
  })

  test('catch a decoder that depends on where chunks end', () => {
    let streams = 0
    const counting: ProviderAdapter = {
      ...openAi,
      createDecoder: () => {
        const inner = openAi.createDecoder()
        const lossy = (streams += 1) === 40
        return {
          decode: (message, out) => (lossy ? undefined : inner.decode(message, out)),
          end: (out) => inner.end(out),
        }
      },
    }
    const result = checkSplits(counting, 'sse', bytes.subarray(0, 500), quickEffort, 1)
    expect(result.faults).toHaveLength(1)
  })

  test('same() tells apart what differs in one field, one item or one key', () => {
    expect(same([{ a: 1, b: [1, 2] }], [{ a: 1, b: [1, 2] }])).toBe(true)
    expect(same([{ a: 1 }], [{ a: 2 }])).toBe(false)
    expect(same([1, 2], [1])).toBe(false)
    expect(same({ a: 1 }, { a: 1, b: undefined })).toBe(false)
    expect(same({ a: null }, { a: {} })).toBe(false)
  })
})

describe('the dialect check', () => {
  const events = decodeStream(openAi, 'sse', [bytes])
  const faultsOf = (dialect: Dialect): string[] => checkDialect(dialect, openAi, events, oracle)

  test('finds nothing to say of the real dialects', () => {
    for (const dialect of dialects) expect(faultsOf(dialect)).toEqual([])
  })

  test('catches a renderer that writes its end mark twice', () => {
    const twice: Dialect = {
      ...openAiChat,
      createStreamRenderer: (context) => {
        const real = openAiChat.createStreamRenderer(context)
        return {
          render: (event) =>
            real.render(event) + (event.type === 'finish' ? 'data: [DONE]\n\n' : ''),
        }
      },
    }
    expect(faultsOf(twice).join()).toContain('something follows the end')
  })

  test('catches a renderer that forgets a call', () => {
    const forgetful: Dialect = {
      ...openAiChat,
      createStreamRenderer: (context) => {
        const real = openAiChat.createStreamRenderer(context)
        return {
          render: (event) => (event.type.startsWith('toolCall') ? '' : real.render(event)),
        }
      },
    }
    expect(faultsOf(forgetful).join()).toContain('tool calls')
  })
})

describe('the other checks', () => {
  test('a failure class that does not fit the recording is a fault', () => {
    const limited = fixture(({ meta }) => meta.status === 429)
    const wrong: ProviderAdapter = {
      ...openAi,
      decodeFailure: (status) => ({ class: 'auth', message: 'no', status }),
    }
    expect(checkFailure(limited, wrong, dialects).join()).toContain('failure class')
  })

  test('a request field that gets lost on the way is a fault', () => {
    const asked = fixture(
      ({ provider, meta }) =>
        provider === 'openai' && meta.tags.includes('tools-in-request') && meta.status < 400,
    )
    const lossy: ProviderAdapter = {
      ...openAi,
      encodeRequest: (request, target) => {
        const call = openAi.encodeRequest(request, target)
        const { tools: _tools, ...body } = call.body
        return { ...call, body }
      },
    }
    expect(checkRequest(asked, openAi, dialects)).toEqual([])
    expect(checkRequest(asked, lossy, dialects)?.join()).toContain('tools')
  })

  test('an exclusion that is not needed any more is a fault, and so is one that covers no check', () => {
    const listed = { checks: ['decode', 'request'] as const, reason: 'test' }
    const findings = new Map([['decode', []]] as const)
    expect(judge(listed, new Map(findings)).faults).toEqual([
      'decode: passes, but exclusions.ts lists it',
      'request: exclusions.ts lists a check that does not apply',
    ])
    const opinions = new Map([
      ['differential', ['text']],
      ['request', ['stop: recorded "a", written ["a"]']],
    ] as const)
    expect(judge(undefined, opinions).outcome).toBe('failed')
    expect(judge(undefined, opinions, false)).toMatchObject({
      outcome: 'passed',
      disagreements: ['differential: text', 'request: stop: recorded "a", written ["a"]'],
    })
    for (const fault of ['seed: recorded 7, written nothing', 'parse: refused']) {
      expect(judge(undefined, new Map([['request', [fault]]] as const), false).outcome).toBe(
        'failed',
      )
    }
    expect(judge(undefined, new Map([['decode', ['text']]] as const), false).outcome).toBe('failed')
    expect(judge(undefined, new Map([['decode', ['text']]] as const)).outcome).toBe('failed')
    expect(
      judge(
        listed,
        new Map([
          ['decode', ['text']],
          ['request', ['n']],
        ] as const),
      ).outcome,
    ).toBe('passed')
  })
})
