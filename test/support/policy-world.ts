import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import type { Candidate } from '../../worker/policy/candidate.ts'
import { classify } from '../../worker/policy/classify.ts'
import { plan, type Plan } from '../../worker/policy/plan.ts'
import type { PlanInput } from '../../worker/policy/plan-input.ts'
import { plainPolicy } from '../../worker/policy/route-policy.ts'
import { seededRandom } from '../../worker/policy/seeded-random.ts'

/** A target of which everything is known and nothing is wrong. */
export function candidateOf(target: string, more: Partial<Candidate> = {}): Candidate {
  const [model = '', provider = ''] = target.split('@')
  return {
    target,
    provider,
    model,
    tier: 0,
    weight: 1,
    features: new Set(['tools', 'jsonSchema', 'temperature', 'stop']),
    contextTokens: 100_000,
    maxOutputTokens: 8192,
    inputUsdPerMillion: 1,
    outputUsdPerMillion: 2,
    wire: 'openai-chat',
    notBeforeMs: 0,
    unavailable: null,
    ...more,
  }
}

/** The input of a plan for `request`, on a route without options unless `more` says otherwise. */
export function inputFor(
  request: CanonicalRequest,
  candidates: readonly Candidate[],
  more: Partial<PlanInput> = {},
): PlanInput {
  return {
    facts: classify(request),
    preferences: request.provider ?? {},
    candidates,
    policy: plainPolicy,
    isThrifty: false,
    nowMs: 0,
    seed: 0,
    ...more,
  }
}

export function planFor(
  request: CanonicalRequest,
  candidates: readonly Candidate[],
  more: Partial<PlanInput> = {},
): Plan {
  return plan(inputFor(request, candidates, more))
}

/** A seed whose first number is in [from, to). */
export function seedDrawing(from: number, to: number): number {
  for (let seed = 0; seed < 1_000_000; seed++) {
    const first = seededRandom(seed)()
    if (first >= from && first < to) return seed
  }
  throw new RangeError(`no seed draws a number in [${from}, ${to})`)
}

/** One seed for each of `count` equal parts of [0, 1). */
export function seedsOverAll(count: number): readonly number[] {
  const seeds = new Map<number, number>()
  for (let seed = 0; seeds.size < count; seed++) {
    if (seed === 1_000_000)
      throw new RangeError(`a million seeds draw from ${seeds.size} parts only`)
    const part = Math.floor(seededRandom(seed)() * count)
    if (!seeds.has(part)) seeds.set(part, seed)
  }
  return [...seeds.values()]
}
