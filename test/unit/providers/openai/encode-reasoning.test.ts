import { describe, expect, it } from 'vitest'
import { adapterOf } from '../../../../worker/providers/index.ts'
import { requestOf } from '../../../support/recorded-exchange.ts'

const asks = [{ effort: 'low' as const }, { budgetTokens: 2048, enabled: true }, { enabled: false }]

describe('encodeRequest() for a model that cannot think', () => {
  it.each(['openai', 'azure-openai', 'openrouter', 'deepseek', 'groq'])(
    'sends %s no word about thinking, because the caller is told so',
    (id) => {
      for (const reasoning of asks) {
        const call = adapterOf(id)?.encodeRequest(requestOf({ reasoning }), {
          upstreamModel: 'm',
          options: {},
          facts: { reasoning: false },
        })
        expect(JSON.stringify(call?.body)).not.toMatch(/reasoning|thinking|effort/)
      }
    },
  )
})
