import routes from '../../routes.json'
import { AnswerMemory } from './cache/answer-memory.ts'
import { HealthBook } from './health/health-book.ts'
import { LedgerBook } from './ledger/ledger-book.ts'
import { ConfigurationError, describeProblems, readConfig } from './config.ts'
import { Access } from './access/access.ts'
import { type Hmac, type PepperSet, readPeppers } from './access/digest.ts'
import { createHmac } from './access/web-hmac.ts'
import { KeyRing, parseStoredKeys } from './keys.ts'
import { RecentRequests } from './requests.ts'
import { declaredTenants, Residencies, type Residency } from './residency.ts'
import { HeaderTemplates } from '../engine/header-templates.ts'
import type { IsolateMemory } from '../engine/ports.ts'
import type { Variables } from './provider.ts'
import { createRuntime, type Runtime } from './runtime.ts'

/** What an isolate makes once and keeps: the configuration resolved, the keys, and plain data between requests. */
export interface Isolate {
  readonly runtime: Runtime
  readonly access: Access
  readonly peppers: PepperSet
  readonly hmac: Hmac
  readonly recent: RecentRequests
  /** Whole answers of routes that keep them. */
  readonly answers: AnswerMemory
  readonly adminKeys: KeyRing
  readonly memory: IsolateMemory
  readonly health: HealthBook
  readonly residencies: Residencies
  /** Objects are asked inside of it; null at the edge, where every tenant has its own. */
  readonly jurisdiction: Residency | null
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
  const peppers = readPeppers(secret(variables, 'SWITCHYARD_PEPPER'), 'SWITCHYARD_PEPPER')
  const hmac = createHmac()
  if (read.config.alerts !== undefined) secret(variables, read.config.alerts.secret)
  for (const { jobs } of Object.values(read.config.routes))
    if (jobs?.webhook !== undefined) secret(variables, jobs.webhook.secret)
  const hasLedger = read.config.ledger.mode !== 'off'
  return {
    runtime: createRuntime(read.config, read.version, variables),
    access: new Access(ringOf('SWITCHYARD_KEYS', variables, peppers), peppers, hmac, hasLedger),
    peppers,
    hmac,
    recent: new RecentRequests(),
    answers: new AnswerMemory(),
    adminKeys: ringOf('SWITCHYARD_ADMIN_KEYS', variables, peppers),
    memory: {
      retryBudgets: new Map(),
      hedgeGates: new Map(),
      headerTemplates: new HeaderTemplates(),
    },
    health: new HealthBook({
      isolate: crypto.randomUUID(),
      observeOnly: read.config.health.mode === 'observe',
      random: Math.random,
    }),
    residencies: new Residencies(declaredTenants(read.config.tenants)),
    jurisdiction: null,
    ledger: hasLedger ? new LedgerBook(crypto.randomUUID()) : null,
  }
}

/** Keys of the deployment itself, proven under any pepper that is still known. */
function ringOf(name: string, variables: Variables, { current, peppers }: PepperSet): KeyRing {
  const stored = parseStoredKeys(secret(variables, name), name)
  return new KeyRing(stored, peppers[current] ?? '', ...Object.values(peppers))
}

function secret(variables: Variables, name: string): string {
  const value = variables[name]
  if (typeof value !== 'string' || value === '')
    throw new ConfigurationError(
      `the secret ${name} is not set; npm run setup makes those of the gateway itself`,
    )
  return value
}
