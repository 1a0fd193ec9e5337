import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  defaultCalibrationSettings,
  learnedBasisPoints,
  newCalibration,
  observe,
  rulesFor,
} from '../../../worker/edge/ledger/calibration.ts'
import { defaultWorstCaseRules } from '../../../worker/edge/ledger/worst-case.ts'

const target = 'm@a'

function learn(shares: readonly number[], more = {}) {
  const calibration = newCalibration({ ...defaultCalibrationSettings, ...more })
  for (const share of shares)
    observe(calibration, { target, boundTokens: 10_000, inputTokens: share })
  return calibration
}

const many = (share: number, count = 100) => Array.from({ length: count }, () => share)

describe('learnedBasisPoints()', () => {
  it('is all of the bound until enough was seen', () => {
    expect(learnedBasisPoints(newCalibration(), target)).toBe(10_000)
    expect(learnedBasisPoints(learn(many(2500, 49)), target)).toBe(10_000)
    expect(learnedBasisPoints(learn(many(2500, 60)), target)).toBe(2600)
    expect(learnedBasisPoints(learn(many(2500)), 'other@a')).toBe(10_000)
  })

  it('holds for ninety-nine of a hundred requests, not for the average', () => {
    expect(learnedBasisPoints(learn([...many(2500, 97), ...many(8000, 3)]), target)).toBe(8000)
  })

  it('forgets: after a while the new prompts decide', () => {
    const calibration = learn(many(9000))
    for (let index = 0; index < 5000; index++)
      observe(calibration, { target, boundTokens: 10_000, inputTokens: 2000 })
    expect(learnedBasisPoints(calibration, target)).toBe(2000)
  })

  it('learns nothing from counts that cannot be true, and from prompts that are hardly text', () => {
    const calibration = newCalibration()
    for (let index = 0; index < 100; index++)
      for (const [boundTokens, inputTokens] of [
        [10_000, undefined],
        [10_000, 0],
        [10_000, -5],
        [10_000, 0.5],
        [10_000, Number.NaN],
        [199, 10],
        [Number.NaN, 10],
      ] as const)
        observe(calibration, { target, boundTokens, inputTokens })
    expect(calibration.models.size).toBe(0)
  })

  it('is never less than a step and never more than the bound', () => {
    expect(learnedBasisPoints(learn(many(1)), target)).toBe(200)
    expect(learnedBasisPoints(learn(many(10_000)), target)).toBe(10_000)
    expect(learnedBasisPoints(learn(many(25_000)), target)).toBe(10_000)
  })

  it('covers what it has seen, up to the percentile', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 60, maxLength: 200 }),
        (shares) => {
          const calibration = learn(shares, { halfLifeRequests: 1e9 })
          const learned = learnedBasisPoints(calibration, target)
          const covered = shares.filter((share) => share <= learned).length
          expect(covered / shares.length).toBeGreaterThanOrEqual(0.99 - 1e-6)
        },
      ),
    )
  })

  it('keeps as many models as it may, the last used ones', () => {
    const calibration = newCalibration({ ...defaultCalibrationSettings, maxModels: 2 })
    for (const name of ['a', 'b', 'a', 'c'])
      observe(calibration, { target: name, boundTokens: 1000, inputTokens: 100 })
    expect([...calibration.models.keys()]).toEqual(['a', 'c'])
  })
})

describe('rulesFor()', () => {
  const calibration = learn(many(2500))
  const request = { target, boundTokens: 1000, hasHardBudget: false, isStrict: false }

  it('uses what was learned for soft budgets', () => {
    expect(rulesFor(calibration, defaultWorstCaseRules, request)).toEqual({
      ...defaultWorstCaseRules,
      isStrict: false,
      estimate: { inputTokens: 1000, basisPoints: 2600 },
    })
  })

  it('counts bytes for a hard budget and for a strict tenant', () => {
    const base = { ...defaultWorstCaseRules, estimate: { inputTokens: 1, basisPoints: 1 } }
    for (const more of [{ hasHardBudget: true }, { isStrict: true }])
      expect(rulesFor(calibration, base, { ...request, ...more })).toEqual(defaultWorstCaseRules)
  })
})
