import { describe, expect, it } from 'vitest'
import { AttemptControl } from '../../../worker/engine/attempt-control.ts'
import { RetryBudget } from '../../../worker/engine/retry-budget.ts'
import { SilenceWatch } from '../../../worker/engine/watch.ts'
import { FakeHost } from '../../support/fake-host.ts'

const other = { class: 'connect', message: 'the provider could not be reached' } as const

describe('RetryBudget', () => {
  it('allows five retries from a full bucket of ten, and then none', () => {
    const budget = new RetryBudget()
    expect(budget.tokens).toBe(10)
    expect(Array.from({ length: 7 }, () => budget.take())).toEqual([
      ...Array.from({ length: 5 }, () => true),
      false,
      false,
    ])
    expect(budget.tokens).toBe(5)
  })

  it('gets a tenth back for each success, never more than ten', () => {
    const budget = new RetryBudget()
    budget.succeeded()
    expect(budget.tokens).toBe(10)
    while (budget.take());
    for (let success = 0; success < 9; success++) budget.succeeded()
    expect(budget.tokens).toBeCloseTo(5.9)
    expect(budget.take()).toBe(true)
    expect(budget.take()).toBe(false)
    for (let success = 0; success < 1000; success++) budget.succeeded()
    expect(budget.tokens).toBe(10)
  })
})

describe('SilenceWatch', () => {
  it('speaks after the limit, measured from the last sign of life, and again', async () => {
    const host = new FakeHost()
    const startMs = host.clock.nowMs
    const heard: number[] = []
    const watch = new SilenceWatch(host.ports, 1000, () => heard.push(host.clock.nowMs - startMs))
    await host.clock.advance(900)
    watch.touch()
    await host.clock.advance(900)
    expect(heard).toEqual([])
    await host.clock.advance(2000)
    expect(heard).toEqual([1900, 2900])
    watch.stop()
    await host.clock.advance(5000)
    expect(heard).toHaveLength(2)
    expect(host.clock.pending).toBe(0)
  })

  it('costs one timer, however often it is touched', async () => {
    const host = new FakeHost()
    const watch = new SilenceWatch(host.ports, 1000, () => undefined)
    for (let touch = 0; touch < 100; touch++) watch.touch()
    expect(host.clock.pending).toBe(1)
    watch.stop()
  })
})

describe('AttemptControl', () => {
  it('keeps the first cause', async () => {
    const host = new FakeHost()
    const control = new AttemptControl(host.ports)
    control.arm(1000, 'first-token')
    await host.clock.advance(1000)
    host.leave()
    expect(control.signal.aborted).toBe(true)
    expect(control.clientGone).toBe(false)
    expect(control.failure(other).class).toBe('timeout')
  })

  it('stops at once for a client that had already gone', () => {
    const host = new FakeHost()
    host.leave()
    const control = new AttemptControl(host.ports)
    expect(control.signal.aborted).toBe(true)
    expect(control.failure(other).class).toBe('cancelled')
  })

  it('does nothing more once it is released', async () => {
    const host = new FakeHost()
    const control = new AttemptControl(host.ports)
    control.arm(1000, 'answer')
    control.release()
    host.leave()
    await host.clock.advance(5000)
    expect(control.stopped).toBe(false)
    expect(control.failure(other)).toEqual(other)
  })

  it('has one limit at a time', async () => {
    const host = new FakeHost()
    const control = new AttemptControl(host.ports)
    control.arm(1000, 'first-token')
    control.arm(5000, 'deadline')
    expect(host.clock.pending).toBe(1)
    await host.clock.advance(2000)
    expect(control.stopped).toBe(false)
  })
})
