import { describe, expect, it } from 'vitest'
import {
  count,
  emptyWindow,
  isStale,
  noteWait,
  renewSlot,
  restartWindow,
  slotAt,
  tally,
  type Window,
} from '../../../durable-objects/provider-health/rules/window.ts'
import { defaultHealthSettings as settings } from '../../../durable-objects/provider-health/settings.ts'
import { startMs } from './support.ts'

function fail(window: Window, atMs: number): void {
  const slot = slotAt(window, atMs, settings)
  if (slot < 0) return
  if (isStale(window, slot, atMs, settings)) renewSlot(window, slot, atMs, settings)
  count(window, slot, 'failed', 1)
  noteWait(window, slot, atMs + 1000)
}

const failed = (window: Window, nowMs: number, buckets: number) =>
  tally(window, nowMs, buckets, settings).failed

describe('a window', () => {
  it('holds the last three or fifteen buckets of two seconds, the present one included', () => {
    const window = emptyWindow(settings)
    fail(window, startMs)
    expect(failed(window, startMs + 5999, 3)).toBe(1)
    expect(failed(window, startMs + 6000, 3)).toBe(0)
    expect(failed(window, startMs + 29_999, 15)).toBe(1)
    expect(failed(window, startMs + 30_000, 15)).toBe(0)
  })

  it('says nothing of what lies after now', () => {
    const window = emptyWindow(settings)
    fail(window, startMs + 2000)
    expect(failed(window, startMs, 15)).toBe(0)
  })

  it('adds what comes late to the bucket in which it happened', () => {
    const window = emptyWindow(settings)
    fail(window, startMs + 8000)
    fail(window, startMs)
    expect(failed(window, startMs + 8000, 15)).toBe(2)
    expect(failed(window, startMs + 8000, 3)).toBe(1)
  })

  it('throws away what a slot held half a minute ago, and never the other way round', () => {
    const window = emptyWindow(settings)
    fail(window, startMs)
    fail(window, startMs + 30_000)
    expect(failed(window, startMs + 30_000, 15)).toBe(1)
    expect(tally(window, startMs + 30_000, 15, settings).waitUntilMs).toBe(startMs + 31_000)
    fail(window, startMs)
    expect(failed(window, startMs + 30_000, 15)).toBe(1)
  })

  it('is deaf for what happened before it began anew', () => {
    const window = emptyWindow(settings)
    fail(window, startMs)
    restartWindow(window, startMs + 1000)
    fail(window, startMs + 999)
    expect(failed(window, startMs + 1000, 15)).toBe(0)
    expect(tally(window, startMs + 1000, 15, settings).waitUntilMs).toBe(0)
    fail(window, startMs + 1000)
    expect(failed(window, startMs + 1000, 15)).toBe(1)
  })

  it('keeps the latest end of a wait', () => {
    const window = emptyWindow(settings)
    fail(window, startMs + 500)
    fail(window, startMs)
    expect(tally(window, startMs, 15, settings).waitUntilMs).toBe(startMs + 1500)
  })
})
