import Anthropic from '@anthropic-ai/sdk'
import type { Message } from '@anthropic-ai/sdk/resources/messages'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Block } from '../../../../worker/canonical/blocks.ts'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'
import { collect } from '../../../../worker/canonical/response.ts'
import {
  anthropicMessages,
  renderCountTokens,
} from '../../../../worker/dialects/anthropic-messages/index.ts'
import { eventsOf, expectKeys, expectWellFormed, keys } from '../../../support/anthropic-shape.ts'
import { answering, anyStream, anyText, context, renderAll, sseMessages } from '../support.ts'

function readWithSdk(stream: string): Promise<Message> {
  const client = new Anthropic({ apiKey: 'none', maxRetries: 0, fetch: answering(stream) })
  return client.messages
    .stream({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] })
    .finalMessage()
}

/** The collected answer as the SDK would hold it. */
function expectedContent(events: readonly CanonicalEvent[]): unknown[] {
  const collected = collect(events)
  if (!collected.ok) throw new Error(collected.failure.message)
  return (collected.response.choices[0]?.content ?? []).map(expectedBlock)
}

function expectedBlock(block: Block): unknown {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text, citations: null }
    case 'reasoning':
      return { type: 'thinking', thinking: block.text, signature: block.signature ?? '' }
    case 'toolCall':
      return {
        type: 'tool_use',
        id: block.id,
        name: block.name,
        input: JSON.parse(block.arguments),
        caller: { type: 'direct' },
      }
    default:
      throw new Error(block.type)
  }
}

const finish: CanonicalEvent = { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] }
const stopWords = {
  stop: 'end_turn',
  length: 'max_tokens',
  toolCalls: 'tool_use',
  contentFilter: 'refusal',
}

