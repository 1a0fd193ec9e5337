import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import {
  advanceExchange,
  withAdvance,
} from '../../../durable-objects/tenant-ledger/open-advance.ts'
import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { OpenCall, OpenReply } from '../../../durable-objects/tenant-ledger/rpc.ts'
import type { OpenHost } from '../../../worker/edge/ledger/open-key.ts'
import { invariant } from '../kernel/broken.ts'
import type { Random } from '../kernel/random.ts'
import type { LedgerWorld } from './world.ts'

export const tenant = 'pinned'

/** An isolate at the edge, or an object: a clock of its own, and a life that may end. */
export interface Place {
  readonly skewMs: number
  isAlive: boolean
}

/** Between the places that a pinned request passes and the ledger: as bad as that of the isolates. */
export class PinnedNetwork {
  readonly #world: LedgerWorld
  readonly #random: Random

  constructor(world: LedgerWorld) {
    this.#world = world
    this.#random = world.random.fork('pinned network')
  }

  place(): Place {
    const skewMs = Math.floor(this.#random.between(-1, 1) * this.#world.plan.maxSkewMs)
    return { skewMs, isAlive: true }
  }

  hostAt(place: Place, keyId: string): OpenHost {
    const { timeline } = this.#world
    return {
      nowMs: () => timeline.nowMs + place.skewMs,
      after: (delayMs, then) =>
        timeline.after(delayMs, () => {
          if (!place.isAlive) return
          then()
          timeline.settle()
        }),
      waitUntil: (work) => void work,
      send: (exchange) => {
        this.#world.promised(exchange)
        return this.#ask(place, (resolve) => this.#exchange(exchange, resolve))
      },
      open: (call) => this.#ask(place, (resolve) => this.#open(call, keyId, resolve)),
    }
  }

  /** There and back, each way lost, doubled or late. What is lost is waited for in vain. */
  #ask<Reply>(place: Place, at: (resolve: (reply: Reply) => void) => void): Promise<Reply> {
    return new Promise((resolve) => {
      this.#carry(() =>
        at((reply) =>
          this.#carry(() => {
            if (!place.isAlive) return
            resolve(reply)
            this.#world.timeline.settle()
          }),
        ),
      )
    })
  }

  #carry(deliver: () => void): void {
    const { timeline, plan, isDraining } = this.#world
    if (!isDraining && this.#random.chance(plan.dropShare)) return
    const copies = !isDraining && this.#random.chance(plan.doubleShare) ? 2 : 1
    const longest = isDraining ? 50 : plan.longestDelayMs
    for (let copy = 0; copy < copies; copy += 1)
      timeline.after(this.#random.between(5, longest), deliver)
  }

  #exchange(exchange: Exchange, answer: (reply: ExchangeReply) => void): void {
    const { host, plan, isDraining, ledgerNowMs } = this.#world
    const dies = !isDraining && this.#random.chance(plan.unstoredShare)
    const reply = host.exchange(exchange, ledgerNowMs, dies)
    this.#world.write(`pinned ${JSON.stringify(exchange)} -> ${JSON.stringify(reply)}`)
    if (reply !== null) answer(reply)
  }

  #open({ advance }: OpenCall, keyId: string, answer: (reply: OpenReply) => void): void {
    const { state } = this.#world.host
    const profile = profileOf(keyId)
    const exchange = advance === undefined ? null : advanceExchange(state, profile, advance)
    invariant(
      exchange !== null,
      'a pinned request asks for credit that is handed on',
      () => advance,
    )
    this.#exchange(exchange, (reply) => {
      const { epoch, killVersion } = reply
      const opened = {
        kind: 'verified',
        profile,
        epoch,
        killVersion,
        remainingNanoUsd: null,
      } as const
      const effects = [{ kind: 'reply', reply }] as const
      answer(withAdvance(this.#world.host.state, { ...opened, limits: [] }, exchange, effects))
    })
  }
}

function profileOf(keyId: string): KeyProfile {
  return {
    tenantId: tenant,
    keyId,
    keyPath: [keyId],
    grant: everything,
    residency: 'eu',
    isStrict: false,
    tier: null,
    storesAnswers: true,
    requiredTags: [],
    validForMs: 60_000,
  }
}
