import { zeroNanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { Advance } from '../../../durable-objects/tenant-ledger/rpc.ts'
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

/**
 * The id under which credit is asked for together with a key, before anybody knows what its request counts in. Null:
 * there is credit here, or it is on its way. Hand its answer to `takeAdvance`, and `giveUpAdvance` when none comes.
 */
export function askInAdvance(state: HolderState, nowMs: number): string | null {
  clock(state, nowMs)
  for (const { kind } of state.pending.values()) if (kind === 'advance') return null
  for (const slices of state.slices.values())
    if (slices.some((lease) => isUsable(state, lease))) return null
  const want = { scopes: [], worstNanoUsd: zeroNanoUsd, leastNanoUsd: zeroNanoUsd, tokens: 0 }
  return askFor(state, 'advance', '', want, zeroNanoUsd, noUnits).askId
}

/** As `takeReply`: what came of the ask, and which of its scopes money is kept by. */
export function takeAdvance(
  state: HolderState,
  askId: string,
  { epoch, killVersion, advance }: { epoch: number; killVersion: number; advance: Advance },
  nowMs: number,
  sentAtMs: number,
): void {
  clock(state, nowMs)
  const { scopes, kept, routes, answer } = advance
  if (!sawEpoch(state, epoch)) return
  sawKillVersion(state, killVersion, sentAtMs)
  // A reply that was overtaken says nothing of the budgets that there are by now.
  if (killVersion === state.killVersion) {
    learnBudgets(state, scopes, kept)
    state.keptRoutes = routes === null ? null : new Set(routes)
  }
  const pending = state.pending.get(askId)
  if (pending !== undefined) {
    const want = { ...pending.want, scopes }
    state.pending.set(askId, { ...pending, want, setKey: setKeyOf(state, scopes) })
  }
  const answers = [answer]
  takeReply(
    state,
    { epoch, killVersion, acknowledgements: [], noted: [], answers },
    nowMs,
    sentAtMs,
  )
  // The request that it is for comes in a moment.
  const set = answer.kind === 'granted' ? state.sets.get(scopeKeyOf(answer.scopes)) : undefined
  if (set !== undefined) set.usedAtMs = state.nowMs
}

/** No credit comes of it. `isAnswered`: the ledger said so itself; otherwise whatever comes of the ask is void. */
export function giveUpAdvance(state: HolderState, askId: string, isAnswered: boolean): void {
  if (isAnswered) state.pending.delete(askId)
  else abandon(state, askId)
}
