import { type NanoUsd, nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { LeaseRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import { carry } from '../../../worker/edge/ledger/errand.ts'
import type { TenantCredit } from '../../../worker/edge/ledger/ledger-book.ts'
import { admit, settle, type Ticket, type Want } from '../../../worker/edge/ledger/lease-holder.ts'
import type { OpenHost } from '../../../worker/edge/ledger/open-key.ts'
import {
  bookWith,
  type HandedCredit,
  openForRun,
  voidHanded,
} from '../../../worker/edge/run/handed-credit.ts'
import { invariant } from '../kernel/broken.ts'
import type { Random } from '../kernel/random.ts'
import { PinnedNetwork, type Place, tenant } from './pinned-network.ts'
import type { LedgerWorld } from './world.ts'

/** What became of one request, as far as its money may say. */
interface Fate {
  readonly name: string
  /** Who was to speak of its credit has died: what nobody spoke of is a phantom. */
  isDead: boolean
  /** The edge was told that there is none. A late copy of what it asked may be granted, and is nobody's. */
  isDenied: boolean
  /** The edge was to give it back: over a network that loses messages it may try in vain. */
  isVoided: boolean
  /** The object's, where it came to be. */
  credit: TenantCredit | null
  /** What nobody can tell the bill of is charged at its worst case. */
  isUnknown: boolean
  readonly billed: Map<string, number>
}

interface Held {
  readonly lease: LeaseRow
  readonly fate: Fate
}

interface Asked {
  readonly worst: NanoUsd
  readonly keyId: string
  readonly sentAtMs: number
}

interface Times {
  readonly sentAtMs: number
  readonly hopMs: number
}

/**
 * Requests of a pinned tenant: the edge asks for key and credit in one call, and hands the credit to an object that
 * runs the request and is its holder from then on. By the very code of the gateway (`handed-credit.ts`), over the same
 * ledger and as bad a network as that of the isolates.
 */
export class PinnedRequests {
  readonly #world: LedgerWorld
  /** Of its own chance: the histories of isolates draw theirs as if this was not there. */
  readonly #random: Random
  readonly #network: PinnedNetwork
  readonly #fates: Fate[] = []
  #running = 0

  constructor(world: LedgerWorld) {
    this.#world = world
    this.#random = world.random.fork('pinned requests')
    this.#network = new PinnedNetwork(world)
    this.#next()
  }

  /** Nobody runs, and whoever is there to speak of its credit has spoken. */
  get isQuiet(): boolean {
    if (this.#running > 0) return false
    const isOver = ({ lease }: Held) => lease.endedAtMs !== null
    return this.#world.host.restores > 0 || this.#held().every(isOver)
  }

  /** What the ledger has of requests whose holders live. */
  #held(): readonly Held[] {
    const fates = new Map(this.#fates.map((fate) => [`${fate.name}.1`, fate]))
    return [...this.#world.host.books.leases.values()].flatMap((lease) => {
      const fate = fates.get(lease.holder)
      return fate === undefined || fate.isDead ? [] : [{ lease, fate }]
    })
  }

  #next(): void {
    const { timeline, plan } = this.#world
    if (plan.pinnedEveryMs === Infinity) return
    timeline.after(this.#random.exponential(plan.pinnedEveryMs), () => {
      if (this.#world.isDraining) return
      this.#begin()
      this.#next()
    })
  }

  #begin(): void {
    const name = `p${this.#fates.length + 1}`
    const fate: Fate = { name, ...newFate, isUnknown: false, billed: new Map() }
    this.#fates.push(fate)
    this.#running += 1
    void this.#arrive(fate)
    this.#world.timeline.settle()
  }

  async #arrive(fate: Fate): Promise<void> {
    const { largestWorst, keys } = this.#world.plan
    const worst = (2 + this.#random.below(largestWorst)) as NanoUsd
    const keyId = this.#random.pick(keys)
    const edge = this.#network.place()
    const host = this.#network.hostAt(edge, keyId)
    // Too little, about right, or far too much, as the headers of a request tell it.
    const guess = nanoUsd(1 + this.#random.below(3 * worst))
    const first = () => ({ wantNanoUsd: guess, softNanoUsd: guess, tokens: guess, tags: {} })
    const sentAtMs = this.#world.timeline.nowMs
    try {
      const { handed } = await openForRun(tenant, { keyId, isProven: true }, first, host, fate.name)
      if (handed === null) this.#over()
      else this.#answered(fate, handed, host, edge, { worst, keyId, sentAtMs })
    } catch {
      this.#world.reached('handed credit not answered in time')
      fate.isVoided = true
      this.#over()
    }
  }

  #answered(fate: Fate, handed: HandedCredit, edgeHost: OpenHost, edge: Place, asked: Asked): void {
    const { timeline } = this.#world
    fate.isDenied = handed.advance.answer.kind !== 'granted'
    if (fate.isDenied) this.#world.reached('handed credit refused')
    // The edge reads headers for a moment: it may be stopped, or refuse the request.
    const drawn = this.#random.next()
    if (drawn < 0.1 && !this.#world.isDraining) {
      edge.isAlive = false
      this.#dies(fate, 'handed credit died on its way')
      this.#over()
    } else if (drawn < 0.3) {
      this.#world.reached('handed credit given back at the door')
      fate.isVoided = true
      voidHanded(handed, tenant, edgeHost)
      this.#over()
    } else {
      const hopMs = this.#random.between(5, 4000)
      timeline.after(hopMs, () => this.#run(fate, handed, { ...asked, hopMs }))
      return
    }
    timeline.settle()
  }

  #dies(fate: Fate, how: 'handed credit died on its way' | 'handed credit died with its object') {
    fate.isDead = true
    this.#world.deaths += 1
    this.#world.reached(how)
  }

  /** In the object. */
  #run(fate: Fate, handed: HandedCredit, { worst, keyId, ...times }: Asked & Times): void {
    const { timeline, plan } = this.#world
    const object = this.#network.place()
    const host = this.#network.hostAt(object, keyId)
    const credit = bookWith(handed, tenant, host).credit(tenant)
    fate.credit = credit
    if (this.#random.chance(0.15) && !this.#world.isDraining)
      timeline.after(this.#random.between(0, plan.longestStreamMs), () => {
        object.isAlive = false
        this.#dies(fate, 'handed credit died with its object')
      })
    const pay = () => {
      // A body that comes slowly: the credit waits for it.
      if (object.isAlive) this.#pay(fate, handed, { worst, keyId, ...times }, credit, object, host)
      else this.#over()
      timeline.settle()
    }
    if (this.#random.chance(0.5)) timeline.after(this.#random.between(0, 5000), pay)
    else pay()
  }

  #pay(
    fate: Fate,
    handed: HandedCredit,
    { worst, keyId, ...times }: Asked & Times,
    credit: TenantCredit,
    object: Place,
    host: OpenHost,
  ): void {
    if (this.#random.chance(0.1)) {
      // Its body is refused: the credit goes back by itself.
      this.#world.reached('handed credit given back unused')
      this.#over()
      return
    }
    const want: Want = {
      scopes: ['tenant', `key:${keyId}`],
      worstNanoUsd: worst,
      leastNanoUsd: this.#random.chance(0.3) ? nanoUsd(1 + this.#random.below(worst)) : worst,
      tokens: worst,
    }
    const ticket = admit(credit.state, want, host.nowMs())
    if (ticket === null) {
      this.#world.reached('handed credit of no use')
      this.#over()
      return
    }
    this.#checkAdmission(handed, ticket, times)
    this.#call(fate, credit, ticket, object, host)
  }

  /**
   * I9, by what was told and a clock that is true: neither the edge's nor the object's is. The way from the one to the
   * other is seen by no clock; it has to fit into what the ledger waits longer than it says.
   */
  #checkAdmission(
    { advance }: HandedCredit,
    { leaseId }: Ticket,
    { sentAtMs, hopMs }: Times,
  ): void {
    const { host, timeline } = this.#world
    const { nowMs } = timeline
    const granted = [advance, ...(advance.more ?? [])]
      .map(({ answer }) => answer)
      .find((answer) => answer.kind === 'granted' && answer.leaseId === leaseId)
    const values = () => ({ leaseId, advance, sentAtMs, hopMs, nowMs })
    invariant(granted?.kind === 'granted', 'I9 under a lease that was handed on', values)
    const deadlineMs = sentAtMs + granted.validForMs + hopMs
    invariant(nowMs < deadlineMs, 'I9 not after the deadline', values)
    const isLost = host.restores === 0 && host.books.leases.get(leaseId)?.state === 'lost'
    invariant(!isLost, 'I9 not under a lease that is lost', values)
    invariant(!this.#world.isPromised(leaseId), 'I9 not after a seal', values)
  }

  #call(fate: Fate, credit: TenantCredit, ticket: Ticket, object: Place, host: OpenHost): void {
    const { truth, plan, timeline } = this.#world
    const { leaseId, worstNanoUsd } = ticket
    const bill = nanoUsd(this.#random.below(worstNanoUsd + 1))
    const accounts = this.#world.host.books.leases.get(leaseId)?.accounts ?? []
    this.#world.reached('handed credit paid for the request')
    truth.bill(fate.name, leaseId, accounts, bill, worstNanoUsd)
    fate.billed.set(leaseId, bill)
    this.#world.billed(leaseId)
    const isUnknown = this.#random.chance(plan.unknownShare)
    timeline.after(this.#random.between(100, plan.longestStreamMs), () => {
      this.#over()
      if (!object.isAlive) return
      const facts = factsOf(fate.name, host.nowMs())
      if (isUnknown) truth.unknown(fate.name)
      fate.isUnknown = isUnknown
      const isFirst = settle(
        credit.state,
        ticket,
        isUnknown
          ? { kind: 'unknown', facts }
          : { kind: 'posted', amountNanoUsd: bill, basis: 'exact', facts },
        host.nowMs(),
      )
      invariant(isFirst, 'I10 a ticket ends once', () => ticket)
      carry(credit, host)
      timeline.settle()
    })
  }

  #over(): void {
    this.#running -= 1
  }

  /** It stays charged, which is safe: somebody spoke for as long as the platform lets him, and was not heard. */
  #mayBeLost({ id, sequence, lineCount }: LeaseRow, { isDenied, isVoided, credit }: Fate): boolean {
    const { dropShare, unstoredShare } = this.#world.plan
    const isUnspoken = sequence === 0 && lineCount === 0
    if (isDenied) return isUnspoken
    const isDeaf = dropShare > 0 || unstoredShare > 0
    return isDeaf && (isVoided ? isUnspoken : credit?.state.leases.has(id) === true)
  }

  /** When faults have stopped: what was handed on is charged at what it bought, and at nothing where it bought nothing. */
  checkDrained(): void {
    if (this.#world.host.restores > 0) return
    for (const { lease, fate } of this.#held()) {
      const billed = fate.billed.get(lease.id) ?? 0
      const values = () => ({ lease, billed })
      if (lease.state === 'lost' && this.#mayBeLost(lease, fate)) continue
      invariant(lease.state === 'closed', 'I18 credit that was handed on comes back', values)
      const final = lease.finalNanoUsd ?? 0
      const isGuess = fate.isUnknown && fate.billed.has(lease.id)
      const isRight = isGuess ? final >= billed : final === billed
      invariant(isRight, 'I13 handed credit is charged once, at what it bought', values)
    }
  }
}

const newFate = { isDead: false, isDenied: false, isVoided: false, credit: null } as const

function factsOf(attemptId: string, atMs: number) {
  return {
    attemptId,
    requestId: attemptId,
    route: 'chat',
    target: 'model@acme',
    servedModel: null,
    priceVersion: 'simulated',
    usage: { inputTokens: 1, outputTokens: 1 },
    atMs,
    keyId: 'pinned',
  }
}
