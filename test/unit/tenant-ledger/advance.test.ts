import { describe, expect, it } from 'vitest'
import type { Ask } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { LimitRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import { budget, granted, Ledger, line, n } from './support.ts'

let asks = 0

function advance(want: number, more: Partial<Ask & { kind: 'advance' }> = {}): Ask {
  asks += 1
  return {
    kind: 'advance',
    askId: `i1-a${asks}`,
    scopes: ['tenant'],
    wantNanoUsd: n(want),
    softNanoUsd: n(want * 10),
    leastNanoUsd: n(1),
    tokens: 10,
    ...more,
  }
}

const slots = (limit: number) =>
  ({ id: 'slots', scope: 'tenant', kind: 'concurrency', limit, windowMs: 0 }) as const
const requests = (limit: number) =>
  ({ id: 'rpm', scope: 'tenant', kind: 'requests', limit, windowMs: 60_000 }) as const

describe('an advance', () => {
  it('is a lease: charged in full, and given back by its holder', () => {
    const ledger = new Ledger()
    const { leaseId, grantNanoUsd } = granted(ledger.ask(advance(50)))
    expect([grantNanoUsd, ledger.account().chargedNanoUsd]).toEqual([50, 50])
    expect(ledger.row(leaseId)).toMatchObject({ kind: 'lease', state: 'active' })
    ledger.say('close', leaseId, 0)
    expect(ledger.account().chargedNanoUsd).toBe(0)
  })

  it('is no more than a fair share of what is left, shared among all who have some', () => {
    const ledger = new Ledger()
    expect(granted(ledger.ask(advance(900))).grantNanoUsd).toBe(250)
    // A quarter of 750, for the second of two.
    expect(granted(ledger.ask(advance(900), 'i2')).grantNanoUsd).toBe(93)
  })

  it('is as large as an answer can be, where nothing hard limits that', () => {
    expect(granted(new Ledger([]).ask(advance(50))).grantNanoUsd).toBe(500)
    const soft = new Ledger([budget('s', { mode: 'soft', capNanoUsd: n(1) })])
    expect(granted(soft.ask(advance(50))).grantNanoUsd).toBe(500)
  })

  it('is the same lease when it is asked for again', () => {
    const ledger = new Ledger()
    const ask = advance(50)
    expect(granted(ledger.ask(ask)).leaseId).toBe(granted(ledger.ask(ask)).leaseId)
    expect(ledger.account().chargedNanoUsd).toBe(50)
  })

  it('is not granted near the cap, where every request is held by itself', () => {
    const ledger = new Ledger()
    ledger.post(granted(ledger.hold(985)).leaseId, 985)
    expect(ledger.ask(advance(5))).toMatchObject({ kind: 'denied', reason: 'use_holds' })
    expect(ledger.account().chargedNanoUsd).toBe(985)
    expect(ledger.hold(15).kind).toBe('granted')
  })

  it('is not granted where nothing is left', () => {
    const ledger = new Ledger()
    ledger.post(granted(ledger.hold(1000)).leaseId, 1000)
    expect(ledger.ask(advance(5))).toMatchObject({ kind: 'denied', reason: 'budget_exceeded' })
  })

  it('takes no place, request or token that somebody may need', () => {
    const few = new Ledger([budget('b')], [slots(3)])
    expect(few.ask(advance(5))).toMatchObject({ reason: 'use_holds' })
    expect(new Ledger([budget('b')], [slots(4)]).ask(advance(5)).kind).toBe('granted')
    expect(new Ledger([budget('b')], [requests(3)]).ask(advance(5))).toMatchObject({
      reason: 'use_holds',
    })
    const tokens = { id: 'tpm', scope: 'tenant', kind: 'tokens', windowMs: 60_000 } as const
    const ledger = new Ledger([budget('b')], [{ ...tokens, limit: 39 }])
    expect(ledger.ask(advance(5))).toMatchObject({ reason: 'use_holds' })
    expect(ledger.ask(advance(5, { tokens: 9 }))).toMatchObject({
      kind: 'granted',
      units: { tokens: 9 },
    })
  })

  it('is denied to whoever is revoked, frozen or blocked', () => {
    const thresholds = [{ basisPoints: 1000, action: 'block' }] as const
    const ledger = new Ledger([budget('b'), budget('k', { scope: 'key:a', thresholds })])
    ledger.take({ kind: 'kill', scope: 'key:b', reason: 'revoked' })
    expect(ledger.ask(advance(5, { scopes: ['tenant', 'key:b'] }))).toMatchObject({
      reason: 'revoked',
    })
    ledger.post(granted(ledger.hold(100, { scopes: ['key:a'] })).leaseId, 100)
    expect(ledger.ask(advance(5, { scopes: ['tenant', 'key:a'] }))).toMatchObject({
      reason: 'budget_blocked',
    })
  })
})

describe('an advance where no slice can be had', () => {
  const once = (nanoUsd: number, isGuess: boolean) => ({ once: { nanoUsd: n(nanoUsd), isGuess } })
  const near = (left: number, limits: readonly LimitRow[] = []) => {
    const ledger = new Ledger([budget('b')], limits)
    ledger.post(granted(ledger.hold(1000 - left)).leaseId, 1000 - left)
    return ledger
  }

  it('is a hold for one request: charged in full, and what it does not take comes back at once', () => {
    const ledger = near(16)
    const { leaseId, grantNanoUsd, isForOne } = granted(ledger.ask(advance(50, once(12, false))))
    expect([grantNanoUsd, isForOne, ledger.row(leaseId).kind]).toEqual([12, true, 'hold'])
    expect(ledger.account().chargedNanoUsd).toBe(996)
    ledger.say('seal', leaseId, 0, 3)
    expect(ledger.account().chargedNanoUsd).toBe(987)
    // Charged as long as its call may run, as any hold.
    ledger.tick(900_000)
    expect(ledger.account().chargedNanoUsd).toBe(987)
  })

  it('takes what is left where its key is known, and half of it where its size is a guess', () => {
    expect(granted(near(10).ask(advance(50, once(40, false)))).grantNanoUsd).toBe(10)
    expect(granted(near(10).ask(advance(50, once(40, true)))).grantNanoUsd).toBe(5)
    expect(granted(near(10).ask(advance(50, once(3, true)))).grantNanoUsd).toBe(3)
    const ledger = near(10)
    const guessed = [1, 2, 3].map(() => granted(ledger.ask(advance(50, once(40, true)))))
    expect(guessed.map(({ grantNanoUsd }) => grantNanoUsd)).toEqual([5, 2, 1])
  })

  it('is denied where not even that can be had', () => {
    expect(near(1).ask(advance(50, once(40, true)))).toMatchObject({ reason: 'use_holds' })
    expect(near(0).ask(advance(50, once(40, true)))).toMatchObject({ reason: 'budget_exceeded' })
  })

  it('is a hold where a fair share does not pay for one request', () => {
    const ledger = new Ledger()
    expect(granted(ledger.ask(advance(900, once(251, true))))).toMatchObject({
      grantNanoUsd: 251,
      isForOne: true,
    })
    expect(granted(new Ledger().ask(advance(900, once(250, true)))).isForOne).toBeUndefined()
  })

  it('takes one place where few are left, and none where none is', () => {
    const ledger = new Ledger([budget('b')], [slots(2)])
    const first = granted(ledger.ask(advance(5, once(5, true))))
    expect(first).toMatchObject({ isForOne: true, units: { slots: 1 } })
    ledger.ask(advance(5, once(5, true)))
    expect(ledger.ask(advance(5, once(5, true)))).toMatchObject({ reason: 'use_holds' })
    ledger.say('close', first.leaseId, 0)
    expect(ledger.ask(advance(5, once(5, true))).kind).toBe('granted')
  })

  it('is the same hold when it is asked for again, and is for one request still', () => {
    const ledger = near(16)
    const ask = advance(50, once(12, false))
    const [first, again] = [granted(ledger.ask(ask)), granted(ledger.ask(ask))]
    expect([again.leaseId, again.isForOne]).toEqual([first.leaseId, true])
    expect(ledger.account().chargedNanoUsd).toBe(996)
  })

  it('is as large as an answer can be, where nothing hard limits that', () => {
    const ledger = new Ledger([], [slots(2)])
    expect(granted(ledger.ask(advance(50, once(50, true))))).toMatchObject({
      grantNanoUsd: 500,
      isForOne: true,
    })
  })
})

describe('the habit of a key', () => {
  const habit = (ledger: Ledger) => ledger.state.tables.habits.get('k')
  const spend = (ledger: Ledger, worst: number, route = 'chat') => {
    const { leaseId } = granted(ledger.hold(worst))
    const said = { ...line(1, 1, worst), keyId: 'k', route }
    return ledger.exchange([{ kind: 'post', leaseId, line: said }])
  }

  it('is the largest of its requests lately, and the route that money is kept by', () => {
    const ledger = new Ledger([budget('b'), budget('r', { scope: 'route:chat' })])
    spend(ledger, 40)
    expect(habit(ledger)).toMatchObject({ route: 'chat', worstNanoUsd: 40 })
    spend(ledger, 90, 'other')
    expect(habit(ledger)).toMatchObject({ route: null, worstNanoUsd: 90 })
  })

  it('is written when it changes, and not for every line', () => {
    const ledger = new Ledger()
    const isWritten = () =>
      ledger.effects.some(
        (effect) =>
          effect.kind === 'write' && effect.changes.some(({ table }) => table === 'habits'),
      )
    spend(ledger, 40)
    expect(isWritten()).toBe(true)
    for (const worst of [40, 20, 10, 39]) {
      spend(ledger, worst)
      expect(isWritten()).toBe(false)
    }
  })

  it('falls by half for each request that is much smaller, and never below that', () => {
    const ledger = new Ledger()
    spend(ledger, 800)
    spend(ledger, 100)
    expect(habit(ledger)?.worstNanoUsd).toBe(400)
    spend(ledger, 99)
    expect(habit(ledger)?.worstNanoUsd).toBe(200)
    spend(ledger, 50)
    expect(habit(ledger)?.worstNanoUsd).toBe(200)
  })

  it('is forgotten with what is old', () => {
    const ledger = new Ledger()
    spend(ledger, 40)
    ledger.tick(41 * 86_400_000)
    expect(ledger.state.tables.habits.size).toBe(0)
  })
})
