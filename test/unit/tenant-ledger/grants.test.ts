import { describe, expect, it } from 'vitest'
import { budget, granted, Ledger, n, startMs } from './support.ts'

const hourMs = 3_600_000

describe('a hold', () => {
  it('is charged at its worst case, to every budget of its scopes, before anybody hears of it', () => {
    const ledger = new Ledger([
      budget('all'),
      budget('key', { scope: 'key:a' }),
      budget('other', { scope: 'key:b' }),
    ])
    const answer = granted(ledger.hold(300, { scopes: ['tenant', 'key:a', 'route:chat'] }))
    expect(answer).toMatchObject({
      grantNanoUsd: 300,
      scopes: ['key:a', 'tenant'],
      accounts: ['all@0', 'key@0'],
      remainingNanoUsd: 700,
    })
    expect(ledger.effects[0]?.kind).toBe('write')
    expect(ledger.effects.at(-1)?.kind).toBe('reply')
    expect(ledger.account('all').chargedNanoUsd).toBe(300)
    expect(ledger.account('key').chargedNanoUsd).toBe(300)
    expect(ledger.state.tables.accounts.has('other@0')).toBe(false)
  })

  it('is granted to the last nano-dollar and refused beyond it', () => {
    const ledger = new Ledger()
    expect(ledger.hold(1001)).toMatchObject({ kind: 'denied', reason: 'budget_exceeded', by: 'b' })
    expect(ledger.hold(600).kind).toBe('granted')
    expect(ledger.hold(401)).toMatchObject({ kind: 'denied', remainingNanoUsd: 400 })
    expect(ledger.hold(400)).toMatchObject({ kind: 'granted', remainingNanoUsd: 0 })
    expect(ledger.account().chargedNanoUsd).toBe(1000)
  })

  it('takes from no budget when one of them has too little', () => {
    const ledger = new Ledger([
      budget('all'),
      budget('key', { scope: 'key:a', capNanoUsd: n(10) }),
      budget('tag', { scope: 'tag:feature=search' }),
    ])
    const scopes = ['tenant', 'key:a', 'tag:feature=search'] as const
    expect(ledger.hold(11, { scopes })).toMatchObject({ kind: 'denied', by: 'key' })
    expect(ledger.effects.map(({ kind }) => kind)).toEqual(['reply'])
    expect(ledger.state.tables.accounts.size).toBe(0)
    expect(ledger.hold(10, { scopes }).kind).toBe('granted')
  })

  it('is cut to what is left where a shorter answer is of use', () => {
    const ledger = new Ledger()
    ledger.hold(900)
    expect(ledger.hold(300, { leastNanoUsd: n(101) }).kind).toBe('denied')
    expect(ledger.hold(300, { leastNanoUsd: n(100) })).toMatchObject({ grantNanoUsd: 100 })
  })

  it('may have any number of budgets for one scope, each with its own period', () => {
    const ledger = new Ledger([
      budget('hour', { period: 'hour', capNanoUsd: n(100) }),
      budget('day', { period: 'day', capNanoUsd: n(150) }),
    ])
    ledger.post(granted(ledger.hold(100)).leaseId, 100)
    expect(ledger.hold(50)).toMatchObject({
      reason: 'budget_exceeded',
      by: 'hour',
      retryAfterMs: hourMs,
    })
    ledger.after(hourMs)
    ledger.post(granted(ledger.hold(50)).leaseId, 50)
    // The day ends at midnight, eleven hours on.
    expect(ledger.hold(1)).toMatchObject({ by: 'day', retryAfterMs: 11 * hourMs })
    ledger.after(11 * hourMs)
    expect(ledger.hold(100).kind).toBe('granted')
  })

  it('is not refused for money that is only set aside: that may come back in a moment', () => {
    const ledger = new Ledger([budget('b', { period: 'hour' })])
    const first = granted(ledger.hold(900))
    expect(ledger.hold(200)).toMatchObject({ reason: 'budget_reserved', retryAfterMs: 2000 })
    ledger.post(first.leaseId, 850, 900)
    expect(ledger.hold(200)).toMatchObject({ reason: 'budget_exceeded', retryAfterMs: hourMs })
    expect(ledger.hold(150).kind).toBe('granted')
  })

  it('says null where waiting does not help', () => {
    const ledger = new Ledger()
    ledger.post(granted(ledger.hold(1000)).leaseId, 1000)
    expect(ledger.hold(1)).toMatchObject({ reason: 'budget_exceeded', retryAfterMs: null })
  })

  it('is free where nothing has a budget', () => {
    expect(new Ledger([]).hold(5)).toMatchObject({
      kind: 'granted',
      remainingNanoUsd: null,
      accounts: [],
    })
  })

  it('says as of which revocations it is, also when it is asked for again after another', () => {
    const ledger = new Ledger([budget('b'), budget('k', { scope: 'key:a' })])
    const ask = ledger.holdAsk(10)
    const first = granted(ledger.ask(ask))
    ledger.take({ kind: 'kill', scope: 'key:a', reason: 'revoked' })
    const { killVersion, answers } = ledger.exchange([], [ask])
    expect(answers).toMatchObject([{ leaseId: first.leaseId, killVersion: first.killVersion }])
    expect(killVersion).toBe((first.killVersion ?? 0) + 1)
    expect(granted(ledger.hold(10)).killVersion).toBe(killVersion)
  })

  it('is the same one when it is asked for again, and the money is taken once', () => {
    const ledger = new Ledger()
    const ask = ledger.holdAsk(300)
    const first = granted(ledger.ask(ask))
    expect(granted(ledger.after(5000).ask(ask)).leaseId).toBe(first.leaseId)
    expect(ledger.account().chargedNanoUsd).toBe(300)
    expect(ledger.effects.map(({ kind }) => kind)).toEqual(['reply'])
  })

  it('forgets an id after ten minutes, and not before', () => {
    const ledger = new Ledger()
    const ask = ledger.holdAsk(1)
    const { leaseId } = granted(ledger.ask(ask))
    ledger.tick(599_999)
    expect(granted(ledger.ask(ask)).leaseId).toBe(leaseId)
    ledger.tick(1)
    expect(granted(ledger.ask(ask)).leaseId).not.toBe(leaseId)
  })
})

