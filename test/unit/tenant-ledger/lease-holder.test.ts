import { describe, expect, it } from 'vitest'
import type {
  Answer,
  Exchange,
  ExchangeReply,
  Granted,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  admit,
  admitWhileAway,
  askAgain,
  askForHold,
  type AttemptFacts,
  bookAway,
  claim,
  defaultHolderSettings,
  giveUp,
  type HolderState,
  isClean,
  newHolder,
  outgoing,
  sawKillVersion,
  settle,
  takeReply,
  type Ticket,
  type Want,
} from '../../../worker/edge/ledger/lease-holder.ts'
import { askFor } from '../../../worker/edge/ledger/asks.ts'
import { n, startMs } from './support.ts'

const facts: AttemptFacts = {
  attemptId: 'a',
  requestId: 'r',
  route: 'chat',
  target: 'm@acme',
  servedModel: null,
  priceVersion: 'v1',
  usage: { inputTokens: 3, outputTokens: 4 },
  atMs: 0,
}

function want(worst: number, more: Partial<Want> = {}): Want {
  return {
    scopes: ['tenant', 'key:a'],
    worstNanoUsd: n(worst),
    leastNanoUsd: n(worst),
    tokens: 10,
    ...more,
  }
}

/** An isolate with a ledger that answers as it is told. */
class Isolate {
  readonly state: HolderState = newHolder(defaultHolderSettings, 'i1')
  nowMs = startMs
  epoch = 1
  killVersion = 1
  #leases = 0

  admit(worst: number, more: Partial<Want> = {}): Ticket | null {
    return admit(this.state, want(worst, more), this.nowMs)
  }

  out(isLeaving = false): Exchange | null {
    return outgoing(this.state, this.nowMs, isLeaving)
  }

  reply(answers: readonly Answer[], more: Partial<ExchangeReply> = {}): void {
    const { epoch, killVersion } = this
    const reply = { epoch, killVersion, acknowledgements: [], noted: [], answers, ...more }
    takeReply(this.state, reply, this.nowMs)
  }

  granted(askId: string, grant: number, more: Partial<Granted> = {}): Granted {
    this.#leases += 1
    return {
      kind: 'granted',
      askId,
      mode: 'lease',
      remainingNanoUsd: n(1_000_000),
      actions: [],
      limits: [],
      leaseId: `${this.epoch}.${this.#leases}`,
      grantNanoUsd: n(grant),
      scopes: ['tenant'],
      accounts: ['b@0'],
      validForMs: 45_000,
      units: { requests: null, tokens: null, slots: null },
      failOpenNanoUsd: n(0),
      ...more,
    }
  }

  /** Asks for a hold and has it granted. */
  hold(worst: number, more: Partial<Granted> = {}): Ticket {
    const { askId } = askForHold(this.state, want(worst), this.nowMs)
    this.reply([this.granted(askId, worst, more)])
    const answer = claim(this.state, askId)
    if (answer === null || !('leaseId' in answer)) throw new Error('no ticket')
    return answer
  }

  /** Some traffic, and the lease that it asks for. */
  lease(grant: number, more: Partial<Granted> = {}): Granted {
    for (let request = 0; request < 20; request += 1) this.admit(50)
    settle(this.state, this.hold(50), { kind: 'void' }, this.nowMs)
    for (let request = 0; request < 20; request += 1) this.admit(50)
    this.nowMs += 1000
    const ask = this.out()?.asks.find(({ kind }) => kind === 'grant')
    if (ask === undefined) throw new Error('no grant was asked for')
    const answer = this.granted(ask.askId, grant, more)
    this.reply([answer])
    return answer
  }

  post(ticket: Ticket, amount: number): boolean {
    const outcome = { kind: 'posted', amountNanoUsd: n(amount), basis: 'exact', facts } as const
    return settle(this.state, ticket, outcome, this.nowMs)
  }

  /** What it says now of a lease. */
  said(leaseId: string) {
    this.nowMs += 1000
    return this.out()?.statements.find((said) => 'leaseId' in said && said.leaseId === leaseId)
  }
}

