import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  rpcVersion,
  type LedgerStanding,
  type TenantLedgerRpc,
} from '../../durable-objects/tenant-ledger/rpc.ts'
import type { LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { checkRoutes, gatewaySecrets, localSecrets, root } from '../../scripts/local-gateway.ts'
import { readCompatibility } from '../../scripts/workerd-config.ts'
import type {
  FleetObject,
  FleetProcessOptions,
  FleetProcessReady,
  FleetWorker,
} from './fleet-process.ts'
import { GatewayLogs } from './gateway-logs.ts'

export interface FleetOptions {
  /** A routes.json as an object. Its providers without secrets are played by the simulator. */
  readonly routes: object
  /** Gateways, each a process of its own. Default 4. */
  readonly isolates?: number
  readonly simulator?: {
    readonly firstByteMs?: number
    readonly perChunkMs?: number
    readonly seed?: number
  }
  /** Settings of the ledgers other than the defaults: of a test that cannot wait a minute for a lease to be lost. */
  readonly ledgerSettings?: Readonly<Record<string, number>>
}

/** One process of the fleet. */
export interface FleetMember {
  readonly url: string
  readonly logs: GatewayLogs
  readonly isDead: boolean
  /** SIGKILL to all of it: nothing is said, nothing is closed. */
  kill(): Promise<void>
}

/** The ledger of the tenant, as a Worker that is bound to it sees it. */
export interface LedgerWindow {
  budgets(): Promise<LedgerStanding>
  /** Every line, in order. */
  lines(): Promise<readonly LineRow[]>
  call(method: keyof TenantLedgerRpc, ...call: readonly object[]): Promise<unknown>
}

export interface Fleet {
  readonly tenant: string
  readonly key: string
  readonly adminKey: string
  /** Address of the simulated providers. */
  readonly simulator: string
  /** The process with the objects of all. It serves as a gateway, too. */
  readonly owner: FleetMember
  readonly isolates: readonly FleetMember[]
  readonly ledger: LedgerWindow
  close(): Promise<void>
}

const owner = 'switchyard'
const tenant = 'demo'
const startLimitMs = 30_000

/**
 * Starts a simulator, a process that owns the objects, and gateways in processes of their own that are bound to those
 * by `script_name`, as several `wrangler dev` are: through the dev registry, and RPC over workerd's debug port. Ready
 * in about six seconds on two cores.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const state = mkdtempSync(join(tmpdir(), 'switchyard-fleet-'))
  const members: Member[] = []
  const close = async () => {
    await Promise.all(members.map((member) => member.kill()))
    rmSync(state, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const secrets = localSecrets(state, tenant)
    await buildAll(state, options)
    const begin = (name: string, workers: readonly FleetWorker[]) => {
      const member = new Member(join(state, name), join(state, 'registry'), workers)
      members.push(member)
      return member
    }
    const simulator = begin('simulator', [simulatorWorker(state, options)])
    const [simulatorUrl = ''] = await simulator.urls
    const bindings = { ...gatewaySecrets(secrets), SWITCHYARD_SIMULATOR_URL: simulatorUrl }
    const first = begin(owner, [gatewayWorker(owner, state, bindings), windowWorker(state)])
    const gateways = Array.from({ length: options.isolates ?? 4 }, (_, index) => {
      const name = `gateway-${index + 1}`
      return begin(name, [gatewayWorker(name, state, bindings)])
    })
    const [, windowUrl = ''] = await first.urls
    await Promise.all(gateways.map((gateway) => gateway.urls))
    await Promise.all([first, ...gateways].map(checkHealth))
    return {
      tenant,
      key: secrets.key,
      adminKey: secrets.adminKey,
      simulator: simulatorUrl,
      owner: first,
      isolates: gateways,
      ledger: openWindow(windowUrl),
      close,
    }
  } catch (cause) {
    await close()
    throw cause
  }
}

/** A process, from its start on. */
class Member implements FleetMember {
  readonly logs = new GatewayLogs()
  readonly urls: Promise<readonly string[]>
  url = ''
  isDead = false
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  constructor(state: string, registry: string, workers: readonly FleetWorker[]) {
    mkdirSync(state, { recursive: true })
    const script = join(import.meta.dirname, 'fleet-process.ts')
    // Bound to nobody, so that its group can be killed without asking anybody.
    const child = spawn(node, [script], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.isDead = true
        resolve()
      })
    })
    child.stdin.on('error', () => undefined)
    child.stdin.write(
      `${JSON.stringify({ registry, state, workers } satisfies FleetProcessOptions)}\n`,
    )
    child.stderr.on('data', (bytes: Buffer) => this.logs.take(bytes.toString('utf8')))
    this.urls = this.#listen()
    this.urls.catch(() => undefined)
  }

  async kill(): Promise<void> {
    const { pid } = this.#child
    if (pid === undefined || this.isDead) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    await this.#ended
  }

  #listen(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) =>
        reject(new Error(`a process of the fleet ${why}: ${this.logs.text}`))
      const timer = setTimeout(() => fail('did not start'), startLimitMs)
      this.#child.once('exit', () => fail('ended'))
      let rest = ''
      this.#child.stdout?.on('data', (bytes: Buffer) => {
        const lines = (rest + bytes.toString('utf8')).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          const urls = readyOf(line)
          if (urls === null) this.logs.take(line)
          else {
            clearTimeout(timer)
            this.url = urls[0] ?? ''
            resolve(urls)
          }
        }
      })
    })
  }
}

