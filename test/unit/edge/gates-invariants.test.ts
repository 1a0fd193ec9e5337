import { describe, expect, it } from 'vitest'
import { Gates } from '../../../worker/edge/gates.ts'

const never = () => 0

describe('Gates', () => {
  it('are open until a provider asks to wait, each for itself', () => {
    const gates = new Gates()
    gates.close('a@x', 1000, 5000, never)
    expect(gates.notBeforeMs('a@x')).toBe(6000)
    expect(gates.notBeforeMs('b@x')).toBe(0)
  })

  it('never shorten what was asked before: max(old, new), in any order', () => {
    const waits = [60_000, 1000, 250, 30_000]
    for (const order of [waits, waits.toReversed()]) {
      const gates = new Gates()
      for (const wait of order) gates.close('a@x', 0, wait, never)
      expect(gates.notBeforeMs('a@x')).toBe(60_000)
    }
  })

  it('believe waits from a quarter of a second to five minutes', () => {
    const waited = (wait: number) => {
      const gates = new Gates()
      gates.close('a@x', 0, wait, never)
      return gates.notBeforeMs('a@x')
    }
    expect(waited(0)).toBe(250)
    expect(waited(-5)).toBe(250)
    expect(waited(1e12)).toBe(300_000)
    expect(waited(Infinity)).toBe(300_000)
  })

  it('spread the end over a fifth of the wait, so that callers do not come back together', () => {
    const ends = [0, 0.5, 0.999].map((draw) => {
      const gates = new Gates()
      gates.close('a@x', 0, 10_000, () => draw)
      return gates.notBeforeMs('a@x')
    })
    expect(ends).toEqual([10_000, 11_000, 11_998])
  })

  it('open again by themselves: a gate is a time, not a state', () => {
    const gates = new Gates()
    gates.close('a@x', 0, 1000, never)
    expect(gates.notBeforeMs('a@x') > 1001).toBe(false)
  })
})
