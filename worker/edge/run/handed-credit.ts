import type { Advance } from '../../../durable-objects/tenant-ledger/advance-call.ts'
import type { OpenCall, OpenReply } from '../../../durable-objects/tenant-ledger/rpc.ts'
import { carry } from '../ledger/errand.ts'
import type { FirstCredit } from '../ledger/first-credit.ts'
import { LedgerBook, type TenantCredit } from '../ledger/ledger-book.ts'
import {
  type AdvanceAsks,
  askInAdvance,
  giveUpAdvance,
  takeAdvance,
} from '../ledger/lease-holder.ts'
import type { ErrandHost } from '../ledger/ledger-call.ts'
import { inTime, type OpenHost } from '../ledger/open-key.ts'

/**
 * What a pinned tenant's first request may spend: its key and its credit are one call of the ledger in the jurisdiction,
 * and the object that runs the request is handed the credit, of which it is the holder from then on. Plain JSON.
 */
export interface HandedCredit {
  /** Of the holder, drawn for this one request. */
  readonly name: string
  /** From when it was asked for until it was handed on, ms: no clock has to agree with another. */
  readonly ageMs: number
  readonly epoch: number
  readonly killVersion: number
  readonly advance: Advance
}

export interface OpenedForRun {
  readonly opened: OpenReply
  /** Null: none was granted or denied, and the object asks by itself. */
  readonly handed: HandedCredit | null
}

/** Asks for the key, and for credit on behalf of the object that is going to run the request. */
export async function openForRun(
  tenant: string,
  key: OpenCall['key'],
  first: () => FirstCredit,
  host: OpenHost,
  /** Of the holder: must never come twice. */
  name: string = crypto.randomUUID(),
): Promise<OpenedForRun> {
  const sentAtMs = host.nowMs()
  const { credit, asked } = holderOf(name, tenant, sentAtMs)
  const { holder } = credit.state
  const advance = {
    holder,
    ...asked,
    mayHold: true as const,
    isHandedOn: true as const,
    ...first(),
  }
  try {
    const opened = await inTime(host, { key, advance })
    if (opened.kind === 'rejected' || opened.advance === undefined) return { opened, handed: null }
    const { epoch, killVersion, advance: given } = opened
    const ageMs = Math.max(0, host.nowMs() - sentAtMs)
    return { opened, handed: { name, ageMs, epoch, killVersion, advance: given } }
  } catch (fault) {
    giveUpAdvance(credit.state, asked, false)
    carry(credit, host)
    throw fault
  }
}

/** The request was refused before it was sent on: nothing was or will be spent of it. */
export function voidHanded({ name }: HandedCredit, tenant: string, host: ErrandHost): void {
  const { credit, asked } = holderOf(name, tenant, host.nowMs())
  giveUpAdvance(credit.state, asked, false)
  carry(credit, host)
}

/** In the object: a book that holds it. What the request does not take goes back by itself. */
export function bookWith(handed: HandedCredit, tenant: string, host: ErrandHost): LedgerBook {
  const { name, ageMs } = handed
  const nowMs = host.nowMs()
  const sentAtMs = nowMs - ageMs
  const { book, credit, asked } = holderOf(name, tenant, sentAtMs)
  takeAdvance(credit.state, asked, handed, nowMs, sentAtMs)
  carry(credit, host)
  return book
}

/** The same name makes the same ids, here and in the object. */
function holderOf(
  name: string,
  tenant: string,
  nowMs: number,
): { readonly book: LedgerBook; readonly credit: TenantCredit; readonly asked: AdvanceAsks } {
  const book = new LedgerBook(name)
  const credit = book.credit(tenant)
  const asked = askInAdvance(credit.state, nowMs)
  if (asked === null) throw new Error('a holder that is new has credit')
  return { book, credit, asked }
}
