import { type Jurisdiction, namespaceAt, type ObjectNamespace } from '../provider-health/place.ts'
import { journalVersion, type SettleJournalRpc, type SettleJournalStub } from './protocol.ts'

/** A journal is where its ledger is, and is called what that is called. */
export interface JournalPlace {
  /** Of the ledger, without what makes it a stand-in. */
  readonly ledgerName: string
  readonly jurisdiction: Jurisdiction | null
}

/** The one way to the journal of a ledger. It is made near the ledger, because nobody else asks for it. */
export function settleJournalStub(
  namespace: ObjectNamespace<SettleJournalRpc>,
  { ledgerName, jurisdiction }: JournalPlace,
  options: { readonly local: boolean },
): SettleJournalStub {
  const placed = namespaceAt(namespace, { region: null, jurisdiction }, options)
  /** A new one for each call, because many failures leave a stub broken. */
  const journal = (): SettleJournalRpc => placed.get(placed.idFromName(ledgerName))
  return {
    head: async () => journal().head(journalVersion),
    append: async (call) => journal().append(journalVersion, call),
    conclude: async (head) => journal().conclude(journalVersion, head),
    claim: async (behind) => journal().claim(journalVersion, behind),
    read: async (call) => journal().read(journalVersion, call),
  }
}
