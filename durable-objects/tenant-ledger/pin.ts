import type { LedgerKeeper } from './keeper.ts'
import type { PinCall, PinReply } from './rpc.ts'

/**
 * Says in the ledger outside of any jurisdiction that a tenant is pinned. Once, and before anything of it is there: what
 * has been written outside cannot be taken back, and what is pinned does not come out again.
 */
export function pinLedger(keeper: LedgerKeeper, { residency, actor }: PinCall): PinReply {
  const { pinnedTo, source } = keeper
  if (source.jurisdiction !== null)
    return { residency: source.jurisdiction, refused: 'this ledger is inside a jurisdiction' }
  if (pinnedTo !== null) {
    const refused = pinnedTo === residency ? null : `the tenant is pinned to ${pinnedTo}`
    return { residency: pinnedTo, refused }
  }
  if (!keeper.isBlank())
    return { residency: null, refused: 'a tenant is pinned when it is made, and never after' }
  keeper.pin(residency)
  keeper.log({ event: 'ledger_audit', action: 'tenant_pinned', actor, subject: residency })
  return { residency, refused: null }
}
