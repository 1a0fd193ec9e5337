import type { AccessEffect } from './access/rows.ts'
import type { LedgerLogEntry } from './composition.ts'
import type { LedgerEffect } from './events.ts'

/** What of the effects of a step goes into the log. `actor`: whose call it was, where the core does not know. */
export function logOf(
  effects: readonly (LedgerEffect | AccessEffect)[],
  actor: string,
): readonly LedgerLogEntry[] {
  return effects.flatMap((effect): readonly LedgerLogEntry[] => {
    switch (effect.kind) {
      case 'alert': {
        const { code, leaseId, amountNanoUsd, detail } = effect
        return [{ event: 'ledger_alert', code, leaseId, amountNanoUsd, detail }]
      }
      case 'threshold': {
        const { accountId, basisPoints } = effect
        return [{ event: 'ledger_threshold', accountId, basisPoints }]
      }
      case 'audit': {
        const { action, subject } = effect
        return [{ event: 'ledger_audit', action, subject, actor: effect.actor || actor }]
      }
      case 'write':
      case 'reply':
      case 'wake':
      case 'kill':
      case 'refused':
        return []
    }
  })
}