describe('a grant', () => {
  it('is at most a quarter of what is left, shared by those who have leases', () => {
    const ledger = new Ledger()
    expect(ledger.lease(1000)).toMatchObject({ grantNanoUsd: 250 })
    expect(ledger.lease(1000, 1, { holder: 'i2' })).toMatchObject({ grantNanoUsd: 93 })
    expect(ledger.lease(1000, 1, { holder: 'i3' })).toMatchObject({ grantNanoUsd: 54 })
    expect(ledger.lease(10, 1, { holder: 'i3' })).toMatchObject({ grantNanoUsd: 10 })
  })

  it('is never too small for a large request', () => {
    const ledger = new Ledger()
    for (const holder of ['i1', 'i2', 'i3', 'i4', 'i5'])
      expect(ledger.lease(100, 60, { holder }).grantNanoUsd).toBeGreaterThanOrEqual(60)
  })

  it.each([
    ['eight large requests', 126, 125],
    ['two percent of the cap', 1, 1],
  ])('gives way to holds below %s', (_, least) => {
    const ledger = new Ledger()
    if (least === 1) ledger.hold(981)
    expect(ledger.grant(200, least)).toMatchObject({
      kind: 'denied',
      reason: 'use_holds',
      mode: 'sync',
      retryAfterMs: 0,
    })
    expect(ledger.hold(least).kind).toBe('granted')
  })

  it('is still given at exactly eight large requests, and at two percent', () => {
    expect(new Ledger().grant(200, 125).kind).toBe('granted')
    const ledger = new Ledger()
    ledger.hold(980)
    expect(ledger.grant(200, 1)).toMatchObject({ kind: 'granted', grantNanoUsd: 5 })
  })

  it('is valid for 45 s from its sending, and hardly into the next period', () => {
    const ledger = new Ledger([budget('b', { period: 'hour' })])
    expect(ledger.lease(10)).toMatchObject({ validForMs: 45_000 })
    ledger.after(hourMs - 20_000)
    expect(ledger.lease(10)).toMatchObject({ validForMs: 20_000 })
    ledger.after(19_000)
    expect(ledger.lease(10)).toMatchObject({ validForMs: 5000 })
  })

  it('counts in the period in which it was granted, whenever it is spent', () => {
    const ledger = new Ledger([budget('b', { period: 'hour' })])
    ledger.after(hourMs - 1)
    const { leaseId, accounts } = ledger.lease(100)
    ledger.after(1)
    const next = ledger.lease(100)
    ledger.say('close', leaseId, 0)
    expect(accounts).toEqual([`b@${startMs}`])
    expect(next.accounts).toEqual([`b@${startMs + hourMs}`])
    expect(ledger.state.tables.accounts.get(`b@${startMs}`)?.chargedNanoUsd).toBe(0)
    expect(ledger.account().chargedNanoUsd).toBe(100)
  })
})

