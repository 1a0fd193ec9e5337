import type { Exchange } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { call, type ErrandHost } from './ledger-call.ts'
import type { TenantCredit } from './ledger-book.ts'
import { dueInMs, type HolderState, isClean, isFull, outgoing } from './lease-holder.ts'

/** The platform ends what waits behind a response after 30 s; one errand lives no longer than this, ms. */
const errandMs = 25_000
/** A request takes over from an errand that has less than this left, ms. */
const handOverMs = 7000
/** So many exchanges go out one behind the other while there is more to say than one can hold. */
const mostPieces = 64
/** Between two looks at what has to be said, ms: at most, and at least. */
export const lookMs = 1000
const shortestLookMs = 50
/** A call that is not answered by then does not keep what comes after it; its answer is taken in when it comes, ms. */
const callMs = 3000

/**
 * Sees to it that somebody carries what a tenant's ledger has to be told, and what credit is wanted: one errand for
 * each tenant in an isolate, behind the response of some request. It ends when nothing is owed any more.
 */
export function carry(credit: TenantCredit, host: ErrandHost): void {
  const nowMs = host.nowMs()
  if (credit.errandUntilMs - nowMs > handOverMs && !credit.state.isUrgent) return
  credit.state.isUrgent = false
  credit.errand += 1
  credit.errandUntilMs = nowMs + errandMs
  host.waitUntil(run(credit, credit.errand, host))
}

async function run(credit: TenantCredit, errand: number, host: ErrandHost): Promise<void> {
  const { state } = credit
  const isMine = () => credit.errand === errand
  let pieces = 0
  try {
    while (isMine()) {
      const nowMs = host.nowMs()
      // The last word: nobody may come who takes over, so nothing is kept that could be stranded.
      const isLast = nowMs >= credit.errandUntilMs
      const exchange = outgoing(state, nowMs, isLast)
      const isTold = exchange !== null && (await deliver(credit, exchange, host))
      pieces = isTold && isFull(state, exchange.statements) ? pieces + 1 : 0
      if (pieces > 0 && pieces < mostPieces) continue
      if (isLast || isClean(state)) return
      await pause(nextLookMs(state), host)
    }
  } finally {
    if (isMine()) credit.errandUntilMs = -Infinity
  }
}

/** When the next thing has to be said, if that is earlier than the usual look. */
export function nextLookMs(state: HolderState): number {
  const { nowMs, saidAtMs, settings } = state
  const mayMs = saidAtMs + settings.reportMs - nowMs
  return Math.min(lookMs, Math.max(shortestLookMs, mayMs, dueInMs(state)))
}

function deliver({ state }: TenantCredit, exchange: Exchange, host: ErrandHost): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = host.after(callMs, () => resolve(false))
    const calling = async () => {
      const isTold = await call(state, exchange, host)
      cancel()
      resolve(isTold)
    }
    host.waitUntil(calling())
  })
}

function pause(delayMs: number, host: ErrandHost): Promise<void> {
  return new Promise((resolve) => {
    host.after(delayMs, resolve)
  })
}
