import { emptyLedger, step } from '../../../durable-objects/tenant-ledger/ledger.ts'
import { type NanoUsd, nanoUsd, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { defaultLedgerSettings } from '../../../durable-objects/tenant-ledger/settings.ts'
import { Random } from '../kernel/random.ts'
import { Timeline } from '../kernel/timeline.ts'
import { nextLookMs } from '../../../worker/edge/ledger/errand.ts'
import {
  admit,
  type AttemptFacts,
  askForHold,
  claim,
  defaultHolderSettings,
  type HolderState,
  isClean,
  newHolder,
  outgoing,
  settle,
  takeReply,
  type Ticket,
  type Want,
} from '../../../worker/edge/ledger/lease-holder.ts'

/** One tenant in steady traffic, as in `reliability.md` 3.5. */
export interface Traffic {
  readonly requestsPerS: number
  /** The first has the most requests, the second half of that, the third a third. */
  readonly isolates: number
  readonly killsPerIsolateHour: number
  readonly seconds: number
  /** Of the tenant's one budget; left out: so much that it limits nobody. */
  readonly capNanoUsd?: NanoUsd
}

export interface TrafficFigures {
  readonly requests: number
  readonly spentUsdPerHour: number
  /** Of all requests: waited for the ledger. */
  readonly waitedShare: number
  readonly callsPerRequest: number
  /** Credit in isolates that no request holds, on average. */
  readonly freeUsd: number
  /** Set aside for requests that run, on average. */
  readonly heldUsd: number
  /** Charged, and spent by nobody, for isolates that were killed: of what was spent. */
  readonly phantomShare: number
  readonly refused: number
  /** Of the cap: charged, and spent. */
  readonly chargedShare: number
  readonly spentShare: number
}

/** Worst case of a request: $0.03 on average, a fifth of it spent; streams of 8 s. */
const worstMeanNanoUsd = 30_000_000
const spentMeanShare = 0.2
const streamMeanMs = 8000
const roundTripMs = 80
/** So large that it limits nobody. */
const noCapNanoUsd = nanoUsd(100_000 * 1e9)

const facts: AttemptFacts = {
  attemptId: '',
  requestId: '',
  route: 'chat',
  target: 'model@acme',
  servedModel: null,
  priceVersion: 'simulated',
  usage: {},
  atMs: 0,
}

interface Isolate {
  readonly name: string
  readonly holder: HolderState
  /** What the calls that run will cost. */
  readonly running: Map<string, number>
  isCarrying: boolean
  isDead: boolean
}

/** Requests, isolates and the ledger in virtual time, with the real rules of both sides; nothing is lost on the way. */
class TrafficWorld {
  readonly timeline = new Timeline(Date.UTC(2027, 0, 15, 12))
  readonly ledger = emptyLedger(defaultLedgerSettings)
  readonly #random: Random
  readonly #traffic: Traffic
  readonly #isolates: Isolate[] = []
  #born = 0
  requests = 0
  refused = 0
  waited = 0
  calls = 0
  freeSum = 0
  heldSum = 0
  /** What would be stranded if all were killed now, summed up over the seconds. */
  strandedSum = 0
  seconds = 0

  constructor(traffic: Traffic, seed: string) {
    this.#traffic = traffic
    this.#random = new Random(seed)
    const budget = {
      id: 'b',
      scope: 'tenant',
      period: 'total',
      zone: 'UTC',
      capNanoUsd: traffic.capNanoUsd ?? noCapNanoUsd,
      mode: 'hard',
      thresholds: [],
      failOpenNanoUsd: zeroNanoUsd,
    } as const
    step(this.ledger, { kind: 'configure', budgets: [budget], limits: [] }, this.timeline.nowMs)
    for (const [place, perS] of ratesOf(traffic).entries()) {
      this.#bear(place)
      this.#arrivals(place, perS)
    }
    this.#second()
  }

  #bear(place: number): void {
    const before = this.#isolates[place]
    if (before !== undefined) before.isDead = true
    this.#born += 1
    const name = `i${this.#born}`
    const holder = newHolder(defaultHolderSettings, name)
    this.#isolates[place] = {
      name,
      holder,
      running: new Map(),
      isCarrying: false,
      isDead: false,
    }
  }

  #arrivals(place: number, perS: number): void {
    this.timeline.after(this.#random.exponential(1000 / perS), () => {
      const isolate = this.#isolates[place]
      if (isolate !== undefined) this.#arrive(isolate)
      this.#arrivals(place, perS)
    })
  }

  #second(): void {
    this.timeline.after(1000, () => {
      step(this.ledger, { kind: 'tick' }, Math.floor(this.timeline.nowMs))
      this.seconds += 1
      this.#measure()
      for (const place of this.#isolates.keys())
        if (this.#random.chance(this.#traffic.killsPerIsolateHour / 3600)) this.#bear(place)
      this.#second()
    })
  }

  /** By what the ledger charges and what the calls that run will turn out to cost: no isolate knows both. */
  #measure(): void {
    const charged = new Map<string, number>()
    for (const { holder, limitNanoUsd } of this.ledger.index.open.values())
      charged.set(holder, (charged.get(holder) ?? 0) + limitNanoUsd)
    for (const { name, holder, running } of this.#isolates) {
      let spent = 0
      for (const lease of holder.leases.values()) {
        const { kind, grantNanoUsd, spentNanoUsd, heldNanoUsd } = lease
        spent += spentNanoUsd
        this.heldSum += heldNanoUsd
        if (kind === 'lease') this.freeSum += grantNanoUsd - spentNanoUsd - heldNanoUsd
      }
      for (const cost of running.values()) spent += cost
      this.strandedSum += Math.max(0, (charged.get(name) ?? 0) - spent)
    }
  }

  #arrive(isolate: Isolate): void {
    const worst = nanoUsd(Math.ceil(this.#random.exponential(worstMeanNanoUsd)) + 1)
    const want: Want = { scopes: ['tenant'], worstNanoUsd: worst, leastNanoUsd: worst, tokens: 1 }
    const { holder } = isolate
    this.requests += 1
    const ticket = admit(holder, want, this.timeline.nowMs)
    if (ticket !== null) {
      this.#run(isolate, ticket)
      this.#carry(isolate)
      return
    }
    this.waited += 1
    const { askId, exchange } = askForHold(holder, want, this.timeline.nowMs)
    this.#send(isolate, exchange, () => {
      const answer = claim(holder, askId)
      if (answer !== null && 'leaseId' in answer) this.#run(isolate, answer)
      else this.refused += 1
      this.#carry(isolate)
    })
  }

  #run(isolate: Isolate, ticket: Ticket): void {
    const share = Math.min(1, this.#random.exponential(spentMeanShare))
    const amountNanoUsd = Math.floor(ticket.worstNanoUsd * share) as NanoUsd
    isolate.running.set(ticket.id, amountNanoUsd)
    this.timeline.after(this.#random.exponential(streamMeanMs), () => {
      // What died with its isolate has nobody who would say so.
      if (isolate.isDead) return
      isolate.running.delete(ticket.id)
      const outcome = { kind: 'posted', amountNanoUsd, basis: 'exact', facts } as const
      settle(isolate.holder, ticket, outcome, this.timeline.nowMs)
      this.#carry(isolate)
    })
  }

  /** As `carry` does it: one errand for each isolate, until nothing is owed any more. */
  #carry(isolate: Isolate): void {
    if (isolate.isCarrying) return
    isolate.isCarrying = true
    this.#look(isolate)
  }

  #look(isolate: Isolate): void {
    if (isolate.isDead) return
    const { holder } = isolate
    const rest = () => {
      if (isClean(holder)) isolate.isCarrying = false
      else this.timeline.after(nextLookMs(holder), () => this.#look(isolate))
    }
    const exchange = outgoing(holder, this.timeline.nowMs)
    if (exchange === null) rest()
    else this.#send(isolate, exchange, rest)
  }

  #send(isolate: Isolate, exchange: Exchange, then: () => void): void {
    this.calls += 1
    this.timeline.after(roundTripMs / 2, () => {
      const nowMs = Math.floor(this.timeline.nowMs)
      const { effects } = step(this.ledger, { kind: 'exchange', exchange }, nowMs)
      const told = effects.find((effect) => effect.kind === 'reply')
      if (told?.kind === 'reply') this.#answer(isolate, told.reply, then)
    })
  }

  #answer(isolate: Isolate, reply: ExchangeReply, then: () => void): void {
    this.timeline.after(roundTripMs / 2, () => {
      if (isolate.isDead) return
      takeReply(isolate.holder, reply, this.timeline.nowMs)
      then()
    })
  }
}

