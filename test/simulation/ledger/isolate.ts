import type { NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type {
  Exchange,
  ExchangeReply,
  ScopeId,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import {
  admit,
  admitWhileAway,
  type AdvanceAsks,
  askAgain,
  askForHold,
  askInAdvance,
  type AttemptFacts,
  bookAway,
  claim,
  giveUp,
  giveUpAdvance,
  type HolderSettings,
  type HolderState,
  isClean,
  newHolder,
  type Outcome,
  outgoing,
  settle,
  takeAdvance,
  takeReply,
  type Ticket,
  type Want,
} from '../../../worker/edge/ledger/lease-holder.ts'
import type { Advance } from '../../../durable-objects/tenant-ledger/rpc.ts'
import { invariant } from '../kernel/broken.ts'
import type { Random } from '../kernel/random.ts'
import { advanceExchange, noteFirst, noteUnused } from './first-requests.ts'
import type { LedgerWorld } from './world.ts'

interface Known {
  readonly deadlineMs: number
  readonly killVersion: number
  readonly epoch: number
  readonly accounts: readonly string[]
}

/** An isolate with traffic of its own, a clock of its own, and a holder. */
export class SimulatedIsolate {
  readonly name: string
  readonly holder: HolderState
  isAlive = true
  isLeaving = false
  /** Whole isolate stands still: no event of it happens, its clock does not move. */
  frozenUntilMs = 0
  readonly #world: LedgerWorld
  readonly #random: Random
  readonly #skewMs: number
  /** What this isolate was told of its leases, kept apart from the holder's own record. */
  readonly #known = new Map<string, Known>()
  readonly #sentAtMs = new Map<string, number>()
  readonly #advances = new Set<string>()
  readonly #asked = new Map<string, AdvanceAsks>()
  #latestKill = 0
  #latestEpoch = 0
  #attempts = 0

  constructor(world: LedgerWorld, name: string, skewMs: number, settings: HolderSettings) {
    this.#world = world
    this.name = name
    this.#random = world.random.fork(name)
    this.#skewMs = skewMs
    this.holder = newHolder(settings, name)
  }

  get nowMs(): number {
    return this.#world.timeline.nowMs + this.#skewMs
  }

  start(): void {
    this.#every(
      () => this.#random.exponential(this.#world.plan.requestEveryMs),
      () => this.#arrive(),
    )
    this.#every(
      () => this.#random.between(200, 1000),
      () => this.pump(),
    )
  }

  #every(delayMs: () => number, run: () => void): void {
    this.#later(delayMs(), () => {
      run()
      this.#every(delayMs, run)
    })
  }

  /** Later, if it still lives; a frozen isolate does it when it thaws. */
  #later(delayMs: number, run: () => void): void {
    this.#world.timeline.after(delayMs, () => {
      if (!this.isAlive) return
      const { nowMs } = this.#world.timeline
      if (nowMs < this.frozenUntilMs) this.#later(this.frozenUntilMs - nowMs, run)
      else run()
    })
  }

  pump(): void {
    const exchange = outgoing(this.holder, this.nowMs, this.isLeaving)
    if (exchange !== null) this.#send(exchange)
    if (this.isLeaving && isClean(this.holder)) this.#world.leave(this)
  }

  #send(exchange: Exchange): void {
    noteUnused(this.#world, this.holder, exchange)
    for (const ask of exchange.asks)
      if (!this.#sentAtMs.has(ask.askId)) this.#sentAtMs.set(ask.askId, this.nowMs)
    this.#world.send(this, exchange)
  }

  receive(reply: ExchangeReply, advance: Advance | null): void {
    if (!this.isAlive) return
    this.#later(0, () => this.#take(reply, advance))
  }

  #take(reply: ExchangeReply, advance: Advance | null): void {
    if (reply.epoch >= this.#latestEpoch) {
      this.#latestEpoch = reply.epoch
      this.#latestKill = Math.max(this.#latestKill, reply.killVersion)
    }
    for (const answer of reply.answers) {
      if (answer.kind === 'granted' && (answer.killVersion ?? 0) < reply.killVersion)
        this.#world.reached('same ask, lease of an older kill version')
      if (answer.kind !== 'granted' || this.#known.has(answer.leaseId)) continue
      const sentAtMs = this.#sentAtMs.get(answer.askId) ?? -Infinity
      this.#known.set(answer.leaseId, {
        deadlineMs: sentAtMs + answer.validForMs,
        killVersion: answer.killVersion ?? -1,
        epoch: Number(answer.leaseId.split('.')[0]),
        accounts: answer.accounts,
      })
      if (!this.holder.pending.has(answer.askId))
        this.#world.reached('answer that nobody waited for')
    }
    const asked = this.#asked.get(advance?.answer.askId ?? '')
    if (advance === null || asked === undefined) takeReply(this.holder, reply, this.nowMs)
    else takeAdvance(this.holder, asked, { ...reply, advance }, this.nowMs, this.nowMs)
    for (const { answer } of advance === null ? [] : [advance, ...(advance.more ?? [])])
      if (answer.kind === 'granted') this.#advances.add(answer.leaseId)
    this.checkHolder()
  }

  #arrive(): void {
    if (this.isLeaving || this.#world.isDraining) return
    const want = this.#want()
    if (this.#random.chance(0.2) && this.#askInAdvance(want)) return
    this.#admit(want)
  }

  /** A key that this isolate sees first; the route is a guess, right or none. The request goes on when it is answered. */
  #askInAdvance(want: Want): boolean {
    const asked = askInAdvance(this.holder, this.nowMs)
    if (asked === null) return false
    const { askId } = asked
    this.#asked.set(askId, asked)
    const exchange = advanceExchange(this.name, asked, want, this.#random)
    this.#send(exchange)
    // Whoever carries it may send it twice, and later than anybody waits for it.
    if (this.#random.chance(0.1))
      this.#later(this.#random.between(10, 5000), () => this.#send(exchange))
    this.#later(this.#random.between(50, 800), () => {
      if (this.holder.pending.has(askId)) {
        giveUpAdvance(this.holder, asked, false)
        this.#world.reached('advance given up')
      }
      // Its body may be refused: nobody comes for what was set aside.
      if (this.#random.chance(0.9)) this.#admit(want)
    })
    return true
  }

  #admit(want: Want): void {
    if (this.isLeaving || this.#world.isDraining) return
    const { hasFirsts } = this.holder
    const ticket = admit(this.holder, want, this.nowMs)
    if (ticket === null && hasFirsts) this.#world.reached('first hold of no use')
    if (ticket !== null) {
      const lease = this.holder.leases.get(ticket.leaseId)
      if (lease !== undefined && this.#advances.has(lease.id))
        noteFirst(this.#world, lease, ticket, want)
      this.#checkAdmission(ticket, true)
      this.#call(ticket, want)
      return
    }
    const { askId, exchange } = askForHold(this.holder, want, this.nowMs)
    this.#send(exchange)
    this.#await(askId, want, this.#world.plan.patienceTurns)
  }

  #want(): Want {
    const random = this.#random
    const { keys, largestWorst } = this.#world.plan
    const scopes: ScopeId[] = ['tenant', `key:${random.pick(keys)}`, 'route:chat']
    if (random.chance(0.3)) scopes.push('tag:feature=search')
    const worst = 2 + random.below(largestWorst)
    const least = random.chance(0.3) ? 1 + random.below(worst) : worst
    return {
      scopes,
      worstNanoUsd: worst as NanoUsd,
      leastNanoUsd: least as NanoUsd,
      tokens: worst,
    }
  }

  /** Looks for the answer of a hold now and then, asks again, gives up. */
  #await(askId: string, want: Want, turns: number): void {
    this.#later(this.#random.between(50, 1500), () => {
      const answer = claim(this.holder, askId)
      if (answer !== null && 'leaseId' in answer) {
        if (turns < this.#world.plan.patienceTurns)
          this.#world.reached('admitted after the first sending of an ask again')
        this.#checkAdmission(answer, false)
        this.#call(answer, want)
        return
      }
      if (answer !== null) return
      if (turns > 0) {
        const again = askAgain(this.holder, askId, this.nowMs)
        if (again !== null) this.#send(again)
        this.#await(askId, want, turns - 1)
        return
      }
      this.#world.reached('hold given up')
      giveUp(this.holder, askId)
      if (admitWhileAway(this.holder, want, this.nowMs)) this.#callAway(want)
    })
  }

  /** I8 and I9, by what the isolate was told and not by what the holder made of it. */
  #checkAdmission(ticket: Ticket, isFromLease: boolean): void {
    const lease = this.holder.leases.get(ticket.leaseId)
    const known = this.#known.get(ticket.leaseId)
    const values = () => ({ ticket, known, now: this.nowMs, isolate: this.name })
    invariant(lease !== undefined && known !== undefined, 'I9 under a lease that is held', values)
    this.checkHolder()
    if (!isFromLease) return
    invariant(this.nowMs < known.deadlineMs, 'I9 not after the deadline', values)
    invariant(known.epoch === this.#latestEpoch, 'I9 not under another epoch', values)
    invariant(known.killVersion === this.#latestKill, 'I9 not after a revocation', values)
    invariant(!this.#world.isPromised(ticket.leaseId), 'I9 not after a seal', values)
  }

  checkHolder(): void {
    for (const lease of this.holder.leases.values())
      invariant(
        lease.spentNanoUsd + lease.heldNanoUsd <= lease.grantNanoUsd && lease.heldNanoUsd >= 0,
        'I8 spent and held are within the grant',
        () => ({ ...lease, tickets: lease.tickets.size }),
      )
  }

  #call(ticket: Ticket, want: Want): void {
    const random = this.#random
    const { plan, truth } = this.#world
    if (random.chance(0.05)) {
      this.#end(ticket, { kind: 'void' })
      return
    }
    this.#attempts += 1
    const attemptId = `${this.name}/${this.#attempts}`
    const worst = ticket.worstNanoUsd
    const surprise = random.chance(plan.overrunShare) ? 1 + random.below(20) : 0
    const bill = surprise > 0 ? worst + surprise : random.below(worst + 1)
    const accounts = this.#known.get(ticket.leaseId)?.accounts ?? []
    truth.bill(attemptId, ticket.leaseId, accounts, bill, worst)
    this.#world.billed(ticket.leaseId)
    const facts = this.#facts(attemptId, want)
    this.#later(random.between(100, plan.longestStreamMs), () => {
      if (!random.chance(plan.unknownShare)) {
        this.#end(ticket, { kind: 'posted', amountNanoUsd: bill as NanoUsd, basis: 'exact', facts })
        return
      }
      this.#world.reached('outcome unknown')
      truth.unknown(attemptId)
      this.#end(ticket, { kind: 'unknown', facts })
    })
  }

  /** I10: whatever is said afterwards, the first word ends it. */
  #end(ticket: Ticket, outcome: Outcome): void {
    const isFirst = settle(this.holder, ticket, outcome, this.nowMs)
    invariant(isFirst, 'I10 a ticket ends once', () => ticket)
    if (this.#random.chance(0.1))
      invariant(
        !settle(this.holder, ticket, { kind: 'void' }, this.nowMs),
        'I10 a ticket does not end twice',
        () => ticket,
      )
    this.checkHolder()
    this.pump()
  }

  #callAway(want: Want): void {
    this.#world.reached('attempt booked while the ledger was away')
    this.#attempts += 1
    const attemptId = `${this.name}/${this.#attempts}`
    const bill = this.#random.below(want.worstNanoUsd + 1)
    // Soft budgets only: nothing that the books must cover.
    this.#world.truth.bill(attemptId, `away ${attemptId}`, [], bill, want.worstNanoUsd)
    const facts = this.#facts(attemptId, want)
    bookAway(
      this.holder,
      want,
      { kind: 'posted', amountNanoUsd: bill as NanoUsd, basis: 'exact', facts },
      this.nowMs,
    )
  }

  #facts(attemptId: string, want: Want): AttemptFacts {
    return {
      attemptId,
      requestId: attemptId,
      route: 'chat',
      target: 'model@acme',
      servedModel: null,
      priceVersion: 'simulated',
      usage: { inputTokens: 1, outputTokens: Math.floor(want.tokens / 2) },
      atMs: this.nowMs,
      keyId: want.scopes[1] ?? '',
    }
  }
}
