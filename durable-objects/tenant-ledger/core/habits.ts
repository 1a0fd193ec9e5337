import { leastOf, mostOf, type NanoUsd, partDown, plusOrMost } from '../money.ts'
import type { AttemptLine, OnceWant, ScopeId } from '../protocol.ts'
import type { HabitRow } from '../rows.ts'
import type { LedgerState } from '../state.ts'
import { put, remove, type Turn } from './turn.ts'

/** A habit is halved when a request is smaller than this part of it: one large request is not remembered for ever. */
const smallPart = 4

/** What requests of a key are like, after one more. Steady traffic changes nothing, and so writes nothing. */
export function learnHabit(turn: Turn, { keyId, route, worstNanoUsd }: AttemptLine): void {
  if (keyId === undefined) return
  const before = turn.state.tables.habits.get(keyId)
  const kept = isKept(turn.state, `route:${route}`) ? route : null
  const large = largeAfter(before?.worstNanoUsd, worstNanoUsd)
  if (before?.worstNanoUsd === large && before.route === kept) return
  put(turn, 'habits', { id: keyId, route: kept, worstNanoUsd: large, atMs: turn.nowMs })
}

function largeAfter(before: NanoUsd | undefined, worstNanoUsd: NanoUsd): NanoUsd {
  if (before === undefined || worstNanoUsd >= before) return worstNanoUsd
  return worstNanoUsd < partDown(before, smallPart)
    ? mostOf(partDown(before, 2), worstNanoUsd)
    : before
}

/** Some budget or limit is kept by this scope. */
export function isKept({ index }: LedgerState, scope: ScopeId): boolean {
  return index.budgets.has(scope) || index.limits.has(scope)
}

/** Twice a large request of this key, so that the second one need not wait either; `mostNanoUsd` for a key without a past. */
export function advanceOf(habit: HabitRow | undefined, mostNanoUsd: NanoUsd): NanoUsd {
  if (habit === undefined) return mostNanoUsd
  return leastOf(plusOrMost(habit.worstNanoUsd, habit.worstNanoUsd), mostNanoUsd)
}

/** What the request that brings the key may cost by itself. */
export function onceOf(habit: HabitRow | undefined, mostNanoUsd: NanoUsd): OnceWant {
  return habit === undefined
    ? { nanoUsd: mostNanoUsd, isGuess: true }
    : { nanoUsd: leastOf(habit.worstNanoUsd, mostNanoUsd), isGuess: false }
}

/** Of keys that nothing new was learned of for so long; the next line of such a key makes a new one. */
export function sweepHabits(turn: Turn): void {
  const { tables, settings } = turn.state
  for (const { id, atMs } of tables.habits.values())
    if (atMs + settings.keepEndedMs <= turn.nowMs) remove(turn, 'habits', id)
}