describe('createStreamRenderer() of anthropic-messages', () => {
  it('writes events of the documented types in the documented order', () => {
    fc.assert(
      fc.property(anyStream, (events) => expectWellFormed(renderAll(anthropicMessages, events))),
      { numRuns: 150 },
    )
  })

  it("tells Anthropic's SDK what the canonical events say", async () => {
    await fc.assert(
      fc.asyncProperty(anyStream, async (events) => {
        const message = await readWithSdk(renderAll(anthropicMessages, events))
        expect(message.content).toEqual(expectedContent(events))
        const collected = collect(events)
        if (!collected.ok) throw new Error('not ended')
        const { usage, choices } = collected.response
        const reason = choices[0]?.finish.reason as keyof typeof stopWords
        expect(message).toMatchObject({
          id: 'id_1',
          model: 'model-1',
          stop_reason: stopWords[reason],
          usage: { input_tokens: usage?.inputTokens, output_tokens: usage?.outputTokens },
        })
      }),
      { numRuns: 150 },
    )
  })

  it('comes back through a client with every block', async () => {
    await fc.assert(
      fc.asyncProperty(anyStream, async (events) => {
        const { content } = await readWithSdk(renderAll(anthropicMessages, events))
        const parsed = anthropicMessages.parse({
          model: 'm',
          max_tokens: 1,
          messages: [{ role: 'assistant', content }],
        })
        if (!parsed.ok) throw new Error(parsed.error.message)
        const collected = collect(events)
        if (!collected.ok) throw new Error('not ended')
        const blocks = parsed.value.messages[0]?.content.map(withSortedArguments)
        expect(blocks).toEqual(
          collected.response.choices[0]?.content.map(withSortedArguments) ?? [],
        )
        expect(parsed.value.ignored).toBeUndefined()
      }),
      { numRuns: 80 },
    )
  })

  it('puts the input count of an early usage into message_start and the rest into message_delta', () => {
    const [start, delta] = eventsOf(
      renderAll(anthropicMessages, [
        { type: 'start', id: 'msg_1', model: 'claude' },
        {
          type: 'usage',
          usage: {
            inputTokens: 100,
            cacheReadTokens: 60,
            cacheWriteTokens: 30,
            cacheWrite1hTokens: 10,
          },
        },
        finish,
      ]),
    )
    expect(start).toMatchObject({
      message: {
        id: 'msg_1',
        usage: {
          input_tokens: 10,
          cache_read_input_tokens: 60,
          cache_creation_input_tokens: 30,
          cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
          output_tokens: 0,
        },
      },
    })
    expect(delta).toMatchObject({ usage: { input_tokens: 10, output_tokens: 0 } })
  })

  it('ends with message_stop and the price, in the last usage too when asked for', () => {
    const events: CanonicalEvent[] = [{ type: 'usage', usage: { outputTokens: 1 } }, finish]
    const stream = renderAll(anthropicMessages, events, { includeCost: true })
    expect(stream.endsWith('data: {"type":"message_stop"}\n\n: cost-usd 0.000123\n\n')).toBe(true)
    expect(eventsOf(stream)[1]).toMatchObject({ usage: { output_tokens: 1, cost: 0.000123 } })
    expect(renderAll(anthropicMessages, events)).not.toContain('"cost"')
  })

  it('ends a broken stream with an error event and without message_stop', async () => {
    const stream = renderAll(anthropicMessages, [
      { type: 'text', choice: 0, text: 'a' },
      { type: 'failure', failure: { class: 'timeout', message: 'the model fell silent' } },
    ])
    expect(stream).not.toContain('message_stop')
    expect(sseMessages(stream).at(-1)).toEqual({
      event: 'error',
      data: JSON.stringify({
        type: 'error',
        error: {
          type: 'timeout_error',
          message: 'the model fell silent',
          code: 'upstream_timeout',
        },
        request_id: 'req_1',
      }),
    })
    await expect(readWithSdk(stream)).rejects.toThrow('the model fell silent')
  })

  it('writes signatures, redacted thinking, citations and server blocks as Anthropic made them', async () => {
    const wire = 'anthropic-messages' as const
    const server = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } }
    const result = { type: 'web_search_tool_result', tool_use_id: 's', content: [] }
    const citation = {
      type: 'web_search_result_location',
      url: 'https://a.example',
      title: 'A',
      cited_text: 'c',
      encrypted_index: 'e',
    }
    const events: CanonicalEvent[] = [
      { type: 'reasoning', choice: 0, text: 'hm', block: 0 },
      { type: 'reasoning', choice: 0, text: '', block: 0, signature: 'sig', wire },
      { type: 'reasoning', choice: 0, text: '', block: 1, redacted: 'enc', wire },
      { type: 'opaque', choice: 0, raw: { wire, value: server } },
      { type: 'opaque', choice: 0, raw: { wire, value: result } },
      { type: 'opaque', choice: 0, raw: { wire: 'gemini', value: { secret: 1 } } },
      { type: 'text', choice: 0, text: 'One.', block: 4 },
      { type: 'citation', choice: 0, block: 4, citation: { raw: { wire, value: citation } } },
      { type: 'text', choice: 0, text: 'Two.', block: 5 },
      { type: 'text', choice: 1, text: 'another answer' },
      { type: 'finish', choices: [{ choice: 0, reason: 'stop', stopSequence: 'X' }] },
    ]
    const stream = renderAll(anthropicMessages, events)
    expectWellFormed(stream)
    const message = await readWithSdk(stream)
    const content = [
      { type: 'thinking', thinking: 'hm', signature: 'sig' },
      { type: 'redacted_thinking', data: 'enc' },
      server,
      result,
      { type: 'text', text: 'One.', citations: [citation] },
      { type: 'text', text: 'Two.', citations: null },
    ]
    expect(message.content).toEqual(content)
    expect(message).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'X' })
    expect(whole(events)['content']).toEqual(content)
  })

  it("marks another vendor's proof, and reads the mark back", async () => {
    const events: CanonicalEvent[] = [
      { type: 'reasoning', choice: 0, text: 'hm', signature: 'g1', wire: 'gemini' },
      { type: 'reasoning', choice: 0, text: '', block: 1, redacted: 'o1', wire: 'openai-chat' },
      { type: 'toolCallStart', choice: 0, index: 0, id: 'c', name: 'f', signature: 'g2' },
      { type: 'toolCallArguments', choice: 0, index: 0, text: '{}' },
      finish,
    ]
    const { content } = await readWithSdk(renderAll(anthropicMessages, events))
    expect(content).toEqual([
      { type: 'thinking', thinking: 'hm', signature: 'switchyard:gemini:g1' },
      { type: 'redacted_thinking', data: 'switchyard:openai-chat:o1' },
      expect.objectContaining({ type: 'tool_use', signature: 'g2' }),
    ])
    const parsed = anthropicMessages.parse({
      model: 'm',
      max_tokens: 1,
      messages: [{ role: 'assistant', content }],
    })
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        messages: [
          {
            content: [
              { type: 'reasoning', text: 'hm', signature: 'g1', wire: 'gemini' },
              { type: 'reasoning', redacted: 'o1', wire: 'openai-chat' },
              { type: 'toolCall', signature: 'g2' },
            ],
          },
        ],
      },
    })
  })

  it('keeps text that comes between the arguments of a call until they are whole', async () => {
    const events: CanonicalEvent[] = [
      { type: 'toolCallStart', choice: 0, index: 0, id: 'c0', name: 'f' },
      { type: 'toolCallArguments', choice: 0, index: 0, text: '{"a":' },
      { type: 'text', choice: 0, text: 'by the way' },
      { type: 'toolCallStart', choice: 0, index: 1, id: 'c1', name: 'g' },
      { type: 'toolCallArguments', choice: 0, index: 1, text: '{"b":' },
      { type: 'toolCallArguments', choice: 0, index: 0, text: '1}' },
      { type: 'toolCallArguments', choice: 0, index: 1, text: '2}' },
      { type: 'text', choice: 0, text: ', done' },
      finish,
    ]
    const stream = renderAll(anthropicMessages, events)
    expectWellFormed(stream)
    const { content } = await readWithSdk(stream)
    expect(content).toMatchObject([
      { type: 'tool_use', id: 'c0', input: { a: 1 } },
      { type: 'tool_use', id: 'c1', input: { b: 2 } },
      { type: 'text', text: 'by the way, done' },
    ])
  })

  it('writes calls that end without arguments, or with free text, as objects', async () => {
    const events: CanonicalEvent[] = [
      { type: 'toolCallStart', choice: 0, index: 0, id: 'c0', name: 'f' },
      { type: 'toolCallStart', choice: 0, index: 1, id: 'c1', name: 'g', custom: true },
      { type: 'toolCallArguments', choice: 0, index: 1, text: 'print(' },
      { type: 'toolCallArguments', choice: 0, index: 1, text: '"x")' },
      { type: 'finish', choices: [{ choice: 0, reason: 'toolCalls' }] },
    ]
    const { content } = await readWithSdk(renderAll(anthropicMessages, events))
    const want = [
      { id: 'c0', input: {} },
      { id: 'c1', input: { input: 'print("x")' } },
    ]
    expect(content).toMatchObject(want)
    expect(whole(events)['content']).toMatchObject(want)
  })

  it('keeps text that looks like framing inside its event', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const stream = renderAll(anthropicMessages, [{ type: 'text', choice: 0, text }, finish])
        expect(stream.split(/\r\n|[\r\n\u0085\u2028\u2029]/).join('\n')).toBe(stream)
        expectWellFormed(stream)
        const told = eventsOf(stream).map((event) =>
          event.type === 'content_block_delta' && event.delta.type === 'text_delta'
            ? event.delta.text
            : '',
        )
        expect(told.join('')).toBe(text)
      }),
    )
  })

  it('beats with the ping that SDKs skip', async () => {
    const stream = renderAll(anthropicMessages, [{ type: 'text', choice: 0, text: 'a' }, finish])
    const message = await readWithSdk(anthropicMessages.heartbeat + stream)
    expect(message.content).toMatchObject([{ text: 'a' }])
  })
})

