import { defaultAccessSettings } from '../../../durable-objects/tenant-ledger/access/settings.ts'
import type {
  LedgerComposition,
  LedgerObjectSettings,
  Variables,
} from '../../../durable-objects/tenant-ledger/composition.ts'
import { defaultLedgerSettings } from '../../../durable-objects/tenant-ledger/settings.ts'
import type { Isolate } from '../isolate.ts'
import { logAdmin, logFault } from '../log.ts'
import { optionsOf } from './config.ts'
import { journalOf } from './journal.ts'

/** What this Worker gives its ledgers: the same configuration that its requests go by. */
export function ledgerComposition(isolateOf: (variables: Variables) => Isolate): LedgerComposition {
  return {
    settingsOf: (env) => settingsOf(isolateOf(env), env),
    journalOf,
    log: (tenant, entry) =>
      entry.event === 'ledger_fault'
        ? logFault(`ledger ${tenant}`, entry.fault)
        : logAdmin({ ...entry, 'switchyard.tenant': tenant }),
  }
}

function settingsOf({ runtime }: Isolate, env: Variables): LedgerObjectSettings {
  const { alerts, ledger } = runtime.config
  const { keepLinesMs, lostPolicy } = optionsOf(ledger)
  const secret = alerts === undefined ? undefined : env[alerts.secret]
  return {
    ledger: { ...defaultLedgerSettings, lostPolicy },
    access: defaultAccessSettings,
    keepLinesMs,
    alerts: alerts === undefined || typeof secret !== 'string' ? null : { url: alerts.url, secret },
  }
}
