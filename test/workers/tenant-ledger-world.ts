import type { ObjectNamespace } from '../../durable-objects/provider-health/place.ts'
import type { JournalComposition } from '../../durable-objects/settle-journal/composition.ts'
import { settleJournalStub } from '../../durable-objects/settle-journal/place.ts'
import type {
  SettleJournalRpc,
  SettleJournalStub,
} from '../../durable-objects/settle-journal/protocol.ts'
import { defaultAccessSettings } from '../../durable-objects/tenant-ledger/access/settings.ts'
import type {
  LedgerComposition,
  LedgerLogEntry,
  LedgerObjectSettings,
} from '../../durable-objects/tenant-ledger/composition.ts'
import { defaultJournalSettings } from '../../durable-objects/tenant-ledger/journal-settings.ts'
import { nanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import { defaultLedgerSettings } from '../../durable-objects/tenant-ledger/settings.ts'

/** Noon of a Friday in the middle of a month, far ahead of the platform's clock: no alarm rings by itself. */
export const beginningMs = Date.UTC(2040, 5, 15, 12)

export const dayMs = 86_400_000

const plainSettings: LedgerObjectSettings = {
  ledger: { ...defaultLedgerSettings, marginMinNanoUsd: nanoUsd(5) },
  access: defaultAccessSettings,
  keepLinesMs: 400 * dayMs,
  alerts: null,
}

/** What the ledgers of these tests take from outside; tests and objects run in one isolate and share this module. */
export class LedgerWorld {
  nowMs = beginningMs
  settings = plainSettings
  /** Ledgers have a journal, and calls to it go through this; null: they have none. */
  journalCalls: ((call: SettleJournalStub) => SettleJournalStub) | null = null
  readonly log: LedgerLogEntry[] = []

  reset(): void {
    this.nowMs = beginningMs
    this.settings = plainSettings
    this.journalCalls = null
    this.log.length = 0
  }

  pass(ms: number): void {
    this.nowMs += ms
  }

  /** Codes of what was alerted of. */
  codes(): readonly string[] {
    return this.log.flatMap((entry) => (entry.event === 'ledger_alert' ? [entry.code] : []))
  }
}

export const ledgerWorld = new LedgerWorld()

export const ledgerComposition: LedgerComposition = {
  settingsOf: () => ledgerWorld.settings,
  log: (_tenantId, entry) => void ledgerWorld.log.push(entry),
  journalOf(env, place) {
    const { journalCalls } = ledgerWorld
    if (journalCalls === null) return null
    const namespace = env['SETTLE_JOURNAL'] as ObjectNamespace<SettleJournalRpc>
    const stub = journalCalls(settleJournalStub(namespace, place, { local: true }))
    return { stub, settings: { ...defaultJournalSettings, pauseMs: 0 } }
  },
  clock: { nowMs: () => ledgerWorld.nowMs },
}

export const testJournals: JournalComposition = {
  log: ({ fault }) => void ledgerWorld.log.push({ event: 'ledger_fault', fault }),
  clock: { nowMs: () => ledgerWorld.nowMs },
}
