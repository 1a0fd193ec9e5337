import type { AttemptResult } from './attempt.ts'
import { seenOfAnswer } from './call-seen.ts'
import { tooLate } from './failed-leg.ts'
import { endFailed, type IsWanted, type Leg } from './leg.ts'
import type { Ports } from './ports.ts'
import type { Answer, FailedResult } from './run-result.ts'

export interface Raced {
  readonly winner: { readonly leg: Leg; readonly result: Answer } | null
  /** Legs that failed or were given up, in the order in which they were sent. */
  readonly failed: readonly { readonly leg: Leg; readonly result: FailedResult }[]
}

/**
 * Waits for `first`; when it has said nothing for `afterMs`, `second` is sent
 * beside it. The first to answer wins, and the other is stopped at once, so that
 * nothing is ever sent twice to the client. Before `second` was sent a failure of
 * `first` is final: the plan goes on from there. While `second` waits for its money
 * `first` may still answer; then it is not sent (`isWanted`).
 */
export async function race(
  first: Leg,
  second: (isWanted: IsWanted) => Promise<Leg | null>,
  afterMs: number,
  ports: Ports,
): Promise<Raced> {
  let cancel: () => void = () => undefined
  const silence = new Promise<'silence'>((resolve) => {
    cancel = ports.after(afterMs, () => resolve('silence'))
  })
  const early = await Promise.race([first.result, silence])
  cancel()
  const other = early === 'silence' ? await armed(first, second, ports) : null
  if (other === null) return alone(first, await first.result)
  const legs = [first, other]
  const done = new Map<Leg, AttemptResult>()
  const winner = await new Promise<Leg | null>((resolve, reject) => {
    const watch = async (leg: Leg): Promise<void> => {
      const result = await leg.result
      done.set(leg, result)
      if (result.kind !== 'failed') resolve(leg)
      else if (done.size === legs.length) resolve(null)
    }
    for (const leg of legs) watch(leg).catch(reject)
  })
  for (const leg of legs) if (leg !== winner) giveUp(leg, done.get(leg))
  return settled(legs, winner, done)
}

/** The second leg; null when there is none, or the first has answered before it was sent. */
async function armed(
  first: Leg,
  second: (isWanted: IsWanted) => Promise<Leg | null>,
  ports: Ports,
): Promise<Leg | null> {
  let isWanted = true
  const arming = second(() => isWanted)
  const unlessAnswered = async () => {
    const { kind } = await first.result
    return kind === 'failed' ? arming : null
  }
  let other: Leg | null = null
  try {
    other = await Promise.race([arming, unlessAnswered()])
  } finally {
    isWanted = other !== null
    if (!isWanted) void dropLate(arming, ports)
  }
  return other
}

/** It may have been sent in the moment in which the first answered. */
async function dropLate(arming: Promise<Leg | null>, ports: Ports): Promise<void> {
  let leg: Leg | null
  try {
    leg = await arming
  } catch {
    // Nothing was sent, and whoever asked has its answer.
    return
  }
  if (leg === null) return
  leg.control.stop('superseded')
  endFailed(leg, tooLate, false, ports.nowMs())
}

/** Stops a leg that has lost. Where it had answered by then that is what it cost; else its failure says. */
function giveUp({ control, account }: Leg, result: AttemptResult | undefined): void {
  control.stop('superseded')
  const lost = { outcome: 'cancelled', status: 200 } as const
  if (result?.kind === 'whole')
    account.settle({ ...seenOfAnswer(result.events, 'complete'), ...lost })
  else if (result?.kind === 'stream')
    account.settle({ ...seenOfAnswer(result.stream.events, 'aborted'), ...lost })
}

function alone(leg: Leg, result: AttemptResult): Raced {
  return result.kind === 'failed'
    ? { winner: null, failed: [{ leg, result }] }
    : { winner: { leg, result }, failed: [] }
}

/** A leg that lost is not waited for: it was stopped, whatever it says now. */
function settled(
  legs: readonly Leg[],
  winner: Leg | null,
  done: ReadonlyMap<Leg, AttemptResult>,
): Raced {
  const won = winner === null ? undefined : done.get(winner)
  const failed = legs.flatMap((leg) => {
    if (leg === winner) return []
    const result = done.get(leg)
    return [{ leg, result: result?.kind === 'failed' ? result : tooLate }]
  })
  if (winner === null || won === undefined || won.kind === 'failed') return { winner: null, failed }
  return { winner: { leg: winner, result: won }, failed }
}
