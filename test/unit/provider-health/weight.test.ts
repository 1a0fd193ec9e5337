import { describe, expect, it } from 'vitest'
import { rampWeight, weightOf } from '../../../durable-objects/provider-health/weight.ts'
import { World, row } from './support.ts'

describe('rampWeight()', () => {
  it.each([
    [0, 0.1],
    [3000, 0.1],
    [6000, 0.2],
    [15_000, 0.5],
    [30_000, 1],
    [90_000, 1],
  ])('%d ms after it closed is %d', (ageMs, weight) => {
    expect(rampWeight(ageMs)).toBeCloseTo(weight)
  })
})

describe('weightOf()', () => {
  const healthy = new World().count(row('ok')).target

  it('of a healthy target is 1', () => {
    expect(weightOf(healthy, 0)).toBe(1)
  })

  it('of one that fails at a rate f is (1 - f)^2', () => {
    expect(weightOf({ ...healthy, failRate: 0.2 }, 0)).toBeCloseTo(0.64)
  })

  it('of a slow one is a tenth', () => {
    expect(weightOf({ ...healthy, slow: true }, 0)).toBeCloseTo(0.1)
  })

  it('of one that comes back grows while the snapshot ages', () => {
    expect(weightOf({ ...healthy, rampAgeMs: 6000 }, 9000)).toBeCloseTo(0.5)
    expect(weightOf({ ...healthy, rampAgeMs: 6000, slow: true }, 9000)).toBeCloseTo(0.05)
  })
})