function withSortedArguments(block: Block): Block {
  return block.type === 'toolCall'
    ? { ...block, arguments: JSON.stringify(JSON.parse(block.arguments)) }
    : block
}

function whole(events: readonly CanonicalEvent[], more: Partial<typeof context> = {}) {
  const collected = collect(events)
  if (!collected.ok) throw new Error(collected.failure.message)
  return anthropicMessages.renderResponse(collected.response, { ...context, ...more })
}

describe('renderResponse() of anthropic-messages', () => {
  it("has the fields of the SDK's Message, and cost beside them", () => {
    fc.assert(
      fc.property(anyStream, (events) => {
        const message = whole(events)
        const { cost, ...rest } = message
        expect(cost).toBe(0.000123)
        expectKeys(rest, keys.message)
        expectKeys(rest['usage'] as object, keys.usage)
        expect(rest['content']).toEqual(expectedContent(events))
      }),
      { numRuns: 60 },
    )
  })

  it('puts the cost into usage for a caller who asked, and nowhere without a price', () => {
    const events: CanonicalEvent[] = [{ type: 'usage', usage: { inputTokens: 1 } }, finish]
    expect(whole(events, { includeCost: true })).toMatchObject({ usage: { cost: 0.000123 } })
    expect(whole(events, { costUsd: () => null })).not.toHaveProperty('cost')
    expect(whole([finish])).not.toHaveProperty('cost')
  })

  it.each([
    ['pause', 'pause_turn'],
    ['contextWindow', 'model_context_window_exceeded'],
    ['refusal', 'refusal'],
    ['other', 'end_turn'],
  ] as const)('tells the finish %s as %s', (reason, word) => {
    const told = whole([{ type: 'finish', choices: [{ choice: 0, reason }] }])
    expect(told['stop_reason']).toBe(word)
    expect(told['stop_details'] === null).toBe(word !== 'refusal')
  })

  it('keeps arguments that are no object as text', () => {
    const told = whole([
      { type: 'toolCallStart', choice: 0, index: 0, id: 'c', name: 'f' },
      { type: 'toolCallArguments', choice: 0, index: 0, text: '{"a":' },
      finish,
    ])
    expect(told['content']).toMatchObject([{ input: { input: '{"a":' } }])
  })
})

describe('renderError() of anthropic-messages', () => {
  it.each([
    [400, 'invalid_request', 'invalid_request_error'],
    [401, 'unauthorized', 'authentication_error'],
    [402, 'budget_exceeded', 'billing_error'],
    [403, 'route_forbidden', 'permission_error'],
    [404, 'unknown_model', 'not_found_error'],
    [409, 'idempotency_conflict', 'conflict_error'],
    [413, 'body_too_large', 'request_too_large'],
    [429, 'rate_limited', 'rate_limit_error'],
    [500, 'internal', 'api_error'],
    [503, 'no_healthy_target', 'overloaded_error'],
    [504, 'upstream_timeout', 'timeout_error'],
  ] as const)('gives status %i and code %s the type %s', (status, code, type) => {
    expect(
      anthropicMessages.renderError({ code, status, message: 'm', param: 'p' }, 'req_1'),
    ).toEqual({
      type: 'error',
      error: { type, message: 'm', code, param: 'p' },
      request_id: 'req_1',
    })
  })
})

describe('renderCountTokens()', () => {
  it('answers the count', () => {
    expect(renderCountTokens(7)).toEqual({ input_tokens: 7 })
  })
})
