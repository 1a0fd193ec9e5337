import { describe, expect, it } from 'vitest'
import { renderUsage } from '../../../../worker/dialects/openai-chat/usage.ts'

describe('renderUsage()', () => {
  it('is there when its three required counts are known, or follow', () => {
    for (const half of [{}, { outputTokens: 3 }, { inputTokens: 5 }, { totalTokens: 8 }, undefined])
      expect(renderUsage(half)).toBeUndefined()
    expect(renderUsage({ inputTokens: 9, totalTokens: 8 })).toBeUndefined()
    const counts = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 }
    expect(renderUsage({ inputTokens: 5, outputTokens: 3 })).toEqual(counts)
    expect(renderUsage({ inputTokens: 5, totalTokens: 8 })).toEqual(counts)
    expect(renderUsage({ outputTokens: 3, totalTokens: 8 })).toEqual(counts)
  })

  it("keeps the provider's own total, and a zero that was counted", () => {
    expect(renderUsage({ inputTokens: 0, outputTokens: 3 })).toMatchObject({
      prompt_tokens: 0,
      total_tokens: 3,
    })
    expect(renderUsage({ inputTokens: 5, outputTokens: 3, totalTokens: 10 })).toMatchObject({
      total_tokens: 10,
    })
  })
})
