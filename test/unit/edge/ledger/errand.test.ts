import { describe, expect, it } from 'vitest'
import { defaultHolderSettings, newHolder } from '../../../../worker/edge/ledger/lease-holder.ts'
import { LedgerBook } from '../../../../worker/edge/ledger/ledger-book.ts'
import type { Admission } from '../../../../worker/engine/money-port.ts'
import { admissionAsk, demo, type Isolate, Town, worstOf } from './support.ts'

type Admitted = Extract<Admission, { kind: 'admitted' }>

async function admitted(town: Town, isolate: Isolate): Promise<Admitted> {
  const given = isolate.money().admit(admissionAsk(town))
  const admission = given instanceof Promise ? await town.clock.run(given) : given
  if (admission.kind !== 'admitted') throw new Error(admission.error.message)
  return admission
}

const usage = { inputTokens: 10, outputTokens: 2 }
const whole = { ending: 'complete', receivedBytes: 0, usage } as const

async function attempt(town: Town, isolate: Isolate): Promise<void> {
  const { account } = await admitted(town, isolate)
  account.settle(whole)
}

/** Steady traffic for so long, every `everyMs`. */
async function traffic(town: Town, isolate: Isolate, forMs: number, everyMs = 250): Promise<void> {
  for (let pastMs = 0; pastMs < forMs; pastMs += everyMs) {
    await attempt(town, isolate)
    await town.clock.advance(everyMs)
  }
}

