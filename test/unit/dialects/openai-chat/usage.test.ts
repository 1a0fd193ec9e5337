import { describe, expect, it } from 'vitest'
import { renderUsage } from '../../../../worker/dialects/openai-chat/usage.ts'

describe('renderUsage()', () => {
  it('leaves out what no provider counted, and adds nothing up that is half known', () => {
    expect(renderUsage({ outputTokens: 3 })).toEqual({ completion_tokens: 3 })
    expect(renderUsage({ inputTokens: 5 })).toEqual({ prompt_tokens: 5 })
    expect(renderUsage({})).toBeUndefined()
    expect(renderUsage(undefined)).toBeUndefined()
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
