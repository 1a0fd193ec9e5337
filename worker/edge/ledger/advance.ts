import { zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Advance } from '../../../durable-objects/tenant-ledger/advance-call.ts'
import type { Answer, ScopeId } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { isUsable } from './admit.ts'
import { askFor } from './asks.ts'
import {
  abandon,
  clock,
  type HolderState,
  learnBudgets,
  scopeKeyOf,
  setKeyOf,
} from './holder-state.ts'
import { sawEpoch, sawKillVersion, takeReply } from './replies.ts'

const noUnits = { requests: 1, tokens: 0, slots: 1 }

/** Ids of the asks that go with a key. */
export interface AdvanceAsks {
  readonly askId: string
  readonly moreAskIds: readonly string[]
}

/** Beside the route that is guessed: a key that may use more of those that money is kept by gets that one alone. */
const mostOtherRoutes = 3

/**
 * The ids under which credit is asked for together with a key, before anybody knows what its request counts in. Null:
 * there is credit here, or it is on its way. Hand its answer to `takeAdvance`, and `giveUpAdvance` when none comes.
 */
export function askInAdvance(state: HolderState, nowMs: number): AdvanceAsks | null {
  clock(state, nowMs)
  for (const { kind } of state.pending.values()) if (kind === 'advance') return null
  for (const slices of state.slices.values())
    if (slices.some((lease) => isUsable(state, lease))) return null
  const want = { scopes: [], worstNanoUsd: zeroNanoUsd, leastNanoUsd: zeroNanoUsd, tokens: 0 }
  const id = () => askFor(state, 'advance', '', want, zeroNanoUsd, noUnits).askId
  return { askId: id(), moreAskIds: Array.from({ length: mostOtherRoutes }, id) }
}

interface AdvanceReply {
  readonly epoch: number
  readonly killVersion: number
  readonly advance: Advance
}

/** As `takeReply`: what came of the asks, and which of their scopes money is kept by. */
export function takeAdvance(
  state: HolderState,
  asked: AdvanceAsks,
  { epoch, killVersion, advance }: AdvanceReply,
  nowMs: number,
  sentAtMs: number,
): void {
  clock(state, nowMs)
  const { routes, more = [] } = advance
  for (const askId of asked.moreAskIds.slice(more.length)) state.pending.delete(askId)
  if (!sawEpoch(state, epoch)) return
  sawKillVersion(state, killVersion, sentAtMs)
  const all = [advance, ...more]
  // A reply that was overtaken says nothing of the budgets that there are by now.
  if (killVersion === state.killVersion) {
    for (const { scopes, kept } of all) learnBudgets(state, scopes, kept)
    state.keptRoutes = routes === null ? null : new Set(routes)
  }
  // Each a guess, the first of them too.
  const guesses = more.length === 0 ? [] : all
  const waitedFor = guesses.filter(({ answer }) => state.pending.has(answer.askId))
  for (const { scopes, answer } of all) scopesAre(state, answer.askId, scopes)
  const answers = all.map(({ answer }) => answer)
  const reply = { epoch, killVersion, acknowledgements: [], noted: [], answers }
  takeReply(state, reply, nowMs, sentAtMs)
  for (const { answer } of waitedFor) guessed(state, answer)
  // The request that it is for comes in a moment.
  for (const answer of answers) {
    const set = answer.kind === 'granted' ? state.sets.get(scopeKeyOf(answer.scopes)) : undefined
    if (set !== undefined) set.usedAtMs = state.nowMs
  }
}

function scopesAre(state: HolderState, askId: string, scopes: readonly ScopeId[]): void {
  const pending = state.pending.get(askId)
  if (pending === undefined) return
  const want = { ...pending.want, scopes }
  state.pending.set(askId, { ...pending, want, setKey: setKeyOf(state, scopes) })
}

function guessed(state: HolderState, answer: Answer): void {
  const lease = answer.kind === 'granted' ? state.leases.get(answer.leaseId) : undefined
  if (lease?.purpose !== 'slice') return
  lease.purpose = 'route-guess'
  state.hasFirsts = true
}

/** No credit comes of it. `isAnswered`: the ledger said so itself; otherwise whatever comes of the asks is void. */
export function giveUpAdvance(state: HolderState, asked: AdvanceAsks, isAnswered: boolean): void {
  for (const askId of [asked.askId, ...asked.moreAskIds])
    if (isAnswered) state.pending.delete(askId)
    else abandon(state, askId)
}