/** A second slice, although there is enough. */
function outgoingAskOf(isolate: Isolate): string {
  const { askId } = askFor(isolate.state, 'grant', 'tenant', want(50), n(10_000), {
    requests: 1,
    tokens: 1,
    slots: 1,
  })
  return askId
}

describe('admit()', () => {
  it('has nothing to give before the ledger has granted something', () => {
    expect(new Isolate().admit(1)).toBeNull()
  })

  it('checks and sets aside in one step, to the last nano-dollar', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    expect(isolate.admit(60)).toMatchObject({ leaseId, worstNanoUsd: 60 })
    expect(isolate.admit(41)).toBeNull()
    expect(isolate.admit(40)).toMatchObject({ leaseId })
    expect(isolate.admit(1)).toBeNull()
    expect(isolate.state.leases.get(leaseId)).toMatchObject({ spentNanoUsd: 0, heldNanoUsd: 100 })
  })

  it('spends again what an attempt did not cost', () => {
    const isolate = new Isolate()
    isolate.lease(100)
    const ticket = isolate.admit(100)
    expect(isolate.post(ticket as Ticket, 30)).toBe(true)
    expect(isolate.admit(71)).toBeNull()
    expect(isolate.admit(70)).not.toBeNull()
  })

  it('stops 45 s after the ask was sent, however late its answer came', () => {
    const isolate = new Isolate()
    isolate.lease(100)
    isolate.nowMs += 44_999
    sawKillVersion(isolate.state, 1, isolate.nowMs)
    expect(isolate.admit(1)).not.toBeNull()
    isolate.nowMs += 1
    expect(isolate.admit(1)).toBeNull()
    // A clock that goes back gives no time back.
    isolate.nowMs -= 10_000
    expect(isolate.admit(1)).toBeNull()
  })

  it('stops when it has promised so', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    isolate.nowMs += 5000
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'close' })
    expect(isolate.admit(1)).toBeNull()
  })

  it('stops under another epoch, and when somebody was revoked since', () => {
    const isolate = new Isolate()
    isolate.lease(100)
    isolate.killVersion = 2
    isolate.reply([])
    expect(isolate.admit(1, { scopes: ['tenant'] })).toBeNull()
    const other = new Isolate()
    const { leaseId } = other.lease(100)
    other.epoch = 2
    other.reply([])
    expect(other.admit(1)).toBeNull()
    expect(other.said(leaseId)).toMatchObject({
      kind: 'close',
      adopt: { grantNanoUsd: 100, accounts: ['b@0'], scopes: ['tenant'] },
    })
  })

  it('never begins under a lease of an earlier epoch, whose answer came after the restore', () => {
    const isolate = new Isolate()
    for (let request = 0; request < 20; request += 1) isolate.admit(50)
    const askId = isolate.out()?.asks[0]?.askId ?? ''
    isolate.epoch = 2
    isolate.reply([isolate.granted(askId, 100, { leaseId: '1.5' })])
    expect(isolate.admit(1)).toBeNull()
    expect(isolate.said('1.5')).toMatchObject({ kind: 'close', adopt: { grantNanoUsd: 100 } })
  })

  it('stops when nobody said for half a minute that nobody was revoked', () => {
    const isolate = new Isolate()
    isolate.lease(100)
    isolate.nowMs += 30_001
    expect(isolate.admit(1)).toBeNull()
    sawKillVersion(isolate.state, 1, isolate.nowMs)
    expect(isolate.admit(1)).not.toBeNull()
    // A reply counts from when it was asked for: what came behind that it cannot know.
    const late = new Isolate()
    late.lease(100)
    late.nowMs += 31_000
    const reply = { epoch: 1, killVersion: 1, acknowledgements: [], noted: [], answers: [] }
    takeReply(late.state, reply, late.nowMs, late.nowMs - 30_001)
    expect(late.admit(1)).toBeNull()
  })

  it('shares a lease between requests that count in the same budgets, and with no others', () => {
    const isolate = new Isolate()
    isolate.lease(100)
    expect(isolate.admit(1, { scopes: ['key:a', 'tenant'] })).not.toBeNull()
    expect(isolate.admit(1, { scopes: ['tenant', 'key:b'] })).toBeNull()
  })

  it('keeps to the requests, tokens and places of its lease', () => {
    for (const units of [
      { requests: 2, tokens: null, slots: null },
      { requests: null, tokens: 20, slots: null },
      { requests: null, tokens: null, slots: 2 },
    ]) {
      const isolate = new Isolate()
      isolate.lease(100, { units })
      const first = isolate.admit(1)
      expect(isolate.admit(1)).not.toBeNull()
      expect(isolate.admit(1)).toBeNull()
      isolate.post(first as Ticket, 1)
      // A request stays used, a place is free again, and so are the tokens that were not used: 3 of 10.
      expect(isolate.admit(1, { tokens: 3 }) === null).toBe(units.requests !== null)
    }
  })
})

