import { describe, expect, it } from 'vitest'
import { AdaptiveThrottle } from '../../../../worker/edge/health/throttle.ts'
import { startMs } from './support.ts'

const never = 1e12

/** Of `times` requests within a moment those that pass, with chance in even steps. */
function admitted(throttle: AdaptiveThrottle, times: number, everyMs = never): number {
  let passed = 0
  for (let request = 0; request < times; request += 1)
    if (throttle.admits(startMs, everyMs, () => (request + 0.5) / times)) passed += 1
  return passed
}

describe('AdaptiveThrottle', () => {
  it('lets the first requests through, and ever fewer while none is answered', () => {
    const throttle = new AdaptiveThrottle()
    expect(throttle.admits(startMs, never, () => 0)).toBe(true)
    const early = admitted(throttle, 20)
    expect(admitted(throttle, 200)).toBeLessThan(early + 20)
    // (requests - 2 accepts) / (requests + 1) is near 1 by now.
    expect(admitted(throttle, 100)).toBeLessThanOrEqual(1)
  })

  it('lets everything through while at least half is answered', () => {
    const throttle = new AdaptiveThrottle()
    for (let request = 0; request < 100; request += 1) {
      expect(throttle.admits(startMs, never, () => 0)).toBe(true)
      if (request % 2 === 0) throttle.accepted(startMs)
    }
  })

  it('rejects by (requests - 2 accepts) / (requests + 1)', () => {
    const throttle = new AdaptiveThrottle()
    throttle.accepted(startMs)
    for (let request = 0; request < 9; request += 1) throttle.admits(startMs, never, () => 0.99)
    // Nine requests, one answer: seven of ten are rejected.
    expect(throttle.admits(startMs, never, () => 0.69)).toBe(false)
    const same = new AdaptiveThrottle()
    same.accepted(startMs)
    for (let request = 0; request < 9; request += 1) same.admits(startMs, never, () => 0.99)
    expect(same.admits(startMs, never, () => 0.71)).toBe(true)
  })

  it('lets one through whenever the last was long enough ago', () => {
    const throttle = new AdaptiveThrottle()
    for (let request = 0; request < 1000; request += 1) throttle.admits(startMs, never, () => 0)
    expect(throttle.admits(startMs + 999, 1000, () => 0)).toBe(false)
    expect(throttle.admits(startMs + 1000, 1000, () => 0)).toBe(true)
    expect(throttle.admits(startMs + 1001, 1000, () => 0)).toBe(false)
  })

  it('forgets within some minutes', () => {
    const throttle = new AdaptiveThrottle()
    for (let request = 0; request < 1000; request += 1) throttle.admits(startMs, never, () => 0)
    const muchLaterMs = startMs + 2_000_000
    expect(throttle.admits(muchLaterMs, never, () => 0.01)).toBe(true)
  })
})
