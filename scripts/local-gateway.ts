/**
 * The gateway and its simulated providers on real workerd, in this process:
 * what `npm start` prints the address of, and what the tests talk to.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { unstable_startWorker } from 'wrangler'
import type { ConfigProblem } from '../worker/edge/config.ts'
import { doubtsOf } from '../worker/edge/config-lint.ts'
import { digestKey, formatKey, parseKey } from '../worker/edge/keys.ts'
import { readRoutes, refused } from './read-routes.ts'

export interface LocalGatewayOptions {
  /** A routes.json that has been checked (`checkRoutes`). */
  readonly routes: string
  /** 0 takes a free one. */
  readonly port: number
  /** 0 takes a free one; null starts no simulated providers. */
  readonly simulatorPort: number | null
  /** Directory for keys and state; it must exist no sooner than this call. */
  readonly state: string
  /** Secrets and settings beside those made here. */
  readonly variables: Readonly<Record<string, string>>
  /** Settings of the simulated providers (`FIRST_BYTE_MS`, ...). */
  readonly simulatorVariables?: Readonly<Record<string, string>>
}

export interface LocalGateway {
  readonly url: string
  readonly key: string
  readonly adminKey: string
  readonly simulator: string | null
  close(): Promise<void>
}

export interface LocalSecrets {
  readonly pepper: string
  readonly key: string
  readonly adminKey: string
}

export const root = resolve(import.meta.dirname, '..')

/** Starts both workers and answers when both are ready. */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  // No look-up of `request.cf` on the network: everything here stays on this machine.
  process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
  const { state, routes, port, simulatorPort } = options
  mkdirSync(state, { recursive: true })
  const [tenant = 'demo'] = tenantsOf(routes)
  const { pepper, key, adminKey } = localSecrets(state, tenant)
  const simulatorWorker =
    simulatorPort === null
      ? null
      : await unstable_startWorker({
          config: join(root, 'simulator/wrangler.toml'),
          ...(options.simulatorVariables === undefined
            ? {}
            : { bindings: secretText(options.simulatorVariables) }),
          dev: devSettings(simulatorPort, join(state, 'simulator')),
        })
  const simulator = simulatorWorker === null ? null : await urlOf(simulatorWorker)
  const gateway = await unstable_startWorker({
    config: join(root, 'wrangler.toml'),
    build: { alias: { '../../routes.json': routes } },
    bindings: secretText({
      ...options.variables,
      ...gatewaySecrets({ pepper, key, adminKey }),
      ...(simulator === null ? {} : { SWITCHYARD_SIMULATOR_URL: simulator }),
    }),
    dev: devSettings(port, join(state, 'gateway')),
  })
  const url = await urlOf(gateway)
  return {
    url,
    key,
    adminKey,
    simulator,
    async close() {
      await Promise.all([gateway.dispose(), simulatorWorker?.dispose()])
    },
  }
}

/** What a gateway with these keys needs in its environment, beside its providers' secrets. */
export function gatewaySecrets({ pepper, key, adminKey }: LocalSecrets): Record<string, string> {
  return {
    SWITCHYARD_LOCAL: '1',
    SWITCHYARD_PEPPER: pepper,
    SWITCHYARD_KEYS: storedKey(key, pepper),
    SWITCHYARD_ADMIN_KEYS: storedKey(adminKey, pepper),
  }
}

/**
 * Refuses a bad file here, where it can be said plainly: the bundler would only
 * hang on it, and a Worker that cannot make its runtime of it answers 500 to
 * everybody. What is no mistake yet is answered, as warnings.
 */
export function checkRoutes(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): readonly ConfigProblem[] {
  const runtime = readRoutes(file, variables)
  const secret = runtime.config.alerts?.secret
  if (secret !== undefined && (variables[secret] ?? '') === '')
    throw refused(file, [
      { path: 'alerts.secret', rule: 'names a secret that is not set', value: secret },
    ])
  return doubtsOf(runtime, Date.now())
}

/** Keys and pepper: fresh ones, or those kept in the state directory. */
export function localSecrets(stateDirectory: string, tenant: string): LocalSecrets {
  const file = join(stateDirectory, 'secrets.json')
  if (existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as LocalSecrets
    if (parseKey(kept.key)?.tenant === tenant) return kept
  }
  const made = {
    pepper: randomBytes(32).toString('hex'),
    key: formatKey(tenant, randomBytes(40)),
    adminKey: formatKey('admin', randomBytes(40)),
  }
  writeFileSync(file, JSON.stringify(made), { mode: 0o600 })
  return made
}

function tenantsOf(file: string): string[] {
  return Object.keys(
    (JSON.parse(readFileSync(file, 'utf8')) as { tenants: Record<string, unknown> }).tenants,
  )
}

function storedKey(key: string, pepper: string): string {
  const parts = parseKey(key)
  if (parts === null) throw new Error('a key that was just made has not the form of a key')
  return JSON.stringify([{ tenant: parts.tenant, id: parts.id, digest: digestKey(key, pepper) }])
}

/** Secrets stay out of the list of bindings that is printed at the start. */
function secretText(
  values: Readonly<Record<string, string>>,
): Record<string, { type: 'secret_text'; value: string }> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { type: 'secret_text' as const, value }]),
  )
}

function devSettings(port: number, persist: string) {
  return {
    server: { hostname: '127.0.0.1', port },
    inspector: false as const,
    watch: false,
    remote: false as const,
    logLevel: 'log' as const,
    persist,
  }
}

async function urlOf(worker: Awaited<ReturnType<typeof unstable_startWorker>>): Promise<string> {
  await worker.ready
  return (await worker.url).origin
}
