import { describe, expect, it } from 'vitest'
import {
  afterRamp,
  afterRateLimit,
  type Gate,
  openGate,
  rateAt,
} from '../../../durable-objects/provider-health/rules/gate.ts'
import {
  afterLockProbe,
  afterRefusal,
  freeLockout,
  type Lockout,
} from '../../../durable-objects/provider-health/rules/lockout.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

describe('afterRateLimit()', () => {
  const limited = (gate: Gate, retryAfterMs: number | undefined, draw = 0, atMs = startMs) =>
    afterRateLimit(gate, atMs, retryAfterMs, () => draw, settings)

  it('waits as long as it was asked to, and up to a fifth longer', () => {
    const waits = [0, 0.5, 1].map((draw) => limited(openGate, 10_000, draw).notBeforeMs - startMs)
    expect(waits).toEqual([10_000, 11_000, 12_000])
  })

  it.each([
    [0, 250],
    [250, 250],
    [300_000, 300_000],
    [3_600_000, 300_000],
    [Infinity, 300_000],
    [undefined, 1000],
  ])('takes a Retry-After of %s ms for %d', (askedMs, waitMs) => {
    expect(limited(openGate, askedMs).notBeforeMs - startMs).toBe(waitMs)
  })

  it('never shortens a wait: max(old, new)', () => {
    const long = limited(openGate, 60_000)
    expect(limited(long, 1000)).toBe(long)
    expect(limited(long, 60_000, 0, startMs + 1).notBeforeMs).toBe(startMs + 60_001)
  })
})

describe('afterRamp()', () => {
  const ramp = (gate: Gate, seenPerS: number, nowMs = startMs) =>
    afterRamp(gate, seenPerS, nowMs, settings)
  const perS = (gate: Gate, nowMs = startMs) => rateAt(gate, nowMs, settings)

  it('cuts to seven tenths of what was sent, and of the limit the next time', () => {
    const once = ramp(openGate, 10)
    expect(perS(once)).toBeCloseTo(7)
    expect(perS(ramp(once, 10, startMs + 1000), startMs + 1000)).toBeCloseTo(7 * 1.05 * 0.7)
  })

  it('takes a burst for one message: once in a second', () => {
    const once = ramp(openGate, 10)
    expect(ramp(once, 10, startMs + 999)).toBe(once)
    expect(ramp(once, 10, startMs + 1000)).not.toBe(once)
  })

  it('grows by 5 % a second and is lifted at twice the rate that was too much', () => {
    const gate = ramp(openGate, 10)
    expect(perS(gate, startMs + 1000)).toBeCloseTo(7.35)
    expect(perS(gate, startMs + 21_000)).toBeCloseTo(19.5, 1)
    expect(perS(gate, startMs + 22_000)).toBeNull()
    expect(perS(gate, startMs - 1000)).toBeCloseTo(7)
  })

  it('leaves a tenth of a request per second in the worst case', () => {
    expect(perS(ramp(openGate, 0.01))).toBe(0.1)
  })

  it('leaves the wait of the gate alone', () => {
    const shut = { ...openGate, notBeforeMs: startMs + 5000 }
    expect(ramp(shut, 10).notBeforeMs).toBe(startMs + 5000)
  })

  it('has no limit before the first', () => {
    expect(perS(openGate)).toBeNull()
  })
})

describe('a lockout', () => {
  const waitMs = (lockout: Lockout, nowMs: number) =>
    lockout.kind === 'locked' ? lockout.untilMs - nowMs : null
  const locked = afterRefusal(freeLockout(startMs), startMs, settings)

  it('is probed after 5 minutes, then each time after twice as long, at last every hour', () => {
    let lockout = locked
    const waits = [waitMs(lockout, startMs)]
    for (let probe = 0; probe < 5; probe += 1) {
      lockout = afterLockProbe(lockout, 'refused', startMs, settings)
      waits.push(waitMs(lockout, startMs))
    }
    expect(waits).toEqual([300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 3_600_000])
    expect(lockout.epoch).toBe(6)
  })

  it('learns nothing from a refusal without a permit', () => {
    expect(afterRefusal(locked, startMs + 1000, settings)).toBe(locked)
  })

  it('ends with one good probe, and stays with one that says nothing', () => {
    expect(afterLockProbe(locked, 'inconclusive', startMs, settings)).toBe(locked)
    const free = afterLockProbe(locked, 'good', startMs + 5, settings)
    expect(free).toEqual({ kind: 'free', epoch: 1, sinceMs: startMs + 5 })
    expect(afterLockProbe(free, 'refused', startMs, settings)).toBe(free)
  })

  it('begins with five minutes again', () => {
    const free = afterLockProbe(locked, 'good', startMs, settings)
    expect(waitMs(afterRefusal(free, startMs, settings), startMs)).toBe(300_000)
  })
})
