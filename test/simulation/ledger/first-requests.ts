import type { Advance } from '../../../durable-objects/tenant-ledger/advance-call.ts'
import { isKept } from '../../../durable-objects/tenant-ledger/core/habits.ts'
import type { LedgerState } from '../../../durable-objects/tenant-ledger/ledger.ts'
import { type NanoUsd, plus } from '../../../durable-objects/tenant-ledger/money.ts'
import type {
  Exchange,
  ExchangeReply,
  ScopeId,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import type {
  AdvanceAsks,
  HeldLease,
  HolderState,
  Ticket,
  Want,
} from '../../../worker/edge/ledger/lease-holder.ts'
import { invariant } from '../kernel/broken.ts'
import type { Random } from '../kernel/random.ts'
import type { LedgerWorld } from './world.ts'

/** What goes with a key that an isolate sees first. The route is a guess, right or none, and the other may go along. */
export function advanceExchange(
  holder: string,
  { askId, moreAskIds: [moreId = ''] }: AdvanceAsks,
  want: Want,
  random: Random,
): Exchange {
  const others = want.scopes.filter((one) => one !== 'route:chat')
  const [guess, other] = random.chance(0.5) ? [want.scopes, others] : [others, want.scopes]
  const more = random.chance(0.5) ? [askFor(moreId, other, want)] : []
  // Too little, about right, or far too much.
  const size = random.chance(0.4) ? want.worstNanoUsd : 1 + random.below(4 * want.worstNanoUsd)
  const nanoUsd = size as NanoUsd
  const once = random.chance(0.8) && { once: { nanoUsd, isGuess: random.chance(0.5) } }
  return { holder, statements: [], asks: [{ ...askFor(askId, guess, want), ...once }, ...more] }
}

function askFor(askId: string, scopes: readonly ScopeId[], { worstNanoUsd, tokens }: Want) {
  const wantNanoUsd = plus(worstNanoUsd, worstNanoUsd)
  const leastNanoUsd = 1 as NanoUsd
  const softNanoUsd = wantNanoUsd
  return { kind: 'advance', askId, scopes, wantNanoUsd, softNanoUsd, leastNanoUsd, tokens } as const
}

/** What `open` says beside the answers: which scopes have a budget now. */
export function advanceOf(
  state: LedgerState,
  { asks }: Exchange,
  { answers }: ExchangeReply,
): Advance | null {
  if (asks[0]?.kind !== 'advance') return null
  const [first, ...more] = answers.map((answer, at) => {
    const { scopes } = asks[at] ?? { scopes: [] }
    return { scopes, kept: scopes.filter((scope) => isKept(state, scope)), answer }
  })
  return first === undefined ? null : { ...first, routes: [], more }
}

/** A request was paid from credit that came with a key. */
export function noteFirst(world: LedgerWorld, lease: HeldLease, ticket: Ticket, want: Want): void {
  if (lease.spentNanoUsd === 0 && lease.tickets.size === 1)
    world.reached('first request paid in advance')
  if (lease.purpose !== 'first-hold') return
  world.reached('first request paid from its hold')
  if (ticket.worstNanoUsd < want.worstNanoUsd) world.reached('first hold paid for a shorter answer')
  const isForOne = lease.isSealed && lease.tickets.size === 1 && lease.lineCount === 0
  invariant(isForOne, 'I20 a first hold is for one request', () => lease)
}

export function noteUnused(world: LedgerWorld, holder: HolderState, exchange: Exchange): void {
  for (const said of exchange.statements) {
    if (said.kind !== 'close') continue
    const lease = holder.leases.get(said.leaseId)
    if (lease?.purpose === 'first-hold' && lease.lineCount === 0)
      world.reached('first hold given back unused')
    if (lease?.purpose === 'route-guess') world.reached('guess of another route given back')
  }
}

export function hasFirstHold({ holder: { leases } }: { readonly holder: HolderState }): boolean {
  for (const { purpose } of leases.values()) if (purpose === 'first-hold') return true
  return false
}
