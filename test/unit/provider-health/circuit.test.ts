import { describe, expect, it } from 'vitest'
import {
  afterLapse,
  afterProbe,
  afterWait,
  type Circuit,
  closedCircuit,
  type HalfOpen,
  multiplierAt,
  opened,
  openWaitMs,
  permitsAllowed,
  type Trouble,
} from '../../../durable-objects/provider-health/rules/circuit.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

const low = () => 0
const high = () => 1
const trouble: Trouble = { cause: 'blackout', evidence: null }

const open = (circuit: Circuit, nowMs = startMs, waitUntilMs = 0) =>
  opened(circuit, trouble, waitUntilMs, nowMs, low, settings)

function halfOpen(parts: Partial<HalfOpen> = {}, multiplier = 1): Circuit {
  const phase: HalfOpen = {
    kind: 'half_open',
    sinceMs: startMs,
    trouble,
    clean: 0,
    slowAnswers: 0,
    lapses: 0,
    ...parts,
  }
  return { epoch: 7, multiplier, phase }
}

const probed = (circuit: Circuit, kind: 'clean' | 'slow' | 'inconclusive') =>
  afterProbe(circuit, { kind }, startMs, low, settings)

describe('openWaitMs()', () => {
  it.each([
    [1, 2500, 5000],
    [2, 5000, 10_000],
    [3, 10_000, 20_000],
    [4, 20_000, 40_000],
    [5, 40_000, 80_000],
    [6, 60_000, 120_000],
  ])('the %d. time is from %d to %d ms', (multiplier, fromMs, toMs) => {
    expect(openWaitMs(multiplier, low, settings)).toBe(fromMs)
    expect(openWaitMs(multiplier, high, settings)).toBe(toMs)
  })
})

describe('opened()', () => {
  it('begins a generation each time, and waits longer up to the sixth time', () => {
    let circuit = closedCircuit(startMs)
    const seen: number[] = []
    for (let time = 1; time <= 8; time += 1) {
      circuit = open(circuit)
      seen.push(circuit.multiplier)
      expect(circuit.epoch).toBe(time)
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 6, 6])
  })

  it('waits as long as every failure asked for, and no longer than two minutes', () => {
    const until = (waitUntilMs: number) => {
      const { phase } = open(closedCircuit(startMs), startMs, waitUntilMs)
      return phase.kind === 'open' ? phase.untilMs - startMs : null
    }
    expect(until(0)).toBe(2500)
    expect(until(startMs + 1000)).toBe(2500)
    expect(until(startMs + 30_000)).toBe(30_000)
    expect(until(startMs + 600_000)).toBe(120_000)
  })
})

describe('multiplierAt()', () => {
  const closed = (sinceMs: number): Circuit => ({
    epoch: 3,
    multiplier: 3,
    phase: { kind: 'closed', sinceMs, afterOutage: true },
  })

  it.each([
    [0, 3],
    [59_999, 3],
    [60_000, 2],
    [120_000, 1],
    [180_000, 0],
    [900_000, 0],
  ])('after %d ms closed is %d', (closedForMs, multiplier) => {
    expect(multiplierAt(closed(startMs), startMs + closedForMs, settings)).toBe(multiplier)
  })

  it('falls only while closed', () => {
    expect(multiplierAt(halfOpen({}, 4), startMs + 900_000, settings)).toBe(4)
  })

  it('decides the next wait', () => {
    expect(open(closed(startMs), startMs + 60_000).multiplier).toBe(3)
  })
})

describe('afterWait()', () => {
  it('is half-open at the end of the wait and not before, in the same generation', () => {
    const circuit = open(closedCircuit(startMs))
    expect(afterWait(circuit, startMs + 2499)).toBe(circuit)
    const { epoch, phase } = afterWait(circuit, startMs + 2500)
    expect([epoch, phase.kind]).toEqual([1, 'half_open'])
  })

  it('leaves a closed circuit alone', () => {
    const circuit = closedCircuit(startMs)
    expect(afterWait(circuit, startMs + 1e9)).toBe(circuit)
  })
})

describe('permitsAllowed()', () => {
  it('is 1, 3 from one clean probe on, 6 from four on', () => {
    const allowed = [0, 1, 2, 3, 4, 9].map((clean) => {
      const { phase } = halfOpen({ clean })
      return phase.kind === 'half_open' ? permitsAllowed(phase, settings) : 0
    })
    expect(allowed).toEqual([1, 3, 3, 3, 6, 6])
  })
})

describe('afterProbe()', () => {
  it('closes with the tenth clean probe, and with none before', () => {
    expect(probed(halfOpen({ clean: 8 }), 'clean').phase).toMatchObject({
      kind: 'half_open',
      clean: 9,
    })
    expect(probed(halfOpen({ clean: 9 }), 'clean').phase).toEqual({
      kind: 'closed',
      sinceMs: startMs,
      afterOutage: true,
    })
  })

  it('keeps the multiplier when it closes: it falls with time', () => {
    expect(probed(halfOpen({ clean: 9 }, 5), 'clean').multiplier).toBe(5)
  })

  it('does not take a slow answer for a clean one, and closes after ten slow ones', () => {
    expect(probed(halfOpen({ clean: 9 }), 'slow').phase).toMatchObject({ clean: 9, slowAnswers: 1 })
    expect(probed(halfOpen({ slowAnswers: 8 }), 'slow').phase.kind).toBe('half_open')
    expect(probed(halfOpen({ slowAnswers: 9 }), 'slow').phase.kind).toBe('closed')
  })

  it('opens for longer with the first failure, whatever was clean before', () => {
    const verdict = { kind: 'failed', cause: 'probe_failed', waitUntilMs: 0 } as const
    const next = afterProbe(halfOpen({ clean: 9 }, 2), verdict, startMs, low, settings)
    expect([next.epoch, next.multiplier]).toEqual([8, 3])
    expect(next.phase).toMatchObject({
      kind: 'open',
      untilMs: startMs + 10_000,
      trouble: { cause: 'probe_failed' },
    })
  })

  it('does not move for what says nothing, but has heard of the permit', () => {
    const circuit = halfOpen({ clean: 3 })
    expect(probed(circuit, 'inconclusive')).toBe(circuit)
    expect(probed(halfOpen({ lapses: 2 }), 'inconclusive').phase).toMatchObject({ lapses: 0 })
    expect(probed(halfOpen({ lapses: 2 }), 'clean').phase).toMatchObject({ lapses: 0 })
    expect(probed(halfOpen({ lapses: 2 }), 'slow').phase).toMatchObject({ lapses: 0 })
  })

  it('moves nothing but a half-open circuit', () => {
    const circuit = open(closedCircuit(startMs))
    expect(probed(circuit, 'clean')).toBe(circuit)
  })
})

describe('afterLapse()', () => {
  it('opens with the third in a row, in a new generation, for as long as the last time', () => {
    let circuit = halfOpen({}, 3)
    circuit = afterLapse(circuit, startMs, low, settings)
    circuit = afterLapse(circuit, startMs, low, settings)
    expect([circuit.epoch, circuit.phase.kind]).toEqual([7, 'half_open'])
    circuit = afterLapse(circuit, startMs, low, settings)
    expect([circuit.epoch, circuit.multiplier]).toEqual([8, 3])
    expect(circuit.phase).toMatchObject({ kind: 'open', untilMs: startMs + 10_000, trouble })
  })

  it('moves nothing but a half-open circuit', () => {
    const circuit = closedCircuit(startMs)
    expect(afterLapse(circuit, startMs, low, settings)).toBe(circuit)
  })
})