describe('the errand of an isolate', () => {
  it('is one at a time, and has its last word before the platform ends it', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 6000)
    // Traffic ends, with a call that runs on for long.
    const long = await admitted(town, isolate)
    const startedMs = town.clock.nowMs
    await town.clock.advance(60_000)
    expect(town.clock.pending).toBe(0)
    expect(isolate.book.credit('demo').errandUntilMs).toBe(-Infinity)
    // All that is charged now is what the running call was set aside at.
    const { charged, posted } = town.account
    expect(charged - posted).toBe(worstOf(100))
    expect(town.clock.nowMs - startedMs).toBe(60_000)
    long.account.settle(whole)
    await town.clock.advance(3000)
    expect(town.account.charged).toBe(town.account.posted)
    expect(town.openLeases).toBe(0)
  })

  it('tells of each attempt within a second, and of all that ended in it in one call', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 8000)
    const before = town.exchanges.length
    const fromMs = town.clock.nowMs
    await traffic(town, isolate, 24_000, 800)
    const since = town.exchanges.slice(before)
    for (const [index, { statements }] of since.entries())
      for (const said of statements)
        if ('lines' in said)
          for (const { atMs } of said.lines)
            expect((town.sentAtMs[before + index] ?? Infinity) - atMs).toBeLessThanOrEqual(1000)
    // Each waits a second for more to come, so two attempts share a call; now and then a slice is asked for.
    const calls = since.length / ((town.clock.nowMs - fromMs) / 1000)
    expect(calls).toBeLessThan(0.8)
    expect(town.lines.length).toBeGreaterThan(60)
  })

  it('is handed over to a request that comes in its last seconds: credit is never without it', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 6000)
    const errands = new Set<number>()
    for (let pastMs = 0; pastMs < 90_000; pastMs += 500) {
      const admission = isolate.money().admit(admissionAsk(town))
      if (admission instanceof Promise || admission.kind !== 'admitted')
        throw new Error(`waited after ${pastMs} ms`)
      admission.account.settle(whole)
      await town.clock.advance(500)
      errands.add(isolate.book.credit('demo').errand)
    }
    // Each carries for some eighteen seconds.
    expect(errands.size).toBeGreaterThanOrEqual(5)
    expect(errands.size).toBeLessThanOrEqual(7)
  })

  it('gives everything back when nobody comes any more', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 6000)
    expect(town.account.charged).toBeGreaterThan(town.account.posted)
    await town.clock.advance(defaultHolderSettings.idleMs + 2000)
    expect(town.account.charged).toBe(town.account.posted)
    expect(town.clock.pending).toBe(0)
  })

  it('is not held up by a call that is never answered', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await attempt(town, isolate)
    let isFirst = true
    town.carry = (deliver) => {
      if (!isFirst) return Promise.resolve(deliver())
      isFirst = false
      return new Promise(() => undefined)
    }
    await town.clock.advance(8000)
    expect(town.openLeases).toBe(0)
    expect(isolate.state().leases.size).toBe(0)
  })

  it('says a long backlog in pieces of 500 lines, one behind the other, and closes behind the last', async () => {
    const town = new Town()
    const isolate = town.isolate()
    await traffic(town, isolate, 6000)
    town.cut()
    for (let call = 0; call < 700; call += 1) {
      const given = isolate.money().admit(admissionAsk(town, { asked: { maxOutputTokens: 1 } }))
      if (given instanceof Promise || given.kind !== 'admitted') throw new Error(`waited: ${call}`)
      given.account.settle({ ...whole, usage: { inputTokens: 1, outputTokens: 0 } })
    }
    // Longer than it is idle: its credit is to be given back.
    await town.clock.advance(7000)
    const before = town.exchanges.length
    town.heal()
    await town.clock.advance(4000)
    const told = town.exchanges.slice(before).map(({ statements }, index) => ({
      lines: statements.reduce((sum, said) => sum + ('lines' in said ? said.lines.length : 0), 0),
      atMs: town.sentAtMs[before + index],
    }))
    const first = told.findIndex(({ lines }) => lines === 500)
    expect(told[first + 1]).toEqual({ lines: 200, atMs: told[first]?.atMs })
    expect(town.lines).toHaveLength(24 + 700)
    expect(town.openLeases).toBe(0)
    // At no time was a lease closed for money that no line accounts for.
    expect(town.ledger.lines.every(({ kind }) => kind === 'attempt')).toBe(true)
    expect(town.account).toEqual({
      charged: 24 * 36_000 + 700 * 2000,
      posted: 24 * 36_000 + 700 * 2000,
      lost: 0,
    })
  })

  it('of one tenant is not kept by the ledger of another', async () => {
    const town = new Town()
    const other = new Town({ clock: town.clock })
    const isolate = town.isolate()
    isolate.send = (tenant, exchange) => (tenant === 'demo' ? town : other).send(exchange)
    other.carry = () => new Promise(() => undefined)
    const billing = { requestId: 'req_other', caller: { ...demo, tenant: 'other' }, route: null }
    const stuck = isolate.money().admit(admissionAsk(town, { billing: { ...billing, tags: {} } }))
    await attempt(town, isolate)
    await town.clock.advance(3000)
    expect(town.openLeases).toBe(0)
    expect(town.account).toMatchObject({ posted: 36_000, charged: 36_000 })
    expect(await town.clock.run(Promise.resolve(stuck))).toMatchObject({ kind: 'refused' })
    // Nothing that one was told is known of the other.
    expect(isolate.state('other').sets.get('tenant')).toBeUndefined()
    expect(isolate.state('other').holder).not.toBe(isolate.state('demo').holder)
  })
})

describe('LedgerBook', () => {
  it('forgets those that owe nothing when there are very many, and never uses their ids again', () => {
    const book = new LedgerBook('i')
    const first = book.credit('t0')
    const owing = book.credit('owing')
    owing.state.voids.set('i.2-1', -Infinity)
    const away = book.credit('away')
    const allowance = { awayNanoUsd: 1 } as never
    away.state.sets.set('tenant', allowance)
    const carrying = book.credit('carrying')
    carrying.errandUntilMs = 5
    for (let tenant = 1; tenant < 4096 + 10; tenant += 1) book.credit(`t${tenant}`)
    expect(book.credit('owing')).toBe(owing)
    expect(book.credit('away')).toBe(away)
    expect(book.credit('carrying')).toBe(carrying)
    const again = book.credit('t0')
    expect(again).not.toBe(first)
    expect(again.state.holder).not.toBe(first.state.holder)
  })

  it('serves one more tenant when all of many owe something', () => {
    const book = new LedgerBook('i')
    for (let tenant = 0; tenant < 4100; tenant += 1)
      book.credit(`t${tenant}`).state.voids.set('a', -Infinity)
    expect(book.credit('t0').state.voids.size).toBe(1)
    expect(book.credit('more').state).toMatchObject({
      ...newHolder(defaultHolderSettings, 'i.4101'),
    })
  })
})
