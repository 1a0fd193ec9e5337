import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { TenantCredit } from './ledger-book.ts'
import { isClean, outgoing, takeReply } from './lease-holder.ts'

/** What an errand needs of the request that sends it on its way. */
export interface ErrandHost {
  nowMs(): number
  after(delayMs: number, then: () => void): () => void
  waitUntil(work: Promise<unknown>): void
  send(exchange: Exchange): Promise<ExchangeReply>
}

/** The platform ends what waits behind a response after 30 s; one errand lives no longer than this, ms. */
const errandMs = 25_000
/** A request takes over from an errand that has less than this left, ms. */
const handOverMs = 7000
/** Between two looks at what has to be said, ms. */
const lookMs = 1000

/**
 * Sees to it that somebody carries what a tenant's ledger has to be told, and what credit is wanted: one errand for
 * each tenant in an isolate, behind the response of some request. It ends when nothing is owed any more.
 */
export function carry(credit: TenantCredit, host: ErrandHost): void {
  const nowMs = host.nowMs()
  if (credit.errandUntilMs - nowMs > handOverMs) return
  credit.errand += 1
  credit.errandUntilMs = nowMs + errandMs
  host.waitUntil(run(credit, credit.errand, host))
}

async function run(credit: TenantCredit, errand: number, host: ErrandHost): Promise<void> {
  const { state } = credit
  const isMine = () => credit.errand === errand
  try {
    while (isMine()) {
      const nowMs = host.nowMs()
      const isLast = nowMs >= credit.errandUntilMs
      const exchange = outgoing(state, nowMs, isLast)
      if (exchange !== null) await deliver(credit, exchange, host)
      if (isLast || isClean(state)) return
      await pause(host)
    }
  } finally {
    if (isMine()) credit.errandUntilMs = -Infinity
  }
}

async function deliver(
  { state }: TenantCredit,
  exchange: Exchange,
  host: ErrandHost,
): Promise<void> {
  const sentAtMs = host.nowMs()
  try {
    takeReply(state, await host.send(exchange), host.nowMs(), sentAtMs)
  } catch {
    // What was not acknowledged is said again.
  }
}

function pause(host: ErrandHost): Promise<void> {
  return new Promise((resolve) => {
    host.after(lookMs, resolve)
  })
}
