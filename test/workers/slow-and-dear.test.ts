import { beforeEach, describe, expect, it } from 'vitest'
import {
  costBucketOf,
  ttftBucketOf,
  type DomainSnapshot,
  type OutcomeRow,
} from '../../durable-objects/provider-health/protocol.ts'
import { TestObject } from './health-object.ts'
import { world } from './world.ts'

beforeEach(() => world.reset())

const usual = { ttft: [[ttftBucketOf(400), 10]], cost: [[costBucketOf(20_000), 10]] } as const

/** Two minutes of ordinary traffic: enough to know the usual speed and price. */
async function learn(object: TestObject): Promise<void> {
  for (let second = 0; second < 120; second++) await object.report([{ count: 10, ...usual }])
}

/** The same report each second, until the circuit is open or ten have been sent. */
async function untilOpen(
  object: TestObject,
  rows: readonly Partial<OutcomeRow>[],
): Promise<DomainSnapshot | undefined> {
  for (let second = 0; second < 10; second++) {
    await object.report(rows)
    const circuit = await object.circuit()
    if (circuit?.state === 'open') return circuit
  }
  return object.circuit()
}

describe('answers that are all 200', () => {
  it('and far slower than usual take nine tenths of the traffic away, then all of it', async () => {
    const object = new TestObject()
    await learn(object)
    expect(await object.circuit()).toMatchObject({ state: 'closed', slow: false })
    const slow = { ttft: [[ttftBucketOf(20_000), 10]] } as const
    let degraded = false
    for (let second = 0; second < 30; second++) {
      await object.report([{ count: 10, ...slow }])
      const circuit = await object.circuit()
      degraded ||= circuit?.state === 'closed' && circuit.slow
      if (circuit?.state === 'open') break
    }
    expect(degraded).toBe(true)
    expect(await object.circuit()).toMatchObject({ state: 'open', cause: 'slow' })
  })

  it('and cost many times the usual open the circuit for their price', async () => {
    const object = new TestObject()
    await learn(object)
    const dear = { ttft: usual.ttft, cost: [[costBucketOf(20_000_000), 10]] } as const
    const circuit = await untilOpen(object, [{ count: 10, ...dear }])
    expect(circuit).toMatchObject({ state: 'open', cause: 'cost' })
  })

  it('and whose price is told after their first token count it once', async () => {
    const object = new TestObject()
    await learn(object)
    const circuit = await untilOpen(object, [
      { count: 10, ttft: usual.ttft },
      { outcome: 'priced', count: 10, cost: [[costBucketOf(20_000_000), 10]] },
    ])
    expect(circuit).toMatchObject({ state: 'open', cause: 'cost' })
  })

  it('and do not parse open it as failures do', async () => {
    const object = new TestObject()
    await object.report([{ outcome: 'broken_output', count: 10 }])
    expect(await object.circuit()).toMatchObject({ state: 'open', cause: 'broken_output' })
  })
})
