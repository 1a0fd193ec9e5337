import { leastOf, mostOf, type NanoUsd, oneNanoUsd, partDown } from '../money.ts'
import type { Answer, Ask, Units } from '../protocol.ts'
import type { LimitRow } from '../rows.ts'
import { fairShare, roomOf } from './accounts.ts'
import { type Case, deny, holdersOf, least, modeOf, open, short } from './case.ts'
import { sliceOf, tightest } from './limits.ts'

type AdvanceAsk = Ask & { readonly kind: 'advance' }

/** For one request, out of the holder's fair share of everything and never the least that is left. */
export function advance(one: Case, ask: AdvanceAsk): Answer {
  const { turn, hard, limits } = one
  const roomNanoUsd = least(hard.map((funds) => roomOf(turn.state, funds)))
  const leastNanoUsd = mostOf(ask.leastNanoUsd, oneNanoUsd)
  if (roomNanoUsd < leastNanoUsd) return short(one, leastNanoUsd)
  const holders = holdersOf(one)
  const units: Units = { requests: 1, tokens: ask.tokens, slots: 1 }
  const isSpare = (kind: LimitRow['kind'], count: number): boolean =>
    (sliceOf(turn, limits, kind, count, 0, holders) ?? count) >= count
  const hasUnits =
    isSpare('requests', 1) && isSpare('tokens', ask.tokens) && isSpare('concurrency', 1)
  const share =
    hard.length === 0
      ? turn.state.settings.largestGrantNanoUsd
      : partDown(fairShare(turn.state, roomNanoUsd), holders)
  const wantNanoUsd = hard.length === 0 ? ask.softNanoUsd : ask.wantNanoUsd
  const grantNanoUsd = leastOf(mostOf(wantNanoUsd, leastNanoUsd), share)
  // A share that does not pay for one request is of no use to it.
  const isSmall = hard.length > 0 && ask.once !== undefined && share < ask.once.nanoUsd
  if (!hasUnits || isSmall || grantNanoUsd < leastNanoUsd || modeOf(one, leastNanoUsd) === 'sync')
    return firstHold(one, ask, roomNanoUsd, units)
  return open(one, 'lease', grantNanoUsd, units)
}

/**
 * Near a cap or a limit: set aside for the one request that brings the key, which takes its worst case from it and
 * gives the rest back at once. What its key asked for lately it may have whole, as by a hold; of a guess no more than
 * half of what is left, so that another who comes meanwhile finds something too.
 */
function firstHold(
  one: Case,
  { once, softNanoUsd }: AdvanceAsk,
  roomNanoUsd: NanoUsd,
  units: Units,
) {
  const { turn, hard, limits } = one
  const sizeNanoUsd = hard.length === 0 ? softNanoUsd : once?.nanoUsd
  if (once === undefined || sizeNanoUsd === undefined || tightest(turn, limits, units) !== null)
    return deny(one, 'use_holds', 0, null)
  const isGuess = hard.length > 0 && once.isGuess
  const grantNanoUsd = leastOf(sizeNanoUsd, isGuess ? partDown(roomNanoUsd, 2) : roomNanoUsd)
  if (grantNanoUsd < oneNanoUsd) return deny(one, 'use_holds', 0, null)
  return open(one, 'hold', grantNanoUsd, units)
}
