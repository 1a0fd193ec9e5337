import { describe, expect, it } from 'vitest'
import { admissionAsk, type Isolate, Town } from './support.ts'

const seen = {
  ending: 'complete',
  receivedBytes: 0,
  usage: { inputTokens: 12, outputTokens: 20 },
} as const

/** Pays for an attempt of an isolate with credit, and settles it. True: it had to wait. */
async function attempt(town: Town, isolate: Isolate): Promise<boolean> {
  const given = isolate.money().admit(admissionAsk(town))
  const admission = given instanceof Promise ? await town.clock.run(given) : given
  if (admission.kind !== 'admitted') throw new Error('denied')
  admission.account.settle(seen)
  return given instanceof Promise
}

describe('the path of every request', () => {
  it('takes a few microseconds where there is credit', async () => {
    const town = new Town()
    const isolate = town.isolate()
    for (let second = 0; second < 8; second += 1) {
      for (let request = 0; request < 200; request += 1) await attempt(town, isolate)
      await town.clock.advance(1000)
    }
    let best = Infinity
    for (let round = 0; round < 12; round += 1) {
      const asks = Array.from({ length: 200 }, () => admissionAsk(town))
      const started = performance.now()
      for (const ask of asks) {
        const admission = isolate.money().admit(ask)
        if (admission instanceof Promise || admission.kind !== 'admitted') continue
        admission.account.settle(seen)
      }
      best = Math.min(best, ((performance.now() - started) * 1000) / asks.length)
      await town.clock.advance(1000)
    }
    // 2.9 us on two shared cores, Node 24, 2026-11-26; the rest is for slower machines.
    expect(best).toBeLessThan(60)
  })
})
