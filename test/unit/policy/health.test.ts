import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Candidate, TargetHealth } from '../../../worker/policy/candidate.ts'
import { rank } from '../../../worker/policy/rank.ts'
import { chatRequest } from '../../support/fake-host.ts'
import { planFor } from '../../support/policy-world.ts'

const nowMs = 1000

const well: TargetHealth = {
  state: 'closed',
  why: null,
  slow: false,
  weight: 1,
  loadMs: null,
  full: false,
}
const open = (why = 'its circuit is open (blackout: 5 of 5 failed in 6 s)'): TargetHealth => ({
  ...well,
  state: 'barred',
  why,
})

function candidate(target: string, more: Partial<Candidate> = {}): Candidate {
  const [model = '', provider = ''] = target.split('@')
  return {
    target,
    provider,
    model,
    tier: 0,
    weight: 1,
    features: new Set(),
    contextTokens: null,
    maxOutputTokens: null,
    inputUsdPerMillion: 1,
    outputUsdPerMillion: 2,
    wire: 'openai-chat',
    notBeforeMs: 0,
    unavailable: null,
    ...more,
  }
}

function order(candidates: readonly Candidate[], random: () => number = () => 0): string[] {
  return rank(candidates, {}, nowMs, random).map(({ target }) => target)
}

function firstReason(candidates: readonly Candidate[]): string {
  const made = planFor(chatRequest(), candidates, { nowMs })
  return made.kind === 'steps' ? made.steps[0].reason : ''
}

