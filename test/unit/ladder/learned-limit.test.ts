import { describe, expect, it } from 'vitest'
import { defaultLearning, LearnedLimit } from '../../../worker/edge/health/learned-limit.ts'

const settings = defaultLearning

function limit(): LearnedLimit {
  return new LearnedLimit()
}

describe('LearnedLimit', () => {
  it('grows by one an answer until it was too much, and by one a round after that', () => {
    const learned = limit()
    for (let n = 0; n < 10; n++) learned.answered(0, null, 20, 0)
    expect(learned.limit).toBe(30)
    learned.turnedAway(0)
    expect(learned.limit).toBeCloseTo(21)
    for (let n = 0; n < 21; n++) learned.answered(0, null, 20, 0)
    expect(learned.limit).toBeGreaterThan(21.9)
    expect(learned.limit).toBeLessThan(22.1)
  })

  it('grows only where more than half of it is used', () => {
    const learned = limit()
    learned.answered(0, null, 10, 0)
    expect(learned.limit).toBe(settings.start)
  })

  it('is cut once a second at most, and never to nothing', () => {
    const learned = limit()
    learned.turnedAway(0)
    learned.turnedAway(999)
    expect(learned.limit).toBeCloseTo(14)
    for (let second = 1; second < 30; second++) learned.turnedAway(second * 1000)
    expect(learned.limit).toBe(settings.least)
  })

  it('is cut when answers begin later than they used to', () => {
    const learned = limit()
    for (let n = 0; n < 40; n++) learned.answered(0, 400, 1, 0)
    expect(learned.limit).toBe(settings.start)
    for (let n = 0; n < 20; n++) learned.answered(0, 1000, 1, 5000)
    expect(learned.limit).toBeCloseTo(settings.start * settings.cutWhenLate)
  })

  it('holds no long prompt to the time of a short one, and no single slow answer against a target', () => {
    const learned = limit()
    for (let n = 0; n < 40; n++) learned.answered(0, 400, 1, 0)
    for (let n = 0; n < 40; n++) learned.answered(3, 4000, 1, 0)
    learned.answered(0, 1500, 1, 0)
    expect(learned.limit).toBe(settings.start)
  })

  it('gets used to a target that has become slower for good', () => {
    const learned = limit()
    for (let n = 0; n < 40; n++) learned.answered(0, 400, 1, 0)
    for (let n = 0; n < 3000; n++) learned.answered(0, 700, 1, n * 10)
    const after = learned.limit
    for (let n = 0; n < 100; n++) learned.answered(0, 700, 1, 40_000 + n * 1000)
    expect(learned.limit).toBe(after)
  })
})