function readyOf(line: string): readonly string[] | null {
  return line.startsWith('{"fleetReady":')
    ? (JSON.parse(line) as FleetProcessReady).fleetReady
    : null
}

/** The Node that comes with the packages: it reads TypeScript, whichever runs this. */
const node = join(root, 'node_modules/.bin/node')
const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')

/** What `wrangler deploy` would upload of the gateway and of the simulator, and the window beside them. */
async function buildAll(state: string, { routes, ledgerSettings }: FleetOptions): Promise<void> {
  const file = join(state, 'routes.json')
  writeFileSync(file, JSON.stringify(routes))
  checkRoutes(file)
  const aliases = [`../../routes.json:${file}`]
  if (ledgerSettings !== undefined)
    aliases.push(`${settingsModule}:${otherSettings(state, ledgerSettings)}`)
  const windowScript = readFileSync(join(import.meta.dirname, 'ledger-window.ts'), 'utf8')
  mkdirSync(join(state, 'window'))
  writeFileSync(join(state, 'window/index.js'), stripTypeScriptTypes(windowScript))
  await Promise.all([
    build(
      join(state, 'gateway'),
      aliases.flatMap((alias) => ['--alias', alias]),
    ),
    build(join(state, 'provider'), ['--config', join(root, 'simulator/wrangler.toml')]),
  ])
}

/** As `worker/edge/ledger/composition.ts` names it. */
const settingsModule = '../../../durable-objects/tenant-ledger/settings.ts'

function otherSettings(state: string, changed: Readonly<Record<string, number>>): string {
  const file = join(state, 'settings.ts')
  const own = JSON.stringify(join(root, 'durable-objects/tenant-ledger/settings.ts'))
  writeFileSync(
    file,
    `import { defaultLedgerSettings as own } from ${own}
export const defaultLedgerSettings = { ...own, ...${JSON.stringify(changed)} }
`,
  )
  return file
}

async function build(directory: string, more: readonly string[]): Promise<void> {
  const args = [wrangler, 'deploy', '--dry-run', '--outdir', directory, ...more]
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false' }
  await promisify(execFile)(node, args, { cwd: root, env })
}

function gatewayWorker(
  name: string,
  state: string,
  bindings: Readonly<Record<string, string>>,
): FleetWorker {
  const { date, flags } = readCompatibility(join(root, 'wrangler.toml'))
  const objects: Record<string, FleetObject> = {
    PROVIDER_HEALTH: { className: 'ProviderHealth', scriptName: owner },
    TENANT_LEDGER: { className: 'TenantLedger', scriptName: owner },
    RUN: { className: 'Run', scriptName: owner },
    SETTLE_JOURNAL: { className: 'SettleJournal', scriptName: owner },
  }
  return { name, directory: join(state, 'gateway'), date, flags, bindings, objects }
}

function windowWorker(state: string): FleetWorker {
  const { date } = readCompatibility(join(root, 'wrangler.toml'))
  const objects = { TENANT_LEDGER: { className: 'TenantLedger', scriptName: owner } }
  const directory = join(state, 'window')
  return { name: 'window', directory, date, flags: [], bindings: {}, objects }
}

function simulatorWorker(state: string, { simulator }: FleetOptions): FleetWorker {
  const { date, flags } = readCompatibility(join(root, 'simulator/wrangler.toml'))
  const bindings = {
    FIRST_BYTE_MS: String(simulator?.firstByteMs ?? 0),
    PER_CHUNK_MS: String(simulator?.perChunkMs ?? 0),
    SEED: String(simulator?.seed ?? ''),
  }
  const directory = join(state, 'provider')
  return { name: 'simulator', directory, date, flags, bindings, objects: {} }
}

async function checkHealth({ url, logs }: Member): Promise<void> {
  const response = await fetch(`${url}/healthz`)
  await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`a gateway is not well: ${logs.text}`)
}

function openWindow(url: string): LedgerWindow {
  const call = async (method: string, ...more: readonly object[]): Promise<unknown> => {
    const body = JSON.stringify({ tenant, method, arguments: [rpcVersion, ...more] })
    const response = await fetch(url, { method: 'POST', body })
    const { answer, fault } = (await response.json()) as { answer?: unknown; fault?: string }
    if (fault !== undefined) throw new Error(`the ledger failed in ${method}: ${fault}`)
    return answer
  }
  return {
    call,
    budgets: async () => (await call('budgets')) as LedgerStanding,
    lines: async () => {
      const all: LineRow[] = []
      let cursor: string | null = null
      do {
        const span = { fromMs: 0, toMs: Date.now() + 3_600_000, cursor, limit: 500 }
        const page = (await call('lines', span)) as {
          readonly lines: readonly LineRow[]
          readonly nextCursor: string | null
        }
        all.push(...page.lines)
        cursor = page.nextCursor
      } while (cursor !== null)
      return all
    },
  }
}
