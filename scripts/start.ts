/**
 * `npm start`: the gateway with its simulated providers, in one process.
 *
 * Ready when the last line is one JSON object. Providers whose secrets are in
 * `.dev.vars` are called for real, all others are played by the simulator.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs, parseEnv } from 'node:util'
import { unstable_startWorker } from 'wrangler'
import { describeProblems, readConfig } from '../worker/edge/config.ts'
import { digestKey, formatKey, parseKey } from '../worker/edge/keys.ts'

const help = `npm start -- [options]

  --port N             port of the gateway (default 8787; 0 takes a free one)
  --simulator-port N   port of the simulated providers (default 8788; 0 takes a free one)
  --routes FILE        another routes.json
  --no-simulator       no simulated providers: only those with keys in .dev.vars answer
  --persist DIR        keep keys and state in DIR (without it: fresh and temporary)
  --help               this text
`

interface Options {
  readonly port: number
  readonly simulatorPort: number
  readonly routes: string
  readonly simulator: boolean
  readonly persist: string | null
}

interface LocalSecrets {
  readonly pepper: string
  readonly key: string
  readonly adminKey: string
}

const root = resolve(import.meta.dirname, '..')

function readOptions(argv: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      port: { type: 'string', default: '8787' },
      'simulator-port': { type: 'string', default: '8788' },
      routes: { type: 'string', default: join(root, 'routes.json') },
      simulator: { type: 'boolean', default: true },
      persist: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
    allowNegative: true,
  })
  if (values.help) return null
  return {
    port: portOf('--port', values.port),
    simulatorPort: portOf('--simulator-port', values['simulator-port']),
    routes: resolve(values.routes),
    simulator: values.simulator,
    persist: values.persist === undefined ? null : resolve(values.persist),
  }
}

function portOf(flag: string, text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`${flag} must be a port, 0 to 65535 (found "${text}")`)
  return port
}

/** Refuses a bad file here, where it can be said plainly; the bundler would only hang on it. */
function checkRoutes(file: string): void {
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new Error(
      `${file} cannot be read as JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
  const read = readConfig(raw, { local: true })
  if (!read.ok) throw new Error(`${file} is refused:\n${describeProblems(read.problems)}`)
}

function tenantsOf(file: string): string[] {
  return Object.keys(
    (JSON.parse(readFileSync(file, 'utf8')) as { tenants: Record<string, unknown> }).tenants,
  )
}

/** Keys and pepper: fresh ones, or those kept in the state directory. */
function localSecrets(stateDirectory: string, tenant: string): LocalSecrets {
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

function storedKey(key: string, pepper: string): string {
  const parts = parseKey(key)
  if (parts === null) throw new Error('a key that was just made has not the form of a key')
  return JSON.stringify([{ tenant: parts.tenant, id: parts.id, digest: digestKey(key, pepper) }])
}

function devVars(): Record<string, string> {
  const file = join(root, '.dev.vars')
  if (!existsSync(file)) return {}
  return Object.fromEntries(
    Object.entries(parseEnv(readFileSync(file, 'utf8'))).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  )
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

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(help)
    return
  }
  checkRoutes(options.routes)
  const temporary = options.persist === null
  const state = options.persist ?? mkdtempSync(join(tmpdir(), 'switchyard-'))
  mkdirSync(state, { recursive: true })
  const [tenant = 'demo'] = tenantsOf(options.routes)
  const { pepper, key, adminKey } = localSecrets(state, tenant)

  const simulatorWorker = options.simulator
    ? await unstable_startWorker({
        config: join(root, 'simulator/wrangler.toml'),
        dev: devSettings(options.simulatorPort, join(state, 'simulator')),
      })
    : null
  const simulator = simulatorWorker === null ? null : await urlOf(simulatorWorker)
  const gateway = await unstable_startWorker({
    config: join(root, 'wrangler.toml'),
    build: { alias: { '../../routes.json': options.routes } },
    bindings: secretText({
      ...devVars(),
      SWITCHYARD_LOCAL: '1',
      SWITCHYARD_PEPPER: pepper,
      SWITCHYARD_KEYS: storedKey(key, pepper),
      SWITCHYARD_ADMIN_KEYS: storedKey(adminKey, pepper),
      ...(simulator === null ? {} : { SWITCHYARD_SIMULATOR_URL: simulator }),
    }),
    dev: devSettings(options.port, join(state, 'gateway')),
  })
  const url = await urlOf(gateway)

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await Promise.all([gateway.dispose(), simulatorWorker?.dispose()])
    if (temporary) rmSync(state, { recursive: true, force: true })
    process.exit(0)
  }
  process.on('SIGINT', () => void stop())
  process.on('SIGTERM', () => void stop())
  process.stdout.write(
    `\nGateway ${url}${simulator === null ? '' : `, simulated providers ${simulator}`}. Ctrl-C stops.\n`,
  )
  process.stdout.write(`${JSON.stringify({ ready: true, url, key, adminKey, simulator })}\n`)
}

process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
try {
  await main()
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
  process.exit(1)
}
