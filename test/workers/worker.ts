import { providerHealthClass } from '../../durable-objects/provider-health/provider-health.ts'
import { tenantLedgerClass } from '../../durable-objects/tenant-ledger/tenant-ledger.ts'
import { settleJournalClass } from '../../durable-objects/settle-journal/settle-journal.ts'
import { ledgerComposition, testJournals } from './tenant-ledger-world.ts'
import { runClass } from '../../durable-objects/run/run.ts'
import { testRuns } from './run-world.ts'
import { testComposition, world } from './world.ts'

/** The real object, with the clock and the providers of `world.ts`; what it writes is counted. */
export class ProviderHealth extends providerHealthClass(testComposition) {
  override persist(): Promise<void> {
    world.stored += 1
    return super.persist()
  }

  override setAlarm(atMs: number): Promise<void> {
    world.alarmsSet += 1
    return super.setAlarm(atMs)
  }
}

/** The real object, with the pipeline and the providers of `run-world.ts`. */
export class Run extends runClass(testRuns) {}

/** The real object, with the clock and the settings of `tenant-ledger-world.ts`. */
export class TenantLedger extends tenantLedgerClass(ledgerComposition) {}

/** The real object, with the clock of `tenant-ledger-world.ts`. */
export class SettleJournal extends settleJournalClass(testJournals) {}
