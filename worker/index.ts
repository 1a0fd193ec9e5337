import { providerHealthClass } from '../durable-objects/provider-health/provider-health.ts'
import { tenantLedgerClass } from '../durable-objects/tenant-ledger/tenant-ledger.ts'
import { settleJournalClass } from '../durable-objects/settle-journal/settle-journal.ts'
import { runClass } from '../durable-objects/run/run.ts'
import { createApp } from './app.ts'
import { healthComposition } from './edge/health/composition.ts'
import { createProber, objectPorts } from './edge/health/prober.ts'
import { createIsolate, type Isolate } from './edge/isolate.ts'
import { journalComposition } from './edge/ledger/journal.ts'
import { ledgerComposition } from './edge/ledger/composition.ts'
import { rehearse } from './rehearsal.ts'
import { runComposition } from './edge/run/composition.ts'

let isolate: Isolate | null = null

/** Made at the first request and kept: secrets do not change while an isolate lives. */
function isolateOf(variables: Readonly<Record<string, unknown>>): Isolate {
  isolate ??= createIsolate(variables)
  return isolate
}

const prober = createProber((env) => objectPorts(isolateOf(env), env))

/** One object for each provider and region (`durable-objects/provider-health/`). */
export class ProviderHealth extends providerHealthClass(healthComposition(isolateOf, prober)) {}

/** One object for each tenant (`durable-objects/tenant-ledger/`). */
export class TenantLedger extends tenantLedgerClass(ledgerComposition(isolateOf)) {}

/** One object for each tenant: what its ledger would not know any more after a restore (`durable-objects/settle-journal/`). */
export class SettleJournal extends settleJournalClass(journalComposition) {}

/** One object for each request that is pinned, resumable or answered later (`durable-objects/run/`). */
export class Run extends runClass(runComposition(isolateOf)) {}

rehearse()

export default createApp(isolateOf)