/** Requests a second of each isolate. */
function ratesOf({
  requestsPerS,
  isolates,
}: Pick<Traffic, 'requestsPerS' | 'isolates'>): readonly number[] {
  const weights = Array.from({ length: isolates }, (_, place) => 1 / (place + 1))
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => (requestsPerS * weight) / all)
}

/** Of all requests: those of isolates that have too few for a lease, and hold each by itself. */
export function heldByRuleShare(traffic: Pick<Traffic, 'requestsPerS' | 'isolates'>): number {
  const slow = ratesOf(traffic).filter((perS) => perS < defaultHolderSettings.leaseRequestsPerS)
  return slow.reduce((sum, perS) => sum + perS, 0) / traffic.requestsPerS
}

/** Runs one tenant's traffic. What a kill strands is worked out for every second and isolate, so that few kills say enough. */
export async function runTraffic(traffic: Traffic, seed: string): Promise<TrafficFigures> {
  const world = new TrafficWorld(traffic, seed)
  await world.timeline.run(world.timeline.nowMs + traffic.seconds * 1000)
  const [account] = world.ledger.tables.accounts.values()
  const usd = (nano: number) => nano / 1e9
  const perHour = 3600 / traffic.seconds
  const spentUsdPerHour = usd(account?.postedNanoUsd ?? 0) * perHour
  const strandedUsd = usd(world.strandedSum / world.seconds)
  const capNanoUsd = traffic.capNanoUsd ?? noCapNanoUsd
  return {
    requests: world.requests,
    spentUsdPerHour,
    waitedShare: world.waited / world.requests,
    callsPerRequest: world.calls / world.requests,
    freeUsd: usd(world.freeSum / world.seconds),
    heldUsd: usd(world.heldSum / world.seconds),
    phantomShare: (strandedUsd * traffic.killsPerIsolateHour) / spentUsdPerHour,
    refused: world.refused,
    chargedShare: (account?.chargedNanoUsd ?? 0) / capNanoUsd,
    spentShare: (account?.postedNanoUsd ?? 0) / capNanoUsd,
  }
}
