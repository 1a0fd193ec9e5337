import { describe, expect, it } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { adapters } from '../../../worker/providers/index.ts'

const most = 7654
const request: CanonicalRequest = {
  model: 'm',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  sampling: {},
  stream: false,
  includeUsage: true,
  includeCost: false,
}

const models: Readonly<Record<string, readonly string[]>> = {
  bedrock: ['anthropic.claude-sonnet-4-5-v1:0', 'amazon.nova-lite-v1:0'],
}

const cases = [...adapters.values()].flatMap((adapter) =>
  (models[adapter.id] ?? ['some-model']).map((model) => ({ adapter, id: adapter.id, model })),
)

describe("a limit beyond the model's own", () => {
  it.each(cases)('is sent as the most that the model gives, and said so: $id $model', (one) => {
    const target = { upstreamModel: one.model, options: {}, maxOutputTokens: most }
    const call = (maxOutputTokens: number) =>
      one.adapter.encodeRequest({ ...request, maxOutputTokens }, target)
    const clamped = call(98_765)
    expect(JSON.stringify(clamped.body)).toContain(String(most))
    expect(JSON.stringify(clamped.body)).not.toContain('98765')
    expect(clamped.changed).toEqual([
      { field: 'maxOutputTokens', sentAs: `${most}, the most this model gives` },
    ])
    const within = call(321)
    expect(JSON.stringify(within.body)).toContain('321')
    expect(within.changed).toBeUndefined()
  })

  it('takes a budget for thinking along, which must be smaller than the limit', () => {
    const adapter = adapters.get('anthropic')
    const target = { upstreamModel: 'claude-sonnet-4-5', options: {}, maxOutputTokens: 8000 }
    const call = (maxOutputTokens: number, budgetTokens: number) =>
      adapter?.encodeRequest({ ...request, maxOutputTokens, reasoning: { budgetTokens } }, target)
    expect(call(20_000, 10_000)).toMatchObject({
      body: { max_tokens: 8000, thinking: { budget_tokens: 7600 } },
      changed: [
        { field: 'maxOutputTokens' },
        { field: 'reasoning', sentAs: 'a budget of 7600 tokens' },
      ],
    })
    // Larger than the caller's own limit: with interleaved thinking that is meant.
    expect(call(4000, 10_000)?.body).toMatchObject({ thinking: { budget_tokens: 10_000 } })
  })
})
