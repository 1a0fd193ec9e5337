import type { AttemptResult } from './attempt.ts'
import type { Ports } from './ports.ts'
import type { Leg } from './leg.ts'
import type { Answer, FailedResult } from './run-plan.ts'

export interface Raced {
  readonly winner: { readonly leg: Leg; readonly result: Answer } | null
  /** Legs that failed or were given up, in the order in which they were sent. */
  readonly failed: readonly { readonly leg: Leg; readonly result: FailedResult }[]
}

/**
 * Waits for `first`; when it has said nothing for `afterMs`, `second` is sent
 * beside it. The first to answer wins, and the other is stopped at once, so that
 * nothing is ever sent twice to the client. Before `second` was sent a failure of
 * `first` is final: the plan goes on from there.
 */
export async function race(
  first: Leg,
  second: () => Promise<Leg | null>,
  afterMs: number,
  ports: Ports,
): Promise<Raced> {
  let cancel: () => void = () => undefined
  const silence = new Promise<'silence'>((resolve) => {
    cancel = ports.after(afterMs, () => resolve('silence'))
  })
  const early = await Promise.race([first.result, silence])
  cancel()
  const other = early === 'silence' ? await second() : null
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
  for (const leg of legs) if (leg !== winner) leg.control.stop('superseded')
  return settled(legs, winner, done)
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

const tooLate: FailedResult = {
  kind: 'failed',
  failure: { class: 'cancelled', message: 'another target answered first' },
  status: null,
}
