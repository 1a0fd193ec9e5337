import { describe, expect, it } from 'vitest'
import { failure } from '../../../worker/canonical/failure.ts'
import { AttemptControl } from '../../../worker/engine/attempt-control.ts'
import type { Ports } from '../../../worker/engine/ports.ts'

/** A host that has a signal of its own, or has none, and a client that can leave it. */
function place(hasExpiry = true) {
  const expiring = new AbortController()
  const leaving = new AbortController()
  const limitsMs: number[] = []
  const timers: (() => void)[] = []
  const ports = {
    clientGone: leaving.signal,
    after(delayMs: number, then: () => void) {
      limitsMs.push(delayMs)
      timers.push(then)
      return () => void timers.splice(timers.indexOf(then), 1)
    },
    ...(hasExpiry
      ? {
          expiry(limitMs: number) {
            limitsMs.push(limitMs)
            return AbortSignal.any([leaving.signal, expiring.signal])
          },
        }
      : {}),
  } as unknown as Ports
  return { ports, limitsMs, timers, expire: () => expiring.abort(), leave: () => leaving.abort() }
}

const broken = failure('truncated', 'the connection to the provider broke')

describe('a call that is alone', () => {
  it("is stopped by the host's own signal, with its limit, and needs no timer", () => {
    const { ports, limitsMs, timers, expire } = place()
    const control = new AttemptControl(ports, true)
    control.arm(700, 'answer')
    expect(limitsMs).toEqual([700])
    expect(timers).toEqual([])
    expect(control.signal.aborted).toBe(false)
    expire()
    expect(control.signal.aborted).toBe(true)
    expect(control.stopped).toBe(true)
  })

  it('has failed by its limit when that has passed', () => {
    const { ports, expire } = place()
    const control = new AttemptControl(ports, true)
    control.arm(700, 'answer')
    expect(control.failure(broken)).toBe(broken)
    expire()
    expect(control.failure(broken)).toMatchObject({ class: 'timeout' })
  })

  it('has failed by its client when that has left, although the same signal tells both', () => {
    const { ports, leave } = place()
    const control = new AttemptControl(ports, true)
    control.arm(700, 'answer')
    leave()
    expect(control.clientGone).toBe(true)
    expect(control.signal.aborted).toBe(true)
    expect(control.failure(broken)).toMatchObject({ class: 'cancelled' })
  })

  it('takes a timer where the host has no such signal', () => {
    const { ports, timers } = place(false)
    const control = new AttemptControl(ports, true)
    control.arm(700, 'answer')
    const { signal } = control
    timers[0]?.()
    expect(signal.aborted).toBe(true)
    expect(control.failure(broken)).toMatchObject({ class: 'timeout' })
  })
})

describe('a call that may be overtaken, or whose limit changes', () => {
  it('has a controller and a timer, also where the host has a signal of its own', () => {
    const { ports, timers } = place()
    const control = new AttemptControl(ports)
    control.arm(700, 'first-token')
    const { signal } = control
    control.disarm()
    expect(timers).toEqual([])
    control.stop('superseded')
    expect(signal.aborted).toBe(true)
    expect(control.failure(broken)).toMatchObject({ class: 'cancelled' })
  })

  it('is stopped from the start when the client had gone before', () => {
    const { ports, leave } = place()
    leave()
    const control = new AttemptControl(ports)
    expect(control.signal.aborted).toBe(true)
    expect(control.clientGone).toBe(true)
  })
})
