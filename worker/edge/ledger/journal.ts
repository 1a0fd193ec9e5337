import type { ObjectNamespace } from '../../../durable-objects/provider-health/place.ts'
import type { JournalComposition } from '../../../durable-objects/settle-journal/composition.ts'
import {
  type JournalPlace,
  settleJournalStub,
} from '../../../durable-objects/settle-journal/place.ts'
import type { SettleJournalRpc } from '../../../durable-objects/settle-journal/protocol.ts'
import type {
  JournalBinding,
  Variables,
} from '../../../durable-objects/tenant-ledger/composition.ts'
import { defaultJournalSettings } from '../../../durable-objects/tenant-ledger/journal-settings.ts'
import { logFault } from '../log.ts'

/** Name of the binding. Without it ledgers have no journal, and a rollback is only noticed. */
const bindingName = 'SETTLE_JOURNAL'

/** The journal of a ledger, where that is. */
export function journalOf(env: Variables, place: JournalPlace): JournalBinding | null {
  const namespace = env[bindingName] as ObjectNamespace<SettleJournalRpc> | undefined
  if (namespace === undefined) return null
  const local = env['SWITCHYARD_LOCAL'] === '1'
  return { stub: settleJournalStub(namespace, place, { local }), settings: defaultJournalSettings }
}

/** What this Worker gives its journals. */
export const journalComposition: JournalComposition = {
  log: ({ fault }) => logFault('journal', fault),
}
