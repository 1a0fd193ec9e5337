import type { Exchange, ExchangeReply } from '../../../durable-objects/tenant-ledger/protocol.ts'
import { type HolderState, takeReply } from './lease-holder.ts'

/** What talking to one tenant's ledger needs of the request behind which it happens. */
export interface ErrandHost {
  nowMs(): number
  after(delayMs: number, then: () => void): () => void
  waitUntil(work: Promise<unknown>): void
  send(exchange: Exchange): Promise<ExchangeReply>
}

/** One call of the ledger. False: no reply came, and what was asked and said has to be asked and said again. */
export async function call(
  state: HolderState,
  exchange: Exchange,
  host: ErrandHost,
): Promise<boolean> {
  const sentAtMs = host.nowMs()
  let reply: ExchangeReply
  try {
    reply = await host.send(exchange)
  } catch {
    return false
  }
  takeReply(state, reply, host.nowMs(), sentAtMs)
  return true
}
