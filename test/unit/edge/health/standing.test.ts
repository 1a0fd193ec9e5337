import { describe, expect, it } from 'vitest'
import type { DomainSnapshot } from '../../../../durable-objects/provider-health/protocol.ts'
import { combine } from '../../../../worker/edge/health/standing.ts'
import { a, domain, evidence, halfOpenDomain, openDomain, startMs } from './support.ts'

const key = `target:${a}` as const

function combined(...domains: readonly DomainSnapshot[]) {
  return combine(domains, startMs)
}

describe('combine()', () => {
  it('has nothing against a target of which nothing is known', () => {
    expect(combined()).toEqual({
      barred: false,
      probes: [],
      notBeforeMs: 0,
      weight: 1,
      slow: false,
      why: null,
    })
  })

  it('bars what is open, with the longest of the waits', () => {
    const open = openDomain(key, { openForMs: 4000 })
    const gate = openDomain(`quota:${a}`, { openForMs: 9000, notBeforeForMs: 9000, cause: 'quota' })
    expect(combined(open, gate)).toMatchObject({ barred: true, notBeforeMs: startMs + 9000 })
    expect(combined(gate, open)).toMatchObject({ barred: true, notBeforeMs: startMs + 9000 })
  })

  it('asks for a permit of each half-open domain', () => {
    const made = combined(halfOpenDomain('edge'), halfOpenDomain(key), domain('credential:key-1'))
    expect(made).toMatchObject({ barred: false, probes: ['edge', key] })
  })

  it('stays barred while one of its domains is open, whatever the others are', () => {
    expect(combined(halfOpenDomain('edge'), openDomain(key)).barred).toBe(true)
  })

  it('takes an open one whose wait is over for one that may be probed', () => {
    expect(combined(openDomain(key, { openForMs: 0 }))).toMatchObject({
      barred: false,
      probes: [key],
    })
  })

  it('takes a rate limit for a time and not for a bar', () => {
    const gate = openDomain(`quota:${a}`, { notBeforeForMs: 2000, openForMs: 2000, cause: 'quota' })
    expect(combined(gate)).toMatchObject({
      barred: false,
      probes: [],
      notBeforeMs: startMs + 2000,
      why: 'its provider asked to wait',
    })
  })

  it('bars what has spent its quota', () => {
    expect(combined(openDomain('quota:*', { cause: 'quota' }))).toMatchObject({
      barred: true,
      why: 'its quota is spent',
    })
  })

  it('is slow only when all that bars it is slowness', () => {
    const slow = openDomain(key, { cause: 'slow' })
    expect(combined(slow).slow).toBe(true)
    expect(combined(slow, openDomain('edge')).slow).toBe(false)
    expect(combined(halfOpenDomain(key, { cause: 'slow' })).slow).toBe(false)
  })

  it('multiplies the weights of its domains', () => {
    const edge = domain('edge', { failRate: 0.5 })
    const target = domain(key, { slow: true })
    expect(combined(edge, target).weight).toBeCloseTo(0.025)
    expect(combined(domain(key, { rampAgeMs: 15_000 })).weight).toBeCloseTo(0.5)
  })

  it.each([
    [openDomain(key), 'its circuit is open (blackout: 5 of 5 failed in 6 s)'],
    [
      halfOpenDomain('edge', { cause: 'brownout', evidence: evidence({ judged: 8, failed: 5 }) }),
      "its provider's circuit is half-open (brownout: 5 of 8 failed in 6 s)",
    ],
    [
      openDomain(key, { cause: 'slow', evidence: evidence({ judged: 20, slow: 24, hung: 4 }) }),
      'its circuit is open (slow: 24 of 24 were slow in 6 s)',
    ],
    [
      openDomain(key, {
        cause: 'slow',
        evidence: evidence({ judged: 90, timed: 20, slow: 24, hung: 4 }),
      }),
      'its circuit is open (slow: 24 of 24 were slow in 6 s)',
    ],
    [
      openDomain(key, { cause: 'broken_output', evidence: evidence({ judged: 9, broken: 8 }) }),
      'its circuit is open (broken_output: 8 of 9 did not parse in 6 s)',
    ],
    [
      openDomain(key, { cause: 'cost', evidence: evidence({ priced: 30, dear: 25 }) }),
      'its circuit is open (cost: 25 of 30 cost too much in 6 s)',
    ],
    [openDomain(key, { evidence: null }), 'its circuit is open (blackout)'],
    [openDomain(key, { cause: null }), 'its circuit is open'],
    [openDomain(key, { forced: { state: 'open', forMs: 1000 } }), 'its circuit is forced open'],
    [openDomain('credential:key-1', { cause: 'credential' }), 'its credential was refused'],
  ])('says why in words: %#', (one, sentence) => {
    expect(combined(one).why).toBe(sentence)
  })

  it('names every domain that is not closed', () => {
    expect(combined(openDomain('edge', { evidence: null }), openDomain('quota:*')).why).toBe(
      "its provider's circuit is open (blackout) and its quota is spent",
    )
  })
})
