import { describe, expect, it } from 'vitest'
import {
  activeIsolates,
  isNews,
  nextFlushMs,
  noSenders,
  type Senders,
} from '../../../durable-objects/provider-health/rules/senders.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

const told = (senders: Senders, ...sequences: readonly number[]) =>
  sequences.map((sequence) => isNews(senders, 'one', sequence, startMs, settings))

describe('isNews()', () => {
  it('counts each report once, in whatever order they come', () => {
    const senders = noSenders(settings)
    expect(told(senders, 7, 5, 6, 7, 5, 6, 8)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      true,
    ])
  })

  it('remembers 64 reports below the newest, each by itself, and drops what is older', () => {
    const senders = noSenders(settings)
    told(senders, 100)
    for (let sequence = 99; sequence >= 36; sequence -= 1)
      expect(told(senders, sequence, sequence), `${sequence}`).toEqual([true, false])
    expect(told(senders, 35)).toEqual([false])
  })

  it.each([1, 31, 32, 33, 63, 64, 65, 1000])(
    'remembers what it counted when the newest jumps ahead by %d',
    (jump) => {
      const senders = noSenders(settings)
      const counted = [10, 8, 5]
      told(senders, ...counted, 10 + jump)
      for (let sequence = 1; sequence < 10 + jump; sequence += 1) {
        const isOld = sequence < 10 + jump - 64
        expect(told(senders, sequence), `${sequence}`).toEqual([
          !isOld && !counted.includes(sequence),
        ])
      }
    },
  )

  it('begins anew with another boot nonce', () => {
    const senders = noSenders(settings)
    expect(isNews(senders, 'one first', 1, startMs, settings)).toBe(true)
    expect(isNews(senders, 'one second', 1, startMs, settings)).toBe(true)
    expect(isNews(senders, 'one first', 1, startMs, settings)).toBe(false)
  })

  it('forgets a sender after five minutes of silence', () => {
    const senders = noSenders(settings)
    told(senders, 1)
    isNews(senders, 'other', 1, startMs + 300_000, settings)
    expect(senders.known.has('one')).toBe(true)
    isNews(senders, 'other', 2, startMs + 302_000, settings)
    expect(senders.known.has('one')).toBe(false)
  })

  it('knows 20,000 senders, and lets a tenth go that was heard of least lately', () => {
    const senders = noSenders(settings)
    told(senders, 1)
    for (let at = 1; at < 20_000; at += 1) isNews(senders, `i${at}`, 1, startMs, settings)
    told(senders, 2)
    expect(senders.known.size).toBe(20_000)
    isNews(senders, 'newest', 1, startMs, settings)
    expect(senders.known.size).toBe(18_000)
    const known = ['one', 'i2001', 'i2002', 'newest'].map((name) => senders.known.has(name))
    expect(known).toEqual([true, false, true, true])
  })
})

describe('activeIsolates()', () => {
  it('are those heard of in the last half minute, each once', () => {
    const senders = noSenders(settings)
    for (let at = 0; at < 3; at += 1) isNews(senders, `i${at}`, 1, startMs, settings)
    isNews(senders, 'i0', 2, startMs + 10_000, settings)
    expect(activeIsolates(senders, startMs + 10_000, settings)).toBe(3)
    expect(activeIsolates(senders, startMs + 29_999, settings)).toBe(3)
    expect(activeIsolates(senders, startMs + 30_000, settings)).toBe(1)
    expect(activeIsolates(senders, startMs + 40_000, settings)).toBe(0)
  })

  it('does not count one twice that comes back after its bucket was used again', () => {
    const senders = noSenders(settings)
    isNews(senders, 'i0', 1, startMs, settings)
    isNews(senders, 'i1', 1, startMs + 30_000, settings)
    isNews(senders, 'i0', 2, startMs + 30_000, settings)
    expect(activeIsolates(senders, startMs + 30_000, settings)).toBe(2)
  })

  it('does not count one that was let go', () => {
    const few = { ...settings, maxIsolates: 10 }
    const senders = noSenders(few)
    for (let at = 0; at < 11; at += 1) isNews(senders, `i${at}`, 1, startMs, few)
    expect(activeIsolates(senders, startMs, few)).toBe(9)
  })
})

describe('nextFlushMs()', () => {
  it.each([
    [0, 1000],
    [1, 1000],
    [500, 1000],
    [501, 1002],
    [2000, 4000],
    [5000, 10_000],
    [20_000, 10_000],
  ])('of %d isolates is %d ms', (active, ms) => {
    expect(nextFlushMs(active, settings)).toBe(ms)
  })
})
