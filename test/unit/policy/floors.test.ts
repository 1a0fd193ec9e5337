import { describe, expect, it } from 'vitest'
import type { Feature } from '../../../worker/canonical/features.ts'
import { belowFloor, wilsonUpperBound, type Floors } from '../../../worker/policy/floors.ts'
import { unmeasured, type Measured } from '../../../worker/policy/measured.ts'
import { candidateOf } from '../../support/policy-world.ts'

const floors: Floors = { schemaValidity: 0.98, toolCallSuccess: 0.95, minSamples: 20 }
const asks =
  (...features: Feature[]) =>
  (feature: Feature) =>
    features.includes(feature)
const below = (measured: Partial<Measured>, asksFor = asks('jsonSchema')) =>
  belowFloor(candidateOf('m@p', { measured: { ...unmeasured, ...measured } }), floors, asksFor)

describe('belowFloor()', () => {
  it('is below when even the best that its answers allow is below', () => {
    expect(below({ schemaValidity: 0.8, schemaSamples: 50 })).toBe(
      '80 % of its answers hold to their schema, below the floor of 98 %',
    )
    expect(below({ toolCallValidity: 0.5, toolCallSamples: 50 }, asks('tools'))).toBe(
      '50 % of its answers have sound tool calls, below the floor of 95 %',
    )
  })

  it('is not below for a few answers, nor for bad luck', () => {
    expect(below({ schemaValidity: 0, schemaSamples: 19 })).toBeNull()
    // 29 of 30: a target of 98 % does that in nearly half of all cases.
    expect(below({ schemaValidity: 29 / 30, schemaSamples: 30 })).toBeNull()
    expect(below({ schemaValidity: null, schemaSamples: 0 })).toBeNull()
  })

  it('asks nothing of requests that have no such need', () => {
    expect(below({ schemaValidity: 0.1, schemaSamples: 500 }, asks('tools'))).toBeNull()
    expect(below({ toolCallValidity: 0.1, toolCallSamples: 500 }, asks('jsonMode'))).toBeNull()
    expect(belowFloor(candidateOf('m@p'), floors, asks('jsonSchema'))).toBeNull()
  })

  it('comes back as its samples lose their weight', () => {
    const share = 0.95
    expect(below({ schemaValidity: share, schemaSamples: 200 })).not.toBeNull()
    expect(below({ schemaValidity: share, schemaSamples: 22 })).toBeNull()
  })
})

describe('wilsonUpperBound()', () => {
  it('holds the true share in about 95 % of samples', () => {
    expect(wilsonUpperBound(0.9, 100)).toBeCloseTo(0.9392, 3)
    expect(wilsonUpperBound(1, 10)).toBe(1)
    expect(wilsonUpperBound(0, 0)).toBe(1)
  })
})
