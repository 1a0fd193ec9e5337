import { emptyLedger, step } from '../../../durable-objects/tenant-ledger/ledger.ts'
import { type NanoUsd, nanoUsd, zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { defaultLedgerSettings } from '../../../durable-objects/tenant-ledger/settings.ts'
import {
  admit,
  askForHold,
  type AttemptFacts,
  claim,
  defaultHolderSettings,
  type HolderState,
  newHolder,
  outgoing,
  settle,
  takeReply,
  type Ticket,
  type Want,
} from '../../../worker/edge/ledger/lease-holder.ts'
import { Random } from '../kernel/random.ts'
import { Timeline } from '../kernel/timeline.ts'

/** Traffic of `reliability.md` 3.5: worst case $0.03 on average, a fifth of it spent, streams of 8 s, skewed isolates. */
export interface Load {
  readonly requestsPerS: number
  readonly isolates: number
  readonly killsPerIsolateHour: number
  readonly capNanoUsd: number
  readonly seconds: number
}

export interface Sizing {
  readonly requests: number
  readonly refused: number
  /** Of all requests: waited for the ledger. */
  readonly waitedShare: number
  readonly callsPerRequest: number
  readonly spentNanoUsd: number
  /** Free credit in isolates, on average. */
  readonly floatNanoUsd: number
  readonly phantomNanoUsd: number
  readonly chargedNanoUsd: number
}

const worstMeanNanoUsd = 30_000_000
const meanStreamMs = 8000
const roundTripMs = 80

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

/** One tenant in steady traffic, without faults but for killed isolates: what the protocol costs. */
class SizingWorld {
  readonly timeline = new Timeline(Date.UTC(2027, 0, 15, 12))
  readonly random: Random
  readonly load: Load
  readonly ledger = emptyLedger(defaultLedgerSettings)
  readonly holders: HolderState[] = []
  #born = 0
  requests = 0
  refused = 0
  waited = 0
  calls = 0
  floatSum = 0
  floatSamples = 0

  constructor(load: Load, seed: string) {
    this.load = load
    this.random = new Random(seed)
    const budget = {
      id: 'b',
      scope: 'tenant',
      period: 'total',
      zone: 'UTC',
      capNanoUsd: nanoUsd(load.capNanoUsd),
      mode: 'hard',
      thresholds: [],
      failOpenNanoUsd: zeroNanoUsd,
    } as const
    step(this.ledger, { kind: 'configure', budgets: [budget], limits: [] }, this.timeline.nowMs)
    const weights = Array.from({ length: load.isolates }, (_, place) => 1 / (place + 1))
    const all = weights.reduce((sum, weight) => sum + weight, 0)
    for (const [place, weight] of weights.entries()) {
      this.#bear(place)
      this.#traffic(place, (load.requestsPerS * weight) / all)
    }
    this.#every(1000, () => this.#second())
  }

  #bear(place: number): void {
    this.#born += 1
    this.holders[place] = newHolder(defaultHolderSettings, `i${this.#born}`)
  }

  #every(delayMs: number, run: () => void): void {
    this.timeline.after(delayMs, () => {
      run()
      this.#every(delayMs, run)
    })
  }

  #traffic(place: number, perS: number): void {
    this.timeline.after(this.random.exponential(1000 / perS), () => {
      const holder = this.holders[place]
      if (holder !== undefined) this.#arrive(holder)
      this.#traffic(place, perS)
    })
  }

  #second(): void {
    const { load, random, timeline } = this
    step(this.ledger, { kind: 'tick' }, Math.floor(timeline.nowMs))
    for (const [place, holder] of this.holders.entries()) {
      for (const { kind, grantNanoUsd, spentNanoUsd, heldNanoUsd } of holder.leases.values())
        if (kind === 'lease') this.floatSum += grantNanoUsd - spentNanoUsd - heldNanoUsd
      this.#pump(holder)
      if (random.chance(load.killsPerIsolateHour / 3600)) this.#bear(place)
    }
    this.floatSamples += 1
  }

  #pump(holder: HolderState): void {
    const exchange = outgoing(holder, this.timeline.nowMs)
    if (exchange !== null) this.#send(holder, exchange, () => undefined)
  }

  #send(holder: HolderState, exchange: Exchange, then: () => void): void {
    this.calls += 1
    this.timeline.after(roundTripMs / 2, () => {
      const { effects } = step(
        this.ledger,
        { kind: 'exchange', exchange },
        Math.floor(this.timeline.nowMs),
      )
      const reply = effects.find((effect) => effect.kind === 'reply')
      if (reply?.kind !== 'reply') return
      this.#answer(holder, reply.reply, then)
    })
  }

  #answer(holder: HolderState, reply: ExchangeReply, then: () => void): void {
    this.timeline.after(roundTripMs / 2, () => {
      takeReply(holder, reply, this.timeline.nowMs)
      then()
    })
  }

  #arrive(holder: HolderState): void {
    const worst = nanoUsd(Math.ceil(this.random.exponential(worstMeanNanoUsd)) + 1)
    const want: Want = { scopes: ['tenant'], worstNanoUsd: worst, leastNanoUsd: worst, tokens: 1 }
    this.requests += 1
    const ticket = admit(holder, want, this.timeline.nowMs)
    if (ticket !== null) {
      this.#run(holder, ticket)
      this.#pump(holder)
      return
    }
    this.waited += 1
    const { askId, exchange } = askForHold(holder, want, this.timeline.nowMs)
    this.#send(holder, exchange, () => {
      const answer = claim(holder, askId)
      if (answer !== null && 'leaseId' in answer) this.#run(holder, answer)
      else this.refused += 1
    })
    this.#pump(holder)
  }

  #run(holder: HolderState, ticket: Ticket): void {
    const share = Math.min(1, this.random.exponential(0.2))
    const amountNanoUsd = Math.floor(ticket.worstNanoUsd * share) as NanoUsd
    this.timeline.after(this.random.exponential(meanStreamMs), () => {
      const outcome = { kind: 'posted', amountNanoUsd, basis: 'exact', facts } as const
      settle(holder, ticket, outcome, this.timeline.nowMs)
      // What died with its isolate has nobody who would say so.
      if (this.holders.includes(holder)) this.#pump(holder)
    })
  }
}

/** Runs a load for its time and a little longer, so that what is out has come back. */
export async function sizingOf(load: Load, seed: string): Promise<Sizing> {
  const world = new SizingWorld(load, seed)
  await world.timeline.run(world.timeline.nowMs + load.seconds * 1000)
  const account = [...world.ledger.tables.accounts.values()][0]
  return {
    requests: world.requests,
    refused: world.refused,
    waitedShare: world.waited / world.requests,
    callsPerRequest: world.calls / world.requests,
    spentNanoUsd: account?.postedNanoUsd ?? 0,
    floatNanoUsd: world.floatSum / world.floatSamples,
    phantomNanoUsd: account?.phantomNanoUsd ?? 0,
    chargedNanoUsd: account?.chargedNanoUsd ?? 0,
  }
}
