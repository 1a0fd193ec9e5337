import { describe, expect, it } from 'vitest'
import { ttftBucketOf } from '../../../../durable-objects/provider-health/protocol.ts'
import { PendingReport } from '../../../../worker/edge/health/pending-report.ts'
import { a, b, noted, startMs } from './support.ts'

describe('PendingReport', () => {
  it('adds like outcomes of about one moment up to one row', () => {
    const pending = new PendingReport(10)
    for (const ttftMs of [300, 300, 900]) pending.note(noted('ok', { ttftMs }), startMs)
    pending.note(noted('ok', { costNanoUsd: 5000 }), startMs + 499)
    const { rows } = pending.take(startMs + 600)
    expect(rows).toEqual([
      {
        target: a,
        size: 0,
        outcome: 'ok',
        count: 4,
        ageMs: 600,
        ttft: [
          [ttftBucketOf(300), 2],
          [ttftBucketOf(900), 1],
        ],
        cost: [[2, 1]],
      },
    ])
  })

  it.each([
    ['outcome', noted('timeout')],
    ['target', noted('rate_limited', { target: b })],
    ['size', noted('rate_limited', { size: 2 })],
    ['wait', noted('rate_limited', { retryAfterMs: 9000 })],
    ['kind of limit', noted('rate_limited', { ramp: true })],
    ['credential', noted('rate_limited', { credential: 'key-2' })],
  ])('keeps what differs in its %s in a row of its own', (_, other) => {
    const pending = new PendingReport(10)
    pending.note(noted('rate_limited'), startMs)
    pending.note(other, startMs)
    expect(pending.rowCount).toBe(2)
    expect(pending.take(startMs).rows.map(({ count }) => count)).toEqual([1, 1])
  })

  it('keeps what happened half a second apart in rows with ages of their own', () => {
    const pending = new PendingReport(10)
    pending.note(noted('ok'), startMs)
    pending.note(noted('ok'), startMs + 500)
    expect(pending.take(startMs + 700).rows.map(({ ageMs }) => ageMs)).toEqual([700, 200])
  })

  it('throws the oldest rows away when there are too many', () => {
    const pending = new PendingReport(3)
    for (let slot = 0; slot < 5; slot += 1) pending.note(noted('ok'), startMs + slot * 500)
    expect(pending.rowCount).toBe(3)
    expect(pending.take(startMs + 2000).rows.map(({ ageMs }) => ageMs)).toEqual([1000, 500, 0])
  })

  it('keeps nothing that it has handed over, so that nothing is told twice', () => {
    const pending = new PendingReport(10)
    pending.note(noted('ok'), startMs)
    pending.noteProbe({ permitId: 'p', outcome: 'ok', size: 0 })
    expect(pending.empty).toBe(false)
    expect(pending.take(startMs)).toMatchObject({
      rows: [{ count: 1 }],
      probes: [{ permitId: 'p' }],
    })
    expect(pending.empty).toBe(true)
    expect(pending.take(startMs)).toEqual({ rows: [], probes: [] })
  })

  it('counts what comes behind a report for the next one', () => {
    const pending = new PendingReport(10)
    pending.note(noted('ok'), startMs)
    pending.take(startMs)
    pending.note(noted('ok'), startMs)
    pending.note(noted('ok'), startMs)
    expect(pending.take(startMs)).toMatchObject({ rows: [{ count: 2 }] })
  })

  it('is not empty while it has only a probe to tell', () => {
    const pending = new PendingReport(10)
    pending.noteProbe({ permitId: 'p', outcome: 'ok', size: 0 })
    expect(pending.empty).toBe(false)
  })

  it('never gives a row an age below nothing: clocks go back', () => {
    const pending = new PendingReport(10)
    pending.note(noted('ok'), startMs)
    expect(pending.take(startMs - 1000).rows[0]?.ageMs).toBe(0)
  })

  // The first wait alone would open a gate up to a second early.
  it('tells the longest wait of those that share a row', () => {
    const pending = new PendingReport(10)
    pending.note(noted('rate_limited', { retryAfterMs: 1100 }), startMs)
    pending.note(noted('rate_limited', { retryAfterMs: 1900 }), startMs)
    const waits = pending.take(startMs).rows.map(({ retryAfterMs }) => retryAfterMs ?? 0)
    expect(Math.max(...waits)).toBe(1900)
  })
})
