import { defaultAccessSettings } from '../../../durable-objects/tenant-ledger/access/settings.ts'
import {
  defaultKeepLinesMs,
  type LedgerComposition,
  type LedgerObjectSettings,
  type Variables,
} from '../../../durable-objects/tenant-ledger/composition.ts'
import { defaultLedgerSettings } from '../../../durable-objects/tenant-ledger/settings.ts'
import type { Isolate } from '../isolate.ts'
import { logAdmin, logFault } from '../log.ts'

/** What this Worker gives its ledgers: the same configuration that its requests go by. */
export function ledgerComposition(isolateOf: (variables: Variables) => Isolate): LedgerComposition {
  return {
    settingsOf: (env) => settingsOf(isolateOf(env), env),
    log: (tenant, entry) =>
      entry.event === 'ledger_fault'
        ? logFault(`ledger ${tenant}`, entry.fault)
        : logAdmin({ ...entry, 'switchyard.tenant': tenant }),
  }
}

function settingsOf({ runtime }: Isolate, env: Variables): LedgerObjectSettings {
  const { alerts } = runtime.config
  const secret = alerts === undefined ? undefined : env[alerts.secret]
  return {
    ledger: defaultLedgerSettings,
    access: defaultAccessSettings,
    keepLinesMs: defaultKeepLinesMs,
    alerts: alerts === undefined || typeof secret !== 'string' ? null : { url: alerts.url, secret },
  }
}
