import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../worker/canonical/events.ts'
import type { Dialect } from '../../worker/dialects/dialect.ts'
import type { JsonObject } from '../../worker/canonical/request.ts'
import { anthropicMessages } from '../../worker/dialects/anthropic-messages/index.ts'
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
import { schemaFaults } from './check-schema.ts'
import { listFixtures, responseBytes, type RecordedCase } from './corpus.ts'
import { dialects } from './dialects.ts'
import { compare, refusalOf } from './differential.ts'
import { differentialRules, refusalRules } from './exclusions.ts'
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

  /** `dialect` with its text, streamed and whole, changed. */
  const rewritten = (dialect: Dialect, from: RegExp, to: string): Dialect => ({
    ...dialect,
    createStreamRenderer: (context) => {
      const real = dialect.createStreamRenderer(context)
      return { render: (event) => real.render(event).replaceAll(from, to) }
    },
    renderResponse: (response, context) =>
      JSON.parse(
        JSON.stringify(dialect.renderResponse(response, context)).replaceAll(from, to),
      ) as JsonObject,
  })
  const schemaFaultsOf = (dialect: Dialect) =>
    faultsOf(dialect).filter((fault) => fault.startsWith('schema: '))

  test.each([
    ['no time', /"created":\d+,/g, '', "must have required property 'created'"],
    [
      'an object by another name',
      /"object":"chat\.completion(?:\.chunk)?"/g,
      '"object":"x"',
      'object',
    ],
    ['no model', /"model":"[^"]*",/g, '', "must have required property 'model'"],
  ])('catches what OpenAI’s document refuses: %s', (_name, from, to, told) => {
    const found = schemaFaultsOf(rewritten(openAiChat, from, to))
    for (const form of ['CreateChatCompletionStreamResponse', 'CreateChatCompletionResponse'])
      expect(found.filter((fault) => fault.includes(form)).join()).toContain(told)
  })

  test('catches a count that is required, streamed and whole', () => {
    const { stream, json } = schemaFaults['openai-chat']
    const whole = {
      id: 'c',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [],
      usage: { prompt_tokens: 14, total_tokens: 14 },
    }
    const chunk = { ...whole, object: 'chat.completion.chunk' }
    const told = "/usage must have required property 'completion_tokens'"
    expect(json(whole).join()).toContain(told)
    expect(stream(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`).join()).toContain(told)
  })

  test.each([
    ['a field left out', /"stop_sequence":null,?/g, ''],
    ['a field that nobody knows', /"type":"tool_use"/g, '"type":"tool_use","extra":1'],
    ['a reason that is none', /"stop_reason":"tool_use"/g, '"stop_reason":"tools"'],
    ['a delta of another block', /"type":"input_json_delta"/g, '"type":"text_delta"'],
    ['a block that never ends', /event: content_block_stop\ndata: .*\n\n/g, ''],
  ])('catches what Anthropic’s types refuse: %s', (_name, from, to) => {
    expect(schemaFaultsOf(rewritten(anthropicMessages, from, to))).not.toEqual([])
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

  test.each(['decode', 'request', 'differential'] as const)(
    'a difference that nothing lists is a fault of the case: %s',
    (name) => {
      const found = new Map([[name, ['text']]] as const)
      expect(judge(undefined, found)).toMatchObject({
        outcome: 'failed',
        faults: [`${name}: text`],
      })
      expect(judge(undefined, new Map([[name, []]] as const)).outcome).toBe('passed')
    },
  )

  test('what the other decoder does not read is a fault only where the rules are to know it', () => {
    const found = new Map([['decode', []]] as const)
    expect(judge(undefined, found, ['it refuses it']).faults).toEqual([
      'differential: it refuses it, and no rule names it',
    ])
  })

  test('an exclusion that is not needed any more is a fault, and so is one that covers no check', () => {
    const listed = { checks: ['decode', 'request'] as const, reason: 'test' }
    const findings = new Map([['decode', []]] as const)
    expect(judge(listed, new Map(findings)).faults).toEqual([
      'decode: passes, but exclusions.ts lists it',
      'request: exclusions.ts lists a check that does not apply',
    ])
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

describe('the second opinion', () => {
  const answer = answerOfEvents(decodeStream(openAi, 'sse', [bytes]))
  const [choice] = answer.choices
  if (choice === undefined) throw new Error('the recording has no answer')
  const decoder = '@ai-sdk/openai'
  const opinion = (
    theirs: Partial<typeof choice>,
    ours: Partial<typeof choice> = {},
    usage: Partial<typeof answer.usage> = {},
  ) => {
    const told = { reasoning: 'because' }
    return compare(streamedCalls, decoder, {
      ours: { ...answer, choices: [{ ...choice, ...told, ...ours }] },
      theirs: {
        ...answer,
        choices: [{ ...choice, ...told, ...theirs }],
        usage: { ...answer.usage, ...usage },
      },
      oracle: { ...answer, choices: [{ ...choice, ...told }] },
    })
  }

  test('that agrees says nothing', () =>
    expect(opinion({})).toEqual({ faults: [], unread: [], refused: false }))

  test('that differs is a fault', () => {
    expect(opinion({ text: 'something else' }).faults.join()).toContain('@ai-sdk/openai: text')
    expect(opinion({ reasoning: 'another' }).faults.join()).toContain('reasoning')
    expect(opinion({}, {}, { input: 1 }).faults.join()).toContain('usage.input')
  })

  test('that has nothing where ours is what the recording says is no difference, and is told', () => {
    const { faults, unread } = opinion({ reasoning: '' })
    expect(faults).toEqual([])
    expect(unread.join()).toContain('does not read reasoning')
  })

  test('that has nothing does not excuse a reading of ours that is wrong', () =>
    expect(opinion({ reasoning: '' }, { reasoning: 'made up' }).faults.join()).toContain(
      'reasoning',
    ))

  test('that cannot read a recording is told, and no fault', () => {
    const refused = refusalOf('openai/chat/never-seen', decoder, 'it broke')
    expect(refused).toEqual({
      faults: [],
      unread: ['@ai-sdk/openai refuses it: it broke'],
      refused: true,
    })
  })

  test.each(refusalRules.map((rule) => [rule.name, rule] as const))(
    'a listed refusal that is none any more is a fault: %s',
    (_name, { shownBy, decoder: other }) => {
      const again = { ...streamedCalls, id: shownBy }
      const all = { ours: answer, theirs: answer, oracle: answer }
      expect(compare(again, other, all).faults.join()).toContain('agrees, but exclusions.ts lists')
    },
  )

  test.each(differentialRules.map((rule) => [rule.name, rule] as const))(
    'a listed difference that is none any more is a fault: %s',
    (_name, { shownBy }) => {
      const again = { ...streamedCalls, id: shownBy }
      const all = { ours: answer, theirs: answer, oracle: answer }
      const { faults } = compare(again, '@ai-sdk/another', all)
      expect(faults.join()).toContain('agrees, but exclusions.ts lists')
    },
  )

  test('every rule has a reason, a vendor’s page with the day it was read, and a recording', () => {
    const rules = [...differentialRules, ...refusalRules]
    expect(new Set(rules.map(({ name }) => name)).size).toBe(rules.length)
    for (const { reason, page, shownBy } of rules) {
      expect(reason.length).toBeGreaterThan(10)
      expect(page).toMatch(/\.\w{2,}.*20\d\d-\d\d-\d\d/)
      expect(shownBy.split('/')).toHaveLength(3)
    }
  })
})
