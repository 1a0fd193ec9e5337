import type { NanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Exchange } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { invariant } from '../kernel/broken.ts'
import { EventLog } from '../kernel/event-log.ts'
import { Random } from '../kernel/random.ts'
import { Timeline } from '../kernel/timeline.ts'
import { newLedgerBranches, type LedgerBranch, type LedgerBranches } from './branches.ts'
import { advanceOf, hasFirstHold } from './first-requests.ts'
import { SimulatedIsolate } from './isolate.ts'
import { LedgerHost } from './ledger-host.ts'
import { reconcileLost, releaseByBills } from './operator.ts'
import { PinnedRequests } from './pinned-requests.ts'
import { drawPlan, type LedgerPlan } from './plan.ts'
import { Truth } from './truth.ts'

/** A little before an hour, a day, a week and a month end in UTC: periods roll over during the run. */
const startMs = Date.UTC(2027, 0, 31, 23, 57)

/** Isolates, their ledger, a network that loses, delays, doubles and reorders: all from one seed. */
export class LedgerWorld {
  readonly timeline = new Timeline(startMs)
  readonly random: Random
  readonly plan: LedgerPlan
  readonly truth = new Truth()
  readonly host: LedgerHost
  readonly branches: LedgerBranches = newLedgerBranches()
  readonly log: EventLog
  readonly isolates: SimulatedIsolate[] = []
  readonly pinned: PinnedRequests
  /** Faults are over and nobody asks any more. */
  isDraining = false
  deaths = 0
  /** Leases whose holder has said that nothing more is admitted. */
  readonly #promised = new Set<string>()
  readonly #ledgerSkewMs: number
  #born = 0

  constructor(seed: string, keptLines: number) {
    this.random = new Random(seed)
    this.plan = drawPlan(this.random.fork('plan'))
    this.log = new EventLog(keptLines)
    this.host = new LedgerHost(this.plan.ledger, this.truth, this.branches, (line) =>
      this.write(line),
    )
    this.#ledgerSkewMs = this.#skew()
    const { budgets, limits } = this.plan
    this.host.take({ kind: 'configure', budgets, limits }, this.ledgerNowMs)
    for (let count = 0; count < this.plan.isolates; count += 1) this.#bear()
    this.#chaos()
    this.#wake()
    this.pinned = new PinnedRequests(this)
  }

  get ledgerNowMs(): number {
    return Math.floor(this.timeline.nowMs + this.#ledgerSkewMs)
  }

  #skew(): number {
    return Math.floor(this.random.between(-1, 1) * this.plan.maxSkewMs)
  }

  write(line: string): void {
    this.log.write(`${this.timeline.nowMs - startMs} ${line}`)
  }

  reached(branch: LedgerBranch): void {
    this.branches.reached(branch)
  }

  #bear(): void {
    this.#born += 1
    const name = `i${this.#born}`
    const isolate = new SimulatedIsolate(this, name, this.#skew(), this.plan.holder)
    this.isolates.push(isolate)
    isolate.start()
  }

  leave(isolate: SimulatedIsolate): void {
    if (!isolate.isAlive) return
    isolate.isAlive = false
    this.#remove(isolate)
    this.reached('isolate left clean')
    if (!this.isDraining) this.#bear()
  }