describe('soft budgets', () => {
  const soft = budget('soft', {
    mode: 'soft',
    capNanoUsd: n(100),
    failOpenNanoUsd: n(7),
    thresholds: [
      { basisPoints: 5000, action: 'warn' },
      { basisPoints: 8000, action: 'degrade' },
    ],
  })

  it('refuse nothing, and count everything', () => {
    const ledger = new Ledger([soft])
    expect(ledger.hold(500)).toMatchObject({
      kind: 'granted',
      remainingNanoUsd: null,
      failOpenNanoUsd: 7,
    })
    expect(ledger.account('soft').chargedNanoUsd).toBe(500)
  })

  it('tell each threshold once in a period, when it was spent and not when it was set aside', () => {
    const ledger = new Ledger([soft])
    const told = () =>
      ledger.effects.flatMap((each) => (each.kind === 'threshold' ? [each.action] : []))
    const { leaseId } = granted(ledger.hold(90))
    expect(told()).toEqual([])
    ledger.post(leaseId, 85, 90)
    expect(told()).toEqual(['warn', 'degrade'])
    expect(ledger.hold(1)).toMatchObject({ actions: ['degrade'] })
    ledger.post(granted(ledger.hold(90)).leaseId, 90)
    expect(told()).toEqual([])
  })

  it('block where a threshold says so, until the cap is raised', () => {
    const blocking = { ...soft, thresholds: [{ basisPoints: 10_000, action: 'block' }] as const }
    const ledger = new Ledger([blocking])
    ledger.post(granted(ledger.hold(100)).leaseId, 100)
    expect(ledger.hold(1)).toMatchObject({ reason: 'budget_blocked', by: 'soft' })
    ledger.take({ kind: 'configure', budgets: [{ ...blocking, capNanoUsd: n(200) }], limits: [] })
    expect(ledger.hold(1).kind).toBe('granted')
  })

  it('fail open only where no budget is hard', () => {
    expect(new Ledger([soft, budget('hard')]).hold(1)).toMatchObject({ failOpenNanoUsd: 0 })
  })
})

describe('who may not', () => {
  it('gets nothing for a revoked key or a frozen tenant, and learns which', () => {
    const ledger = new Ledger()
    const before = ledger.exchange([]).killVersion
    ledger.take({ kind: 'kill', scope: 'key:a', reason: 'revoked' })
    expect(ledger.exchange([]).killVersion).toBe(before + 1)
    expect(ledger.hold(1, { scopes: ['tenant', 'key:a'] })).toMatchObject({
      reason: 'revoked',
      by: 'key:a',
    })
    expect(ledger.hold(1).kind).toBe('granted')
    ledger.take({ kind: 'kill', scope: 'tenant', reason: 'frozen' })
    expect(ledger.hold(1)).toMatchObject({ reason: 'frozen' })
    ledger.take({ kind: 'revive', scope: 'tenant' })
    expect(ledger.hold(1).kind).toBe('granted')
    expect(ledger.take({ kind: 'revive', scope: 'key:a' })).toMatchObject([{ kind: 'refused' }])
  })

  it('may still settle', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(100))
    ledger.take({ kind: 'kill', scope: 'tenant', reason: 'frozen' })
    ledger.post(leaseId, 40, 100)
    expect(ledger.account().chargedNanoUsd).toBe(40)
  })
})