describe('a hold', () => {
  it('is for the request that asked for it and for no other', () => {
    const isolate = new Isolate()
    const ticket = isolate.hold(50)
    isolate.post(ticket, 10)
    expect(isolate.admit(1)).toBeNull()
    expect(isolate.said(ticket.leaseId)).toMatchObject({
      kind: 'close',
      spentNanoUsd: 10,
      lines: [{ number: 1, worstNanoUsd: 50, amountNanoUsd: 10 }],
    })
  })

  it('is asked for again under the same id', () => {
    const isolate = new Isolate()
    const { askId, exchange } = askForHold(isolate.state, want(5), isolate.nowMs)
    expect(askAgain(isolate.state, askId, isolate.nowMs + 500)).toEqual(exchange)
    expect(askAgain(isolate.state, askId, isolate.nowMs + 20_000)).toBeNull()
  })

  it('that nobody waits for is void, before its answer and after', () => {
    const isolate = new Isolate()
    const { askId } = askForHold(isolate.state, want(5), isolate.nowMs)
    giveUp(isolate.state, askId)
    expect(isolate.out()?.statements).toEqual([{ kind: 'void', askId }])
    isolate.reply([], { noted: [askId] })
    isolate.nowMs += 5000
    expect(isolate.out()).toBeNull()
    isolate.reply([isolate.granted(askId, 5)])
    expect(isolate.out()?.statements).toEqual([{ kind: 'void', askId }])
  })

  it('whose answer came after its request had left is closed for nothing', () => {
    const isolate = new Isolate()
    const { askId } = askForHold(isolate.state, want(5), isolate.nowMs)
    const answer = isolate.granted(askId, 5)
    isolate.reply([answer])
    giveUp(isolate.state, askId)
    expect(isolate.said(answer.leaseId)).toMatchObject({
      kind: 'close',
      spentNanoUsd: 0,
      usedUnits: { requests: 0, tokens: 0, slots: 0 },
    })
  })

  it('that is answered twice is not given back while it is used, nor after', () => {
    const isolate = new Isolate()
    const { askId } = askForHold(isolate.state, want(5), isolate.nowMs)
    const answer = isolate.granted(askId, 5)
    isolate.reply([answer])
    const ticket = claim(isolate.state, askId) as Ticket
    isolate.reply([answer])
    isolate.post(ticket, 5)
    isolate.said(answer.leaseId)
    isolate.reply([], {
      acknowledgements: [{ leaseId: answer.leaseId, state: 'closed', lineCount: 1 }],
    })
    isolate.reply([answer])
    isolate.nowMs += 5000
    expect(isolate.out()).toBeNull()
    expect(isClean(isolate.state)).toBe(true)
  })

  it('that was denied says why', () => {
    const isolate = new Isolate()
    const { askId } = askForHold(isolate.state, want(5), isolate.nowMs)
    const { leaseId: _, ...standing } = isolate.granted(askId, 5)
    isolate.reply([
      { ...standing, kind: 'denied', reason: 'budget_exceeded', retryAfterMs: 7, by: 'b' },
    ])
    expect(claim(isolate.state, askId)).toMatchObject({
      reason: 'budget_exceeded',
      retryAfterMs: 7,
    })
    expect(claim(isolate.state, askId)).toBeNull()
  })
})

