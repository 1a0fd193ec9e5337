import { describe, expect, it } from 'vitest'
import { defaultWatchSettings } from '../../../../worker/edge/health/settings.ts'
import { TargetLoad } from '../../../../worker/edge/health/target-load.ts'
import { startMs } from './support.ts'

function load(inFlight = 0): TargetLoad {
  const made = new TargetLoad(defaultWatchSettings)
  for (let call = 0; call < inFlight; call += 1) made.began(startMs)
  return made
}

describe('TargetLoad as a guard of concurrency', () => {
  it('lets a cold isolate send as many as there are, while nothing speaks against it', () => {
    const made = load(500)
    expect(made.full).toBe(false)
    made.struggled(startMs)
    expect(made.full).toBe(true)
  })

  it('shares out the most that is ever learned before there is anything to learn from', () => {
    expect(load().limit).toBe(200)
  })

  it('is full at its limit once it has struggled, and not any more when a call has ended', () => {
    const made = load(13)
    made.struggled(startMs)
    expect(made.limit).toBe(14)
    expect(made.full).toBe(false)
    made.began(startMs)
    expect(made.full).toBe(true)
    made.ended()
    expect(made.full).toBe(false)
    expect(made.inFlight).toBe(13)
  })

  it('begins with seven tenths of what is on its way when that is more than it has shown to take', () => {
    const made = load(100)
    made.struggled(startMs)
    expect(made.limit).toBeCloseTo(70)
    expect(made.full).toBe(true)
    made.struggled(startMs + 1000)
    expect(made.limit).toBeCloseTo(49)
  })

  it('makes room for one more with each answer while more than half of it is used', () => {
    const used = load(8)
    used.struggled(startMs)
    used.answered()
    expect(used.limit).toBe(15)
    const idle = load(7)
    idle.struggled(startMs)
    idle.answered()
    expect(idle.limit).toBe(14)
  })

  it('grows no further than its most', () => {
    const made = load(150)
    made.struggled(startMs)
    for (let answer = 0; answer < 400; answer += 1) made.answered()
    expect(made.limit).toBe(200)
  })

  it('takes three tenths away when the target struggles, at most once a second, and never the last four', () => {
    const made = load()
    made.struggled(startMs)
    expect(made.limit).toBe(14)
    made.struggled(startMs + 999)
    expect(made.limit).toBe(14)
    made.struggled(startMs + 1000)
    expect(made.limit).toBeCloseTo(9.8)
    for (let second = 2; second < 20; second += 1) made.struggled(startMs + second * 1000)
    expect(made.limit).toBe(4)
  })
})

describe('TargetLoad as a measure of speed', () => {
  it('believes a slower answer at once', () => {
    const made = load()
    made.measured(0, 400, startMs)
    made.measured(0, 2000, startMs + 10)
    expect(made.loadMs(0, null)).toBe(2000)
  })

  it('believes a faster one gradually: in ten seconds to 63 %', () => {
    const made = load()
    made.measured(0, 2000, startMs)
    made.measured(0, 400, startMs + 10_000)
    expect(made.loadMs(0, null)).toBeCloseTo(400 + 1600 / Math.E)
    made.measured(0, 400, startMs + 10_001)
    expect(made.loadMs(0, null)).toBeCloseTo(400 + 1600 / Math.E, -1)
  })

  it('counts the call that would come on top of those on their way', () => {
    const made = load(3)
    made.measured(0, 500, startMs)
    expect(made.loadMs(0, null)).toBe(2000)
  })

  it('keeps sizes of prompts apart, and takes the word of others for what it has not measured', () => {
    const made = load(1)
    made.measured(0, 500, startMs)
    expect(made.loadMs(3, null)).toBeNull()
    expect(made.loadMs(3, 9000)).toBe(18_000)
    expect(made.loadMs(0, 9000)).toBe(1000)
  })

  it('knows when its last call began', () => {
    expect(load().lastBegunAtMs).toBe(-Infinity)
    expect(load(1).lastBegunAtMs).toBe(startMs)
  })
})