  #remove(isolate: SimulatedIsolate): void {
    const at = this.isolates.indexOf(isolate)
    if (at >= 0) this.isolates.splice(at, 1)
  }

  isPromised(leaseId: string): boolean {
    return this.#promised.has(leaseId)
  }

  /** A call went out: its bill must be covered at this moment. */
  billed(leaseId: string): void {
    this.host.books.checkTruth(leaseId)
    const lease = this.host.books.leases.get(leaseId)
    for (const account of lease?.accounts ?? []) this.host.books.checkAccountTruth(account)
    if (lease !== undefined && this.#isPast(lease.accounts))
      this.reached('lease outlived its period')
  }

  #isPast(accounts: readonly string[]): boolean {
    return accounts.some((id) => {
      const ends = this.host.books.accounts.get(id)?.endsAtMs ?? null
      return ends !== null && this.ledgerNowMs >= ends
    })
  }

  promised({ statements }: Exchange): void {
    for (const said of statements)
      if (said.kind === 'seal' || said.kind === 'close') this.#promised.add(said.leaseId)
  }

  send(isolate: SimulatedIsolate, exchange: Exchange): void {
    this.promised(exchange)
    this.#carry(() => {
      const dies = !this.isDraining && this.random.chance(this.plan.unstoredShare)
      const reply = this.host.exchange(exchange, this.ledgerNowMs, dies)
      this.write(`${isolate.name} ${JSON.stringify(exchange)} -> ${JSON.stringify(reply)}`)
      if (reply === null) return
      const advance = advanceOf(this.host.state, exchange, reply)
      this.#carry(() => isolate.receive(reply, advance))
    })
  }

  #carry(deliver: () => void): void {
    const { dropShare, doubleShare, longestDelayMs } = this.plan
    const isCalm = this.isDraining
    if (!isCalm && this.random.chance(dropShare)) return
    const copies = !isCalm && this.random.chance(doubleShare) ? 2 : 1
    const longest = isCalm ? 50 : longestDelayMs
    for (let copy = 0; copy < copies; copy += 1)
      this.timeline.after(this.random.between(5, longest), deliver)
  }

  /** The object's alarm. */
  #wake(): void {
    this.timeline.after(1000, () => {
      if (this.host.wakeAtMs <= this.ledgerNowMs) {
        this.host.wakeAtMs = Infinity
        this.#noteLost()
        this.host.take({ kind: 'tick' }, this.ledgerNowMs)
      }
      this.#wake()
    })
  }

  #noteLost(): void {
    for (const lease of this.host.books.leases.values())
      if (lease.state === 'sealed' && lease.expiresAtMs <= this.ledgerNowMs)
        this.reached('sealed lease lost')
  }

  #chaos(): void {
    const { plan, random } = this
    const releases = random.fork('releases')
    this.#now(plan.deathEveryMs, () => this.#kill())
    this.#now(plan.leaveEveryMs, () => {
      const isolate = this.isolates[random.below(this.isolates.length)]
      if (isolate !== undefined) isolate.isLeaving = true
    })
    this.#now(plan.evictEveryMs, () => this.host.evict())
    this.#now(plan.restoreEveryMs / 3, () => this.host.backUp())
    this.#now(plan.restoreEveryMs, () => {
      if (plan.hasJournal) this.host.rollBack(this.ledgerNowMs, random.chance(plan.plannedShare))
      else this.host.restore(this.ledgerNowMs, random.chance(0.4) ? 1 : random.next())
      this.timeline.after(releases.between(20_000, 100_000), () => {
        releaseByBills(this)
        // What seemed to cover a lease that the restore lost is given back.
        reconcileLost(this, Infinity)
      })
    })
    if (plan.hasJournal && plan.restoreEveryMs !== Infinity) this.#deliver()
    this.#now(plan.freezeEveryMs, () => {
      const isolate = this.isolates[random.below(this.isolates.length)]
      if (isolate === undefined) return
      isolate.frozenUntilMs = this.timeline.nowMs + random.between(1000, 60_000)
      this.reached('clock frozen')
    })
    this.#now(plan.adminEveryMs, () => this.#administer())
  }

  /** What the ledger has written, to its journal, over the same network as everything else. */
  #deliver(): void {
    this.timeline.after(500, () => {
      const { journal } = this.host
      const call = journal.call()
      const { life } = journal
      if (call !== null)
        this.#carry(() => {
          const reply = journal.arrive(call)
          this.#carry(() => {
            if (journal.life === life) journal.hear(reply, call)
          })
        })
      this.#deliver()
    })
  }

  #now(everyMs: number, run: () => void): void {
    if (everyMs === Infinity) return
    this.timeline.after(this.random.exponential(everyMs), () => {
      if (this.isDraining) return
      run()
      this.#now(everyMs, run)
    })
  }

  #kill(): void {
    const drawn = this.isolates[this.random.below(this.isolates.length)]
    // Rather one between the call that brought its key and what it paid from that.
    const isolate = this.isolates.find(hasFirstHold) ?? drawn
    if (isolate === undefined) return
    isolate.isAlive = false
    this.#remove(isolate)
    this.deaths += 1
    this.write(`${isolate.name} dies`)
    if (isolate.holder.leases.size > 0) this.reached('isolate died with credit')
    if (hasFirstHold(isolate)) this.reached('isolate died with a first hold')
    this.#bear()
  }

  #administer(): void {
    const { random, host } = this
    const draw = random.next()
    if (draw < 0.5) this.#changeCaps()
    else if (draw < 0.7) this.#revoke()
    else if (draw < 0.8) reconcileLost(this, 1)
    else if (draw < 0.85) releaseByBills(this)
    else if (draw < 0.9)
      host.take({ kind: 'kill', scope: 'key:c', reason: 'frozen' }, this.ledgerNowMs)
    else host.take({ kind: 'revive', scope: 'key:c' }, this.ledgerNowMs)
  }

  #revoke(): void {
    if (this.random.chance(0.3))
      this.host.take({ kind: 'kill', scope: 'key:b', reason: 'revoked' }, this.ledgerNowMs)
  }

  #changeCaps(): void {
    const { budgets, limits } = this.plan
    const factor = this.random.pick([0.1, 0.5, 1, 2])
    const changed = budgets.map((budget) => ({
      ...budget,
      capNanoUsd: Math.floor(budget.capNanoUsd * factor) as NanoUsd,
    }))
    this.host.take({ kind: 'configure', budgets: changed, limits }, this.ledgerNowMs)
    const { accounts } = this.host.books
    const isBelow = changed.some((budget) =>
      [...accounts.values()].some(
        ({ budgetId, chargedNanoUsd }) =>
          budgetId === budget.id && chargedNanoUsd > budget.capNanoUsd,
      ),
    )
    if (isBelow) this.reached('cap lowered below the charge')
  }

  /** I17 and I18: when faults stop and holders drain, nothing is stuck, and without crashes nothing is a phantom. */
  checkDrained(): void {
    const { host, deaths } = this
    host.books.audit()
    this.pinned.checkDrained()
    const living = new Set(this.isolates.map(({ name }) => name))
    for (const isolate of this.isolates) {
      const { leases } = isolate.holder
      const open = [...leases.values()].map(({ id, knownState, tickets }) => ({
        id,
        knownState,
        tickets: tickets.size,
      }))
      invariant(leases.size === 0, 'I18 every lease can be closed by its holder', () => open)
    }
    for (const lease of host.books.leases.values())
      if (living.has(lease.holder) && host.restores === 0)
        invariant(
          lease.endedAtMs !== null || isAbandoned(lease),
          'I18 nothing is stuck',
          () => lease,
        )
    for (const account of host.books.accounts.values()) {
      if (account.overrunNanoUsd > 0) this.reached('margin kept after an overrun')
      if (deaths === 0 && host.lost === 0 && host.restores === 0)
        invariant(
          account.phantomNanoUsd === 0 || this.#hasOpen(account.id),
          'I17 without crashes there is no phantom',
          () => account,
        )
    }
  }

  #hasOpen(accountId: string): boolean {
    return [...this.host.books.leases.values()].some(
      ({ accounts, endedAtMs }) => accounts.includes(accountId) && endedAtMs === null,
    )
  }
}

/** A late copy of an ask was granted after its holder had stopped listening: it is lost in time. */
function isAbandoned({ sequence, lineCount }: { sequence: number; lineCount: number }): boolean {
  return sequence === 0 && lineCount === 0
}