describe('settle()', () => {
  it('ends a ticket once', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    const ticket = isolate.admit(40) as Ticket
    expect(isolate.post(ticket, 10)).toBe(true)
    expect(isolate.post(ticket, 40)).toBe(false)
    expect(settle(isolate.state, ticket, { kind: 'void' }, isolate.nowMs)).toBe(false)
    expect(isolate.state.leases.get(leaseId)).toMatchObject({ spentNanoUsd: 10, heldNanoUsd: 0 })
  })

  it('takes all that was set aside where nobody knows, and nothing where nothing was sent', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    settle(isolate.state, isolate.admit(40) as Ticket, { kind: 'unknown', facts }, isolate.nowMs)
    settle(isolate.state, isolate.admit(60) as Ticket, { kind: 'void' }, isolate.nowMs)
    expect(isolate.said(leaseId)).toMatchObject({
      spentNanoUsd: 40,
      heldNanoUsd: 0,
      lines: [{ amountNanoUsd: 40, worstNanoUsd: 40, basis: 'worst_case' }],
    })
  })

  it('counts no more than was set aside in the lease: the rest is an overrun of its line', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    isolate.post(isolate.admit(40) as Ticket, 55)
    expect(isolate.said(leaseId)).toMatchObject({
      spentNanoUsd: 40,
      lines: [{ amountNanoUsd: 55, worstNanoUsd: 40 }],
    })
  })
})

describe('outgoing()', () => {
  it('asks for a slice in the background when a set is busy, and for one at a time', () => {
    const isolate = new Isolate()
    // Two in four seconds, which a new set counts as, are half a request a second.
    isolate.admit(50)
    expect(isolate.out()).toBeNull()
    isolate.admit(80)
    const ask = isolate.out()?.asks[0]
    // Nothing was spent yet: twice the largest request.
    expect(ask).toMatchObject({ kind: 'grant', wantNanoUsd: 160, leastNanoUsd: 80 })
    isolate.nowMs += 1000
    expect(isolate.out()).toBeNull()
    isolate.nowMs += 1000
    expect(isolate.out()?.asks).toEqual([ask])
  })

  it('asks for ten seconds of spending once it knows what is spent', () => {
    const isolate = new Isolate()
    isolate.lease(3000)
    for (let request = 0; request < 30; request += 1) isolate.post(isolate.admit(100) as Ticket, 90)
    isolate.nowMs += 1000
    // 2,700 in the four seconds that a new set counts as, faded for a second.
    const [ask] = isolate.out()?.asks ?? []
    expect(ask?.kind === 'grant' ? ask.wantNanoUsd : 0).toBeGreaterThan(6000)
    expect(ask?.kind === 'grant' ? ask.wantNanoUsd : 0).toBeLessThan(6600)
  })

  it('does not ask while the ledger wants holds', () => {
    const isolate = new Isolate()
    isolate.lease(100, { mode: 'sync' })
    for (let request = 0; request < 5; request += 1) isolate.admit(50)
    isolate.nowMs += 1999
    expect(isolate.out()?.asks ?? []).toEqual([])
    isolate.nowMs += 1
    isolate.admit(50)
    expect(isolate.out()?.asks).toHaveLength(1)
  })

  it('replaces a lease before it ends, and one whose credit is in pieces too small for a large request', () => {
    const isolate = new Isolate()
    isolate.lease(1000)
    isolate.nowMs += 500
    expect(isolate.out()?.asks ?? []).toEqual([])
    for (let request = 0; request < 19; request += 1) isolate.admit(50)
    isolate.admit(10)
    // Twice 40 are enough to wait with, and not enough for 50.
    isolate.reply([isolate.granted(outgoingAskOf(isolate), 40, { leaseId: '1.900' })])
    isolate.nowMs += 1000
    expect(isolate.out()?.asks).toHaveLength(1)
    const other = new Isolate()
    other.lease(1000)
    for (let second = 0; second < 36; second += 1) {
      other.nowMs += 1000
      sawKillVersion(other.state, 1, other.nowMs)
      settle(other.state, other.admit(50) as Ticket, { kind: 'void' }, other.nowMs)
      if (second < 35) expect(other.out()?.asks ?? []).toEqual([])
    }
    other.nowMs += 1000
    settle(other.state, other.admit(50) as Ticket, { kind: 'void' }, other.nowMs)
    expect(other.out()?.asks).toHaveLength(1)
  })

  it('says nothing of a hold before its attempt has ended', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.hold(5)
    isolate.nowMs += 10_000
    expect(isolate.said(leaseId)).toBeUndefined()
  })

  it('seals what it still holds for and closes what it does not, and says so until it is heard', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    const ticket = isolate.admit(40) as Ticket
    isolate.nowMs += 45_000
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'seal', spentNanoUsd: 0, heldNanoUsd: 40 })
    isolate.nowMs += 1000
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'seal', heldNanoUsd: 40 })
    isolate.reply([], { acknowledgements: [{ leaseId, state: 'sealed', lineCount: 0 }] })
    isolate.nowMs += 1000
    expect(isolate.said(leaseId)).toBeUndefined()
    isolate.post(ticket, 15)
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'close', spentNanoUsd: 15, heldNanoUsd: 0 })
    isolate.nowMs += 1000
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'close' })
    isolate.reply([], { acknowledgements: [{ leaseId, state: 'closed', lineCount: 1 }] })
    expect(isolate.state.leases.has(leaseId)).toBe(false)
  })

  it('gives back what a set without requests has, after five seconds', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    isolate.nowMs += 2900
    expect(isolate.said(leaseId)).toBeUndefined()
    isolate.nowMs += 100
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'close', spentNanoUsd: 0 })
  })

  it('gives back the oldest of more than twice what it aims at', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(10_000)
    const ask = outgoingAskOf(isolate)
    isolate.reply([isolate.granted(ask, 10_000, { leaseId: '1.900' })])
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'close' })
    expect(isolate.admit(50)).toMatchObject({ leaseId: '1.900' })
  })

  it('gives everything back when the isolate goes', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(100)
    expect(isolate.out(true)?.statements).toContainEqual(
      expect.objectContaining({ leaseId, kind: 'close' }),
    )
    expect(isolate.admit(1)).toBeNull()
  })

  it('sends lines at most a second late, and each until it is stored', () => {
    const isolate = new Isolate()
    const { leaseId } = isolate.lease(1000)
    isolate.post(isolate.admit(40) as Ticket, 30)
    expect(isolate.said(leaseId)).toMatchObject({ kind: 'report', lines: [{ number: 1 }] })
    isolate.post(isolate.admit(40) as Ticket, 20)
    expect(isolate.said(leaseId)).toMatchObject({ lines: [{ number: 1 }, { number: 2 }] })
    isolate.reply([], { acknowledgements: [{ leaseId, state: 'active', lineCount: 1 }] })
    isolate.post(isolate.admit(40) as Ticket, 10)
    expect(isolate.said(leaseId)).toMatchObject({ lines: [{ number: 2 }, { number: 3 }] })
  })
})