describe('rank() with health', () => {
  it('puts an open circuit behind every tier, and never drops it', () => {
    const candidates = [
      candidate('a@x', { health: open(), notBeforeMs: 9000 }),
      candidate('b@y', { tier: 1 }),
      candidate('c@z', { tier: 2 }),
    ]
    expect(order(candidates)).toEqual(['b@y', 'c@z', 'a@x'])
  })

  it('asks the one that may be tried soonest when all are barred', () => {
    const candidates = [
      candidate('a@x', { health: open(), notBeforeMs: 9000 }),
      candidate('b@y', { tier: 1, health: open(), notBeforeMs: 3000 }),
    ]
    expect(order(candidates)).toEqual(['b@y', 'a@x'])
  })

  it('takes a slow one before any that is down, when all are barred', () => {
    const slow = { ...open('its circuit is open (slow)'), slow: true }
    const candidates = [
      candidate('a@x', { health: open(), notBeforeMs: 3000 }),
      candidate('b@y', { tier: 1, health: slow, notBeforeMs: 9000 }),
    ]
    expect(order(candidates)).toEqual(['b@y', 'a@x'])
  })

  it('lets a probe go first in its tier, with the rest of the plan behind it', () => {
    const candidates = [
      candidate('a@x', { health: { ...well, loadMs: 10 } }),
      candidate('b@y', { health: { ...well, state: 'probe', loadMs: 9000 } }),
      candidate('c@z', { tier: 1 }),
    ]
    expect(order(candidates)).toEqual(['b@y', 'a@x', 'c@z'])
  })

  it('puts a full target behind the others, before those that are barred', () => {
    const candidates = [
      candidate('a@x', { health: { ...well, full: true } }),
      candidate('b@y', { tier: 1 }),
      candidate('c@z', { tier: 2, health: open() }),
    ]
    expect(order(candidates)).toEqual(['b@y', 'a@x', 'c@z'])
  })

  it('takes the less loaded of two, by time to first token over the share of traffic', () => {
    const fast = candidate('a@x', { health: { ...well, loadMs: 300 } })
    const late = candidate('b@y', { health: { ...well, loadMs: 900 } })
    for (const draw of [0, 0.3, 0.7, 0.999]) expect(order([late, fast], () => draw)[0]).toBe('a@x')
    const recovering = candidate('a@x', { health: { ...well, loadMs: 300, weight: 0.1 } })
    expect(order([late, recovering])[0]).toBe('b@y')
  })

  it('takes the cheaper of two that are equally loaded', () => {
    const dear = candidate('a@x', { inputUsdPerMillion: 10 })
    for (const draw of [0, 0.6]) expect(order([dear, candidate('b@y')], () => draw)[0]).toBe('b@y')
  })

  it('tries what nobody has measured', () => {
    const measured = candidate('a@x', { health: { ...well, loadMs: 1 } })
    expect(order([measured, candidate('b@y')])[0]).toBe('b@y')
  })

  it('keeps a declared split of weights, shifted by health', () => {
    const split = (weight: number) => [
      candidate('a@x', { weight: 9, health: { ...well, loadMs: 5000, weight } }),
      candidate('b@y', { weight: 1, health: { ...well, loadMs: 1 } }),
    ]
    const share = (candidates: readonly Candidate[]) => {
      const draws = Array.from({ length: 1000 }, (_, index) => (index + 0.5) / 1000)
      return draws.filter((draw) => order(candidates, () => draw)[0] === 'a@x').length
    }
    expect(share(split(1))).toBe(900)
    // 9 x 0.1 against 1.
    expect(share(split(0.1))).toBe(474)
  })

  it('draws nothing where there is nothing to choose', () => {
    const never = () => {
      throw new Error('a number was drawn')
    }
    const alone = [candidate('a@x', { notBeforeMs: 9000 }), candidate('b@y', { tier: 1 })]
    expect(order(alone, never)).toEqual(['b@y', 'a@x'])
  })

  it('keeps every candidate exactly once, whatever their health', () => {
    const health = fc.record({
      state: fc.constantFrom('closed' as const, 'probe' as const, 'barred' as const),
      why: fc.constant(null),
      slow: fc.boolean(),
      weight: fc.double({ min: 0, max: 1, noNaN: true }),
      loadMs: fc.option(fc.nat(10_000)),
      full: fc.boolean(),
    })
    const one = fc.record({
      tier: fc.nat(3),
      weight: fc.nat(5),
      notBeforeMs: fc.nat(3000),
      health,
    })
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 8 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (ones, draws) => {
          const candidates = ones.map((more, index) => candidate(`m${index}@p`, more))
          const ranked = rank(candidates, {}, nowMs, () => draws.next().value as number)
          expect(ranked.map(({ target }) => target).toSorted()).toEqual(
            candidates.map(({ target }) => target).toSorted(),
          )
          const barred = ranked.map(
            ({ health: own, notBeforeMs }) => own?.state === 'barred' || notBeforeMs > nowMs,
          )
          expect(barred.toSorted((a, b) => Number(a) - Number(b))).toEqual(barred)
        },
      ),
    )
  })
})

describe('plan() reasons', () => {
  it('names the circuit that decided', () => {
    const candidates = [
      candidate('a@x', { health: open(), notBeforeMs: 9000 }),
      candidate('b@y', { tier: 1 }),
    ]
    expect(firstReason(candidates)).toBe(
      'tier 2, first in order; a@x passed over: its circuit is open (blackout: 5 of 5 failed in 6 s)',
    )
  })

  it('does not speak of a circuit that decided nothing', () => {
    const candidates = [candidate('b@y'), candidate('a@x', { tier: 1, health: open() })]
    expect(firstReason(candidates)).toBe('tier 1, first in order')
  })

  it('says that a target is tried again', () => {
    const probing: TargetHealth = { ...well, state: 'probe', why: 'its circuit is half-open' }
    const candidates = [candidate('a@x', { health: probing }), candidate('b@y', { tier: 1 })]
    expect(firstReason(candidates)).toBe('tier 1, tried again: its circuit is half-open')
  })

  it('says when the only target is asked in spite of its circuit', () => {
    expect(firstReason([candidate('a@x', { health: open('its circuit is open') })])).toBe(
      'the only target that may and can answer, although its circuit is open',
    )
  })
})
