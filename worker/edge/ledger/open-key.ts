import type { OpenCall, OpenReply } from '../../../durable-objects/tenant-ledger/rpc.ts'
import { carry } from './errand.ts'
import type { FirstCredit } from './first-credit.ts'
import type { LedgerBook, TenantCredit } from './ledger-book.ts'
import type { ErrandHost } from './ledger-call.ts'
import { askInAdvance, giveUpAdvance, isClean, takeAdvance } from './lease-holder.ts'

/** The way to one tenant's ledger, behind one request. */
export interface OpenHost extends ErrandHost {
  open(call: OpenCall): Promise<OpenReply>
}

/**
 * Asks the ledger for a key, and in the same call for what the request that brings it may spend: the first request of
 * a tenant in an isolate makes one call. `first` null: nobody waits for credit. What is not used goes back by itself.
 */
export async function openKey(
  book: LedgerBook,
  tenant: string,
  key: OpenCall['key'],
  first: (() => FirstCredit) | null,
  host: OpenHost,
): Promise<OpenReply> {
  const sentAtMs = host.nowMs()
  const credit = first === null ? null : book.credit(tenant)
  const askId = credit === null ? null : askInAdvance(credit.state, sentAtMs)
  if (first === null || credit === null || askId === null) {
    const opened = await host.open({ key })
    if (opened.kind === 'verified') book.sawKillVersion(tenant, opened.killVersion, sentAtMs)
    return opened
  }
  const { state } = credit
  try {
    const opened = await host.open({ key, advance: { holder: state.holder, askId, ...first() } })
    take(book, credit, askId, opened, host.nowMs(), sentAtMs)
    return opened
  } catch (fault) {
    giveUpAdvance(state, askId, false)
    throw fault
  } finally {
    if (!isClean(state)) carry(credit, host)
  }
}

function take(
  book: LedgerBook,
  { tenant, state }: TenantCredit,
  askId: string,
  opened: OpenReply,
  nowMs: number,
  sentAtMs: number,
): void {
  if (opened.kind === 'rejected' || opened.advance === undefined) giveUpAdvance(state, askId, true)
  else takeAdvance(state, askId, { ...opened, advance: opened.advance }, nowMs, sentAtMs)
  if (opened.kind === 'verified') book.sawKillVersion(tenant, opened.killVersion, sentAtMs)
}
