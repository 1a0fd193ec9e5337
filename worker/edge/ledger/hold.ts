import type { Denied, Exchange } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { call, type ErrandHost } from './ledger-call.ts'
import {
  askAgain,
  askForHold,
  claim,
  giveUp,
  type HolderState,
  isAnswered,
  type Ticket,
  type Want,
} from './lease-holder.ts'

/** How long one call of the ledger may take before it is made again, ms. */
const holdTimeoutMs = 2000
const holdTries = 2

/**
 * Asks the ledger for the worst case of one attempt, for at most as long as the request has. Null when no answer came
 * in time: one that comes later is taken in all the same, and given back.
 */
export async function hold(
  state: HolderState,
  want: Want,
  deadlineAtMs: number,
  host: ErrandHost,
): Promise<Ticket | Denied | null> {
  const { askId, exchange } = askForHold(state, want, host.nowMs())
  let next: Exchange | null = exchange
  let wake: () => void = () => undefined
  for (let tries = 0; next !== null && tries < holdTries; tries++) {
    const leftMs = deadlineAtMs - host.nowMs()
    if (leftMs <= 0) break
    const mine = next
    await new Promise<void>((resolve) => {
      const cancel = host.after(Math.min(holdTimeoutMs, leftMs), resolve)
      const rouse = () => {
        cancel()
        resolve()
      }
      wake = rouse
      // Behind a request that gave up, the reply still has to be taken in. The first call may answer during the second.
      const calling = async () => {
        await call(state, mine, host)
        if (isAnswered(state, askId)) wake()
        else rouse()
      }
      host.waitUntil(calling())
    })
    const answer = claim(state, askId)
    if (answer !== null) return answer
    next = askAgain(state, askId, host.nowMs())
  }
  giveUp(state, askId)
  return null
}
