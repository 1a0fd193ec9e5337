import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { classify } from '../../../../worker/policy/classify.ts'
import { filter } from '../../../../worker/policy/filter.ts'
import { adapterOf, adapters } from '../../../../worker/providers/index.ts'
import { candidateOf as candidate } from '../../../support/policy-world.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

/** A model of OpenAI's, as the adapter's vendor names it. */
const gptOf = (adapter: string) => (adapter === 'openrouter' ? 'openai/gpt-4.1' : 'gpt-4.1')

function call(adapter: string, fields: Partial<CanonicalRequest>, upstreamModel = gptOf(adapter)) {
  const target = { upstreamModel, options: {} }
  const written = adapterOf(adapter)?.encodeRequest(requestOf(fields), target)
  if (written === undefined) throw new Error(`no adapter ${adapter}`)
  return written
}

/** A call and its result, as the wire has their ids. */
function idsOf(adapter: string, id: string, upstreamModel?: string): string[] {
  const fields: Partial<CanonicalRequest> = {
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      {
        role: 'assistant',
        content: [{ type: 'toolCall', id, name: 'weather', arguments: '{}' }],
      },
      {
        role: 'user',
        content: [{ type: 'toolResult', toolCallId: id, content: [{ type: 'text', text: 'sun' }] }],
      },
    ],
  }
  const { body } = call(adapter, fields, upstreamModel)
  const [, asked, answered] = body['messages'] as [
    unknown,
    { tool_calls: [{ id: string }] },
    { tool_call_id: string },
  ]
  return [asked.tool_calls[0].id, answered.tool_call_id]
}

/** As DeepSeek writes them: 43 characters (corpus deepseek/chat/*tool*). */
const longId = 'call_00_0Y5Hq1ycjyBmCaX9sJfV9dTuGNfSJ2pQxyz'

describe('ids of tool calls', () => {
  test.each(['openai', 'azure-openai', 'openrouter'])(
    '%s gets at most 40 characters, the same for a call and its result',
    (adapter) => {
      const [asked, answered] = idsOf(adapter, longId)
      expect(asked).toMatch(/^[\w-]{40}$/)
      expect(answered).toBe(asked)
      expect(idsOf(adapter, 'call_1')).toEqual(['call_1', 'call_1'])
    },
  )

  test("a gateway's models of other makers get them as they are", () => {
    expect(idsOf('openrouter', longId, 'google/gemini-2.5-flash')).toEqual([longId, longId])
  })

  test('a result that holds a picture names its call by the id that was sent', () => {
    const image = { kind: 'base64', mediaType: 'image/png', data: 'AA==' } as const
    const { body } = call('openai', {
      messages: [
        {
          role: 'assistant',
          content: [{ type: 'toolCall', id: longId, name: 'draw', arguments: '{}' }],
        },
        {
          role: 'user',
          content: [
            { type: 'toolResult', toolCallId: longId, content: [{ type: 'image', source: image }] },
          ],
        },
      ],
    })
    expect(JSON.stringify(body)).toContain(`Result of tool call ${idsOf('openai', longId)[0]}:`)
    expect(JSON.stringify(body)).not.toContain(longId)
  })

  test('two ids never become one', () => {
    const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
    // What ids have in common may be longer than what is sent of them.
    const beginning = fc.constantFrom('', 'call_', 'x'.repeat(31), 'x'.repeat(39), 'x'.repeat(60))
    fc.assert(
      fc.property(id, id, beginning, (one, other, before) => {
        const sent = (text: string) => idsOf('openai', before + text)[0] ?? ''
        expect(sent(one).length).toBeLessThanOrEqual(40)
        expect(sent(one) === sent(other)).toBe(one === other)
      }),
    )
  })

  test('a vendor that counts none gets them as they are', () => {
    expect(idsOf('deepseek', longId)).toEqual([longId, longId])
  })
})

describe('user', () => {
  test('is left out, and named, where it is longer than the vendor takes', () => {
    const long = 'u'.repeat(65)
    expect(call('openai', { userId: long })).toMatchObject({ unhonoured: ['userId'] })
    expect(call('openai', { userId: long }).body).not.toHaveProperty('user')
    expect(call('openai', { userId: 'u'.repeat(64) }).body).toHaveProperty('user', 'u'.repeat(64))
    expect(call('openrouter', { userId: long }).body).toHaveProperty('user', long)
    expect(call('groq', { userId: 'u'.repeat(500) }).unhonoured).toBeUndefined()
  })
})

describe('names of tools over 64 characters', () => {
  const name = `mcp__${'n'.repeat(60)}`
  const tools = [{ kind: 'function', name, parameters: { type: 'object' } }] as const
  const reasonAt = (adapter: string, fields: Partial<CanonicalRequest>) => {
    const { features } = adapters.get(adapter) ?? { features: new Set() }
    const target = candidate(`m@${adapter}`, { features })
    return filter([target], classify(requestOf(fields)), {}).exclusions[0]?.reason
  }

  test.each(['openai', 'azure-openai', 'deepseek', 'alibaba', 'mistral', 'bedrock'])(
    'keep %s out of the plan, by name',
    (adapter) => {
      expect(reasonAt(adapter, { tools })).toBe('it cannot do "tools[0]" (longToolNames)')
      const short = [{ ...tools[0], name: name.slice(0, 64) }]
      expect(reasonAt(adapter, { tools: short })).toBeUndefined()
    },
  )

  test('count where an earlier turn called them, too', () => {
    const messages: CanonicalRequest['messages'] = [
      { role: 'assistant', content: [{ type: 'toolCall', id: 'c', name, arguments: '{}' }] },
      { role: 'user', content: [{ type: 'toolResult', toolCallId: 'c', content: [] }] },
    ]
    expect(reasonAt('openai', { messages })).toBe(
      'it cannot do "messages[0].content[0]" (longToolNames)',
    )
  })

  test.each(['anthropic', 'gemini', 'openrouter'])('go to %s', (adapter) => {
    expect(reasonAt(adapter, { tools })).toBeUndefined()
  })
})

describe('a 400 that says a string is too long', () => {
  const failureOf = (param: string | null, named = param ?? 'messages[0].content') =>
    adapterOf('openai')?.decodeFailure(
      400,
      new Map(),
      JSON.stringify({
        error: {
          message: `Invalid '${named}': string too long. Expected a string with maximum length 9, but got a string with length 10 instead.`,
          type: 'invalid_request_error',
          param,
          code: 'string_above_max_length',
        },
      }),
    )?.class

  test.each([
    'messages',
    'messages[3].content',
    'messages.[3].content',
    'messages[3].content[0].text',
    'input',
    'input[2].content[0].text',
    'prompt',
    null,
  ])('about %s asks for a larger window', (param) => {
    expect(failureOf(param)).toBe('context_length')
  })

  test.each([
    'messages[1].tool_calls[0].id',
    'messages[1].tool_call_id',
    'messages[1].name',
    'user',
    'tools[0].function.name',
    'metadata.a',
    'prompt_cache_key',
    'input[0].call_id',
  ])('about %s is the caller’s', (param) => {
    expect(failureOf(param)).toBe('bad_request')
    expect(failureOf(null, param)).toBe('bad_request')
  })
})
