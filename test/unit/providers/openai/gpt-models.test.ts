import { describe, expect, test } from 'vitest'
import type { CanonicalRequest } from '../../../../worker/canonical/request.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'

const request: CanonicalRequest = {
  model: 'm',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  sampling: { temperature: 0.2, topP: 0.9 },
  stream: false,
  includeUsage: true,
  includeCost: false,
}

function call(upstreamModel: string, more: Partial<CanonicalRequest> = {}, adapter = 'openai') {
  const found = adapterOf(adapter)
  if (found === undefined) throw new Error(adapter)
  return found.encodeRequest({ ...request, ...more }, { upstreamModel, options: {} })
}

const lacks = (upstreamModel: string, adapter = 'openai') =>
  adapterOf(adapter)?.lacks?.({ upstreamModel, options: {} }) ?? []

describe("OpenAI's own models", () => {
  test.each(['gpt-5', 'gpt-5-mini', 'gpt-5-2025-08-07', 'o1', 'o3', 'o4-mini', 'gpt-6-astra'])(
    '%s thinks first: sampling is left out and named',
    (model) => {
      const { body, unhonoured } = call(model)
      expect(body).not.toHaveProperty('temperature')
      expect(body).not.toHaveProperty('top_p')
      expect(unhonoured).toEqual(['temperature', 'topP'])
      expect(lacks(model)).toEqual(expect.arrayContaining(['frequencyPenalty', 'logitBias']))
    },
  )

  test.each(['gpt-4.1', 'gpt-4o-mini', 'gpt-5-chat-latest', 'ft:gpt-4.1:acme'])(
    '%s takes sampling as it comes',
    (model) => {
      expect(call(model).body).toMatchObject({ temperature: 0.2, top_p: 0.9 })
      expect(call(model).unhonoured).toBeUndefined()
      expect(lacks(model)).not.toContain('stop')
    },
  )

  test('newer ones take it when thinking is turned off in so many words', () => {
    expect(call('gpt-5.2', { reasoning: { effort: 'none' } }).body).toMatchObject({
      temperature: 0.2,
    })
    expect(call('gpt-5.2', { reasoning: { effort: 'low' } }).unhonoured).toContain('temperature')
    expect(call('gpt-5.2').unhonoured).toContain('temperature')
  })

  test('a value that is the default is left out without a word', () => {
    const { body, unhonoured } = call('gpt-5', { sampling: { temperature: 1, topP: 1 } })
    expect(body).not.toHaveProperty('temperature')
    expect(unhonoured).toBeUndefined()
  })

  test('refuse stop sequences where they are known to (recorded for gpt-5-mini)', () => {
    for (const model of ['gpt-5-mini', 'o3', 'o4-mini']) expect(lacks(model)).toContain('stop')
  })

  test('are the same behind Azure and the gateways, and no model of others is taken for one', () => {
    expect(call('gpt-5', {}, 'azure-openai').unhonoured).toContain('temperature')
    expect(call('openai/gpt-5', {}, 'openrouter').unhonoured).toContain('temperature')
    expect(call('gpt-5-lookalike', {}, 'vllm').body).toMatchObject({ temperature: 0.2 })
  })
})

describe('models of other makers', () => {
  test("xAI's reasoning models take no penalties and no stop sequences", () => {
    expect(lacks('grok-4.3', 'xai')).toEqual(['presencePenalty', 'frequencyPenalty', 'stop'])
    expect(lacks('grok-4-fast-non-reasoning', 'xai')).toEqual([])
    expect(call('grok-4.3', { sampling: { presencePenalty: 1 } }, 'xai').body).not.toHaveProperty(
      'presence_penalty',
    )
  })

  test('cache marks go to the models that take them, and are named elsewhere', () => {
    const marked = {
      messages: [
        { role: 'user' as const, content: [{ type: 'text' as const, text: 'x', cache: {} }] },
      ],
    }
    expect(call('gpt-4.1', marked).unhonoured).toEqual(['cacheMarks'])
    expect(lacks('gpt-4.1')).toContain('cacheMarks')
    expect(call('gpt-5.6', { ...marked, sampling: {} }).unhonoured).toBeUndefined()
    expect(call('anthropic/claude-sonnet-4.5', marked, 'openrouter').unhonoured).toBeUndefined()
    expect(call('google/gemini-3-flash', marked, 'openrouter').unhonoured).toEqual(['cacheMarks'])
  })
})
