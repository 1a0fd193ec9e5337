import routes from '../../routes.json'
import { HealthBook } from './health/health-book.ts'
import { LedgerBook } from './ledger/ledger-book.ts'
import { ConfigurationError, describeProblems, readConfig } from './config.ts'
import { KeyRing, parseStoredKeys } from './keys.ts'
import type { IsolateMemory } from '../engine/ports.ts'
import type { Variables } from './provider.ts'
import { createRuntime, type Runtime } from './runtime.ts'

/** What an isolate makes once and keeps: the configuration resolved, the keys, and plain data between requests. */
export interface Isolate {
  readonly runtime: Runtime
  readonly keys: KeyRing
  readonly adminKeys: KeyRing
  readonly memory: IsolateMemory
  readonly health: HealthBook
  /** Null: the configuration turned the ledger off. */
  readonly ledger: LedgerBook | null
}

/**
 * Reads `routes.json` and the secrets. Throws, and so refuses every request,
 * when the file breaks a rule or a secret is missing: there is no open mode.
 */
export function createIsolate(variables: Variables): Isolate {
  const read = readConfig(routes, { local: variables['SWITCHYARD_LOCAL'] === '1' })
  if (!read.ok)
    throw new ConfigurationError(`routes.json is refused:\n${describeProblems(read.problems)}`)
  const pepper = secret(variables, 'SWITCHYARD_PEPPER')
  if (pepper.length < 32)
    throw new ConfigurationError('SWITCHYARD_PEPPER must have at least 32 characters')
  if (read.config.alerts !== undefined) secret(variables, read.config.alerts.secret)
  return {
    runtime: createRuntime(read.config, read.version, variables),
    keys: new KeyRing(
      parseStoredKeys(secret(variables, 'SWITCHYARD_KEYS'), 'SWITCHYARD_KEYS'),
      pepper,
    ),
    adminKeys: new KeyRing(
      parseStoredKeys(secret(variables, 'SWITCHYARD_ADMIN_KEYS'), 'SWITCHYARD_ADMIN_KEYS'),
      pepper,
    ),
    memory: { retryBudgets: new Map() },
    health: new HealthBook({
      isolate: crypto.randomUUID(),
      observeOnly: read.config.health.mode === 'observe',
      random: Math.random,
    }),
    ledger: read.config.ledger.mode === 'off' ? null : new LedgerBook(crypto.randomUUID()),
  }
}

function secret(variables: Variables, name: string): string {
  const value = variables[name]
  if (typeof value !== 'string' || value === '')
    throw new ConfigurationError(
      `the secret ${name} is not set; npm run setup makes those of the gateway itself`,
    )
  return value
}
