import { describe, expect, it } from 'vitest'
import type { Feature, Field } from '../../../worker/canonical/features.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { departuresOf, isShortened } from '../../../worker/engine/departures.ts'
import type { PlannedRequest } from '../../../worker/engine/plan-request.ts'
import type { RunResult } from '../../../worker/engine/run-plan.ts'
import { classify } from '../../../worker/policy/classify.ts'

const request: CanonicalRequest = {
  model: 'chat',
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
  sampling: { temperature: 1.7, seed: 7 },
  userId: 'ann',
  fields: { userId: 'metadata.user_id', maxOutputTokens: 'max_completion_tokens' },
  stream: false,
  includeUsage: true,
  includeCost: false,
}

const planned = {
  request,
  plan: { kind: 'steps', facts: classify(request) },
} as unknown as PlannedRequest

interface Told {
  readonly warnings?: readonly string[]
  readonly unhonoured?: readonly Feature[]
  readonly changed?: readonly (readonly [Field, string])[]
}

function answered({ warnings = [], unhonoured = [], changed = [] }: Told): RunResult {
  return {
    kind: 'answered',
    step: { target: 'm@p', warnings },
    answer: { unhonoured, changed: changed.map(([field, sentAs]) => ({ field, sentAs })) },
  } as unknown as RunResult
}

const sentences = (told: Told) => departuresOf(answered(told), planned)

describe('departuresOf()', () => {
  it('names what was left out, by plan or by call, once and in the words of the caller', () => {
    expect(
      sentences({ warnings: ['seed', 'metadata.user_id'], unhonoured: ['userId', 'temperature'] }),
    ).toEqual(['m@p does not know seed, metadata.user_id, temperature; not sent'])
  })

  it('says what was sent instead, and does not call it unsent', () => {
    expect(
      sentences({
        changed: [
          ['temperature', '1'],
          ['maxOutputTokens', '64, the most'],
        ],
      }),
    ).toEqual(['temperature sent to m@p as 1', 'max_completion_tokens sent to m@p as 64, the most'])
  })

  it('says nothing where everything was sent as it came', () => {
    expect(sentences({})).toEqual([])
  })
})

describe('isShortened()', () => {
  it('is true where the answer got a lower limit, and not where something else changed', () => {
    expect(isShortened(answered({ changed: [['maxOutputTokens', '64']] }))).toBe(true)
    expect(isShortened(answered({ changed: [['temperature', '1']] }))).toBe(false)
    expect(isShortened(answered({}))).toBe(false)
  })
})
