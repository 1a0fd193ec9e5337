import type { AlertSettings } from '../provider-health/alerts.ts'
import type { JournalPlace } from '../settle-journal/place.ts'
import type { SettleJournalStub } from '../settle-journal/protocol.ts'
import type { AccessEffect } from './access/rows.ts'
import type { AccessSettings } from './access/settings.ts'
import type { JournalAlertCode } from './alerts.ts'
import type { AlertCode, LedgerEffect } from './events.ts'
import type { JournalSettings } from './journal-settings.ts'
import type { LedgerSettings } from './settings.ts'

/** What a Worker gives its ledgers; they import nothing of it themselves. */

/** Variables, secrets and bindings by name. */
export type Variables = Readonly<Record<string, unknown>>

export interface LedgerObjectSettings {
  readonly ledger: LedgerSettings
  readonly access: AccessSettings
  /** Lines are deleted so long after they were written; what they add up to in the accounts of budgets stays. */
  readonly keepLinesMs: number
  /** Null: nobody is told. */
  readonly alerts: AlertSettings | null
}

export interface JournalBinding {
  readonly stub: SettleJournalStub
  readonly settings: JournalSettings
}

export interface LedgerComposition {
  /** Asked once in the life of an object. */
  settingsOf(env: Variables): LedgerObjectSettings
  log(tenantId: string, entry: LedgerLogEntry): void
  /** Where a copy of what is written goes. Null, or left out: nowhere, and a rollback is only noticed. */
  journalOf?(env: Variables, place: JournalPlace): JournalBinding | null
  /** The platform's, unless a test has its own. */
  readonly clock?: { nowMs(): number }
}

type Audit = Extract<LedgerEffect | AccessEffect, { readonly kind: 'audit' }>

/** One line of the log. No prompt and no key has a field in it. */
export type LedgerLogEntry =
  | {
      readonly event: 'ledger_alert'
      readonly code: AlertCode
      readonly leaseId: string | null
      readonly amountNanoUsd: number
      readonly detail: string
    }
  | { readonly event: 'ledger_threshold'; readonly accountId: string; readonly basisPoints: number }
  | {
      readonly event: 'ledger_audit'
      readonly action: Audit['action'] | 'tenant_pinned' | 'rewind'
      readonly actor: string
      readonly subject: string
    }
  /** Holders speak of leases that this ledger has yet to grant. */
  | { readonly event: 'ledger_rolled_back'; readonly epoch: number }
  /** What is wrong with the copy. */
  | { readonly event: 'ledger_journal'; readonly code: JournalAlertCode }
  /** An alert that its receiver did not take; `givenUp` after the last try. */
  | {
      readonly event: 'ledger_alert_unsent'
      readonly alertId: string
      readonly status: number | null
      readonly givenUp: boolean
    }
  /** A fault of ours, by its name alone: messages may hold anything. */
  | { readonly event: 'ledger_fault'; readonly fault: unknown }