describe('caps', () => {
  it('that come down take nothing back and stop grants until as much is free', () => {
    const ledger = new Ledger()
    const { leaseId } = granted(ledger.hold(800))
    ledger.take({ kind: 'configure', budgets: [budget('b', { capNanoUsd: n(500) })], limits: [] })
    expect(ledger.account().chargedNanoUsd).toBe(800)
    expect(ledger.hold(1)).toMatchObject({ kind: 'denied', remainingNanoUsd: 0 })
    ledger.post(leaseId, 450, 800)
    expect(ledger.hold(50).kind).toBe('granted')
  })

  it('that go up are there at once, without sealing what is out', () => {
    const ledger = new Ledger()
    const { killVersion } = ledger.exchange([])
    ledger.hold(1000)
    ledger.take({ kind: 'configure', budgets: [budget('b', { capNanoUsd: n(1500) })], limits: [] })
    expect(ledger.hold(500).kind).toBe('granted')
    expect(ledger.exchange([]).killVersion).toBe(killVersion)
  })

  it('of a new budget make holders give their leases back, because these do not count in it', () => {
    const ledger = new Ledger()
    const { killVersion } = ledger.exchange([])
    ledger.take({ kind: 'configure', budgets: [budget('b'), budget('new')], limits: [] })
    expect(ledger.exchange([]).killVersion).toBe(killVersion + 1)
  })

  it('are written where they changed, and nowhere else', () => {
    const ledger = new Ledger([budget('a'), budget('b')])
    const budgets = [budget('a'), budget('b', { capNanoUsd: n(5) })]
    const [write] = ledger.take({ kind: 'configure', budgets, limits: [] })
    expect(write).toMatchObject({ changes: [{ table: 'budgets', id: 'b' }] })
  })

  it.each([
    ['money that is no integer', { capNanoUsd: 0.5 as never }],
    ['a zone that is none', { zone: 'Middle/Earth' }],
    ['another period under the same id', { period: 'day' }],
    ['a hard budget that fails open', { failOpenNanoUsd: n(1) }],
  ] as const)('are refused with %s, and nothing changes', (_, more) => {
    const ledger = new Ledger()
    const effects = ledger.take({ kind: 'configure', budgets: [budget('b', more)], limits: [] })
    expect(effects.map(({ kind }) => kind)).toEqual(['refused'])
    expect(ledger.state.tables.budgets.get('b')).toEqual(budget('b'))
  })
})

describe('step()', () => {
  it('changes nothing when it throws', () => {
    const huge = Number.MAX_SAFE_INTEGER
    const ledger = new Ledger([budget('b', { mode: 'soft', capNanoUsd: n(huge) })])
    ledger.hold(huge)
    const before = structuredClone(ledger.state.tables)
    expect(() => ledger.hold(1)).toThrow(RangeError)
    expect(ledger.state.tables).toEqual(before)
    expect(ledger.state.index.open.size).toBe(1)
  })

  it.each([0.5, -1, Number.NaN, 2 ** 60])('does not read %d as money', (worst) => {
    const ledger = new Ledger()
    const answer = ledger.ask({ ...ledger.holdAsk(1), worstNanoUsd: worst } as never)
    expect(answer).toMatchObject({ kind: 'denied', reason: 'malformed' })
    expect(ledger.alerts()).toEqual(['malformed'])
  })
})
