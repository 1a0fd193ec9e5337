import { describe, expect, it } from 'vitest'
import type { Block } from '../../../worker/canonical/blocks.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { Departures } from '../../../worker/providers/departures.ts'
import { adapterOf } from '../../../worker/providers/index.ts'

function call(adapter: string, upstreamModel: string, content: readonly Block[]) {
  const request: CanonicalRequest = {
    model: 'm',
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
      { role: 'assistant', content },
      { role: 'user', content: [{ type: 'text', text: 'And?' }] },
    ],
    sampling: {},
    stream: false,
    includeUsage: true,
    includeCost: false,
  }
  return adapterOf(adapter)?.encodeRequest(request, { upstreamModel, options: {} })
}

describe('Departures', () => {
  it('tells what was left out from what was left out in part and what was changed', () => {
    const departures = new Departures()
    departures.leave('seed')
    departures.sent('cacheMarks', true)
    departures.sent('cacheMarks', false)
    departures.leave('reasoning')
    departures.change('reasoning', 'the effort "low"')
    expect(departures.listed()).toEqual({
      unhonoured: ['seed'],
      changed: [
        { field: 'reasoning', sentAs: 'the effort "low"' },
        { field: 'cacheMarks', sentAs: expect.stringMatching(/^part of its like/) },
      ],
    })
  })

  it('lists nothing where nothing departs', () => {
    const departures = new Departures()
    departures.sent('cacheMarks', true)
    expect(departures.listed()).toEqual({})
  })
})

describe('earlier thoughts', () => {
  const own: Block = { type: 'reasoning', text: 'Hm', signature: 's', wire: 'anthropic-messages' }
  const other: Block = { type: 'reasoning', text: 'Hm', signature: 's', wire: 'gemini' }
  const hidden: Block = { type: 'reasoning', text: '', redacted: 'x', wire: 'anthropic-messages' }

  it('go back to Anthropic with the proof of an Anthropic, and not otherwise', () => {
    const claude = (content: readonly Block[]) => call('anthropic', 'claude-sonnet-4-5', content)
    expect(claude([own, hidden])).not.toHaveProperty('unhonoured')
    expect(claude([other])?.unhonoured).toEqual(['thoughts'])
    expect(claude([own, other])?.changed).toMatchObject([{ field: 'thoughts' }])
  })

  it.each([
    ['gemini', 'gemini-3.8-flash'],
    ['deepseek', 'deepseek-v4-flash'],
    ['mistral', 'magistral-medium-latest'],
    ['cohere', 'command-a-03-2025'],
    ['ollama', 'llama3.3'],
  ])('go to %s as their text, and what has none is left out', (adapter, model) => {
    const told = call(adapter, model, [own, { type: 'text', text: 'Hi' }])
    expect(told?.changed).toEqual([{ field: 'thoughts', sentAs: 'text without its proof' }])
    expect(call(adapter, model, [hidden, { type: 'text', text: 'Hi' }])?.unhonoured).toEqual([
      'thoughts',
    ])
  })

  it('that nobody signed are no less for it', () => {
    const unsigned: Block = { type: 'reasoning', text: 'Hm' }
    for (const adapter of ['deepseek', 'mistral']) {
      const made = call(adapter, 'm', [unsigned, { type: 'text', text: 'Hi' }])
      expect(made).not.toHaveProperty('changed')
      expect(made).not.toHaveProperty('unhonoured')
    }
  })
})
