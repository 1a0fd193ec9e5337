import type { OpenCall, OpenReply } from '../../../durable-objects/tenant-ledger/rpc.ts'
import { carry } from './errand.ts'
import type { FirstCredit } from './first-credit.ts'
import type { LedgerBook, TenantCredit } from './ledger-book.ts'
import type { ErrandHost } from './ledger-call.ts'
import {
  type AdvanceAsks,
  askInAdvance,
  giveUpAdvance,
  isClean,
  takeAdvance,
} from './lease-holder.ts'

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
  const asked = credit === null ? null : askInAdvance(credit.state, sentAtMs)
  if (first === null || credit === null || asked === null) {
    const opened = await inTime(host, { key })
    if (opened.kind === 'verified') book.sawKillVersion(tenant, opened.killVersion, sentAtMs)
    return opened
  }
  const { state } = credit
  try {
    const advance = { holder: state.holder, ...asked, mayHold: true as const, ...first() }
    const opened = await inTime(host, { key, advance })
    take(book, credit, asked, opened, host.nowMs(), sentAtMs)
    return opened
  } catch (fault) {
    giveUpAdvance(state, asked, false)
    throw fault
  } finally {
    if (!isClean(state)) carry(credit, host)
  }
}

/** How long the ledger may take to say who a key belongs to, ms: behind it the request is refused with 503. */
const openTimeoutMs = 3000

/** Rejects when no answer came in time; one that comes later is nobody's. */
export function inTime(host: Pick<OpenHost, 'after' | 'open'>, call: OpenCall): Promise<OpenReply> {
  return new Promise((resolve, reject) => {
    const cancel = host.after(openTimeoutMs, () =>
      reject(new Error('the ledger did not answer in time')),
    )
    host.open(call).then(resolve, reject).finally(cancel)
  })
}

function take(
  book: LedgerBook,
  { tenant, state }: TenantCredit,
  asked: AdvanceAsks,
  opened: OpenReply,
  nowMs: number,
  sentAtMs: number,
): void {
  if (opened.kind === 'rejected' || opened.advance === undefined) giveUpAdvance(state, asked, true)
  else takeAdvance(state, asked, { ...opened, advance: opened.advance }, nowMs, sentAtMs)
  if (opened.kind === 'verified') book.sawKillVersion(tenant, opened.killVersion, sentAtMs)
}
