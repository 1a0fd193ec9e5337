import { afterEach, describe, expect, it, vi } from 'vitest'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { explain } from '../../../worker/policy/explain.ts'
import { plan } from '../../../worker/policy/plan.ts'
import type { PlanInput } from '../../../worker/policy/plan-input.ts'
import { inputFor } from '../../support/policy-world.ts'

const seed = Number(process.env['SEED'] ?? 20_261_120)

/** Park and Miller's generator: the test owns its chance. */
function numbers(from: number): () => number {
  let state = (from % 2_147_483_646) + 1
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647
}

const features = ['tools', 'jsonSchema', 'temperature', 'stop', 'seed', 'imageUrl'] as const

function anyCandidate(index: number, random: () => number): Candidate {
  const provider = `p${Math.floor(random() * 4)}`
  const maybe = (value: number) => (random() < 0.3 ? null : Math.round(value))
  return {
    target: `m${index}@${provider}`,
    provider,
    model: `m${index}`,
    tier: Math.floor(random() * 3),
    weight: Math.floor(random() * 5),
    features: new Set(features.filter(() => random() < 0.8)),
    contextTokens: maybe(random() * 10_000),
    maxOutputTokens: maybe(4096),
    inputUsdPerMillion: maybe(random() * 10),
    outputUsdPerMillion: maybe(random() * 30),
    wire: random() < 0.5 ? 'openai-chat' : 'anthropic-messages',
    notBeforeMs: random() < 0.3 ? Math.floor(random() * 2000) : 0,
    unavailable: random() < 0.1 ? 'KEY is not set here' : null,
  }
}

function anyRequest(random: () => number): CanonicalRequest {
  const text = 'x'.repeat(Math.floor(random() * 30_000))
  return {
    model: 'chat',
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    sampling: {
      ...(random() < 0.5 ? { seed: 7, topK: 4, minP: 0.1 } : {}),
      ...(random() < 0.5 ? { temperature: 1 } : {}),
    },
    ...(random() < 0.3 ? { stop: ['x'] } : {}),
    ...(random() < 0.3 ? { provider: { sort: 'price' } } : {}),
    ...(random() < 0.3 ? { provider: { order: ['p2', 'p0'] } } : {}),
    stream: true,
    includeUsage: true,
    includeCost: false,
  }
}

/** What a decision record keeps: facts, preferences, what was known, when, and the seed. */
function inputOf(
  request: CanonicalRequest,
  candidates: readonly Candidate[],
  seed: number,
): PlanInput {
  return inputFor(request, candidates, { nowMs: 1000, seed })
}

function madeOf(input: PlanInput) {
  const made = plan(input)
  return { text: JSON.stringify(made), explained: JSON.stringify(explain(made)) }
}

afterEach(() => vi.restoreAllMocks())

describe('replay', () => {
  it('gives the same plan and the same explanation, byte for byte, from the recorded input', () => {
    console.log(`replay: seed ${seed}`)
    for (let round = 0; round < 500; round++) {
      const random = numbers(seed + round)
      const request = anyRequest(random)
      const known = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index) =>
        anyCandidate(index, random),
      )
      const input = inputOf(request, known, seed + round)
      // What was read from a record is equal and not the same object.
      expect(madeOf(structuredClone(input))).toEqual(madeOf(input))
    }
  })

  it('is the same whatever the seed where there is nothing to choose', () => {
    const random = numbers(seed)
    const known = Array.from({ length: 3 }, (_, tier) => ({
      ...anyCandidate(tier, random),
      tier,
      unavailable: null,
    }))
    const request = anyRequest(random)
    for (const other of [0, 1, 2 ** 31, 2 ** 32 - 1])
      expect(madeOf(inputOf(request, known, other))).toEqual(madeOf(inputOf(request, known, seed)))
  })

  it('reads no clock and no chance of its own', () => {
    vi.spyOn(Date, 'now').mockImplementation(() => {
      throw new Error('the policy read the clock')
    })
    vi.spyOn(Math, 'random').mockImplementation(() => {
      throw new Error('the policy drew by itself')
    })
    const random = numbers(seed)
    const known = Array.from({ length: 6 }, (_, index) => anyCandidate(index, random))
    expect(() => madeOf(inputOf(anyRequest(random), known, seed))).not.toThrow()
  })

  it('asks those that wait in the order in which they may be asked', () => {
    const random = numbers(seed)
    const known = [5000, 3000, 9000].map((notBeforeMs, tier) => ({
      ...anyCandidate(tier, random),
      notBeforeMs,
      tier,
      unavailable: null,
      contextTokens: null,
      features: new Set(features),
    }))
    const request = { ...anyRequest(random), sampling: {}, provider: {} }
    const made = plan(inputOf(request, known, seed))
    expect(made.kind === 'steps' && made.steps.map(({ notBeforeMs }) => notBeforeMs)).toEqual([
      3000, 5000, 9000,
    ])
  })
})