describe('while the ledger is away', () => {
  it('lets nothing through where a budget is hard, and so much where none is', () => {
    const isolate = new Isolate()
    expect(admitWhileAway(isolate.state, want(10), isolate.nowMs)).toBe(false)
    isolate.hold(5, { failOpenNanoUsd: n(25) })
    expect(admitWhileAway(isolate.state, want(20), isolate.nowMs)).toBe(true)
    expect(admitWhileAway(isolate.state, want(10), isolate.nowMs)).toBe(false)
    const outcome = { kind: 'posted', amountNanoUsd: n(8), basis: 'exact', facts } as const
    bookAway(isolate.state, want(20), outcome, isolate.nowMs)
    expect(admitWhileAway(isolate.state, want(17), isolate.nowMs)).toBe(true)
    const said = isolate.out()?.statements.find(({ kind }) => kind === 'book')
    expect(said).toMatchObject({ line: { amountNanoUsd: 8 }, scopes: ['tenant', 'key:a'] })
    isolate.reply([], { noted: [said?.kind === 'book' ? said.askId : ''] })
    expect(admitWhileAway(isolate.state, want(8), isolate.nowMs)).toBe(true)
  })
})

describe('a reply of an earlier life', () => {
  it('says nothing', () => {
    const isolate = new Isolate()
    isolate.epoch = 5
    isolate.reply([])
    isolate.reply([], { epoch: 4, killVersion: 99 })
    expect(isolate.state).toMatchObject({ epoch: 5, killVersion: 1 })
  })
})
