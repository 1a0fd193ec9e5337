import { execFileSync, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkRoutes, gatewaySecrets, localSecrets, root } from '../../scripts/local-gateway.ts'
import {
  readCompatibility,
  workerdConfig,
  type WorkerdWorker,
} from '../../scripts/workerd-config.ts'
import { GatewayLogs } from './gateway-logs.ts'

export interface RawGateway {
  readonly url: string
  readonly port: number
  /** Addresses of all services: isolates of their own that share the objects. The first is `url`. */
  readonly urls: readonly string[]
  /** Address of the Worker that stands in for objects, where there is one. */
  readonly standInUrl: string | null
  readonly key: string
  readonly adminKey: string
  /** Process id of the only workerd. */
  readonly pid: number
  readonly logs: GatewayLogs
  close(): Promise<void>
}

export interface RawGatewayOptions {
  /** Isolates of their own that share the objects. */
  readonly services?: number
  /** Objects are on the disk, with SQL; absent: in memory, which is enough for provider health. */
  readonly onDisk?: true
  /** Another Worker that holds the objects of some services. */
  readonly standIn?: StandIn
}

export interface StandIn {
  /** Path of its one ES module. */
  readonly script: string
  /** For each service the class that stands in for `ProviderHealth`; null: the gateway's own. The first has its own. */
  readonly classes: readonly (string | null)[]
}

/** The runtime's own binary; its package, which is plain JavaScript, exports the path. */
const workerd = (createRequire(import.meta.url)('workerd') as { readonly default: string }).default

/**
 * Starts what `wrangler deploy` would upload on a bare `workerd serve`: one
 * process, no development proxy before it, so that disconnects arrive as they
 * do in production and its memory is the gateway's alone.
 */
export async function startRawGateway(
  routes: object,
  variables: Readonly<Record<string, string>>,
  { services = 1, standIn, onDisk }: RawGatewayOptions = {},
): Promise<RawGateway> {
  const state = mkdtempSync(join(tmpdir(), 'switchyard-raw-'))
  const file = join(state, 'routes.json')
  writeFileSync(file, JSON.stringify(routes))
  checkRoutes(file)
  const secrets = localSecrets(state, 'demo')
  build(join(state, 'build'), file)
  const bindings = { ...variables, ...gatewaySecrets(secrets) }
  const config = join(state, 'config.capnp')
  const script = join(state, 'build/index.js')
  const storage = join(state, 'objects')
  mkdirSync(storage)
  const stored = onDisk === undefined ? {} : { storage }
  const ports = await Promise.all(Array.from({ length: services }, freePort))
  const workers: WorkerdWorker[] = ports.map((port, index) => {
    const away = standIn?.classes[index] ?? null
    return away === null
      ? { script, port, bindings, objects, objectsAt: 0, ...(index === 0 ? stored : {}) }
      : { script, port, bindings, objects: { [binding]: away }, objectsAt: services }
  })
  const besidePort = standIn === undefined ? null : await freePort()
  if (standIn !== undefined && besidePort !== null) workers.push(standInWorker(standIn, besidePort))
  const compatibility = readCompatibility(join(root, 'wrangler.toml'))
  writeFileSync(config, workerdConfig(config, workers, compatibility))
  const child = spawn(workerd, ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  const logs = new GatewayLogs()
  for (const output of [child.stdout, child.stderr])
    output.on('data', (bytes: Buffer) => logs.take(bytes.toString('utf8')))
  const exit = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  const urls = ports.map((port) => `http://127.0.0.1:${port}`)
  const [port = 0] = ports
  const [url = ''] = urls
  for (const each of urls) await ready(each, logs, () => child.exitCode !== null)
  return {
    url,
    urls,
    standInUrl: besidePort === null ? null : `http://127.0.0.1:${besidePort}`,
    port,
    key: secrets.key,
    adminKey: secrets.adminKey,
    pid: child.pid ?? 0,
    logs,
    async close() {
      child.kill('SIGKILL')
      await exit
      rmSync(state, { recursive: true, force: true })
    },
  }
}

const binding = 'PROVIDER_HEALTH'

/** The Durable Objects of the gateway, as `wrangler.toml` binds them. */
const objects = { [binding]: 'ProviderHealth', RUN: 'Run' }

function standInWorker({ script, classes }: StandIn, port: number): WorkerdWorker {
  const own = [...new Set(classes.filter((name) => name !== null))]
  return {
    script,
    port,
    bindings: {},
    objects: Object.fromEntries(own.map((name) => [name, name])),
  }
}

/** What `wrangler deploy` would upload, with `routes` in the place of `routes.json`. */
function build(directory: string, routes: string): void {
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const alias = `../../routes.json:${routes}`
  execFileSync(
    process.execPath,
    [wrangler, 'deploy', '--dry-run', '--outdir', directory, '--alias', alias],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false' },
    },
  )
}

async function ready(url: string, logs: GatewayLogs, ended: () => boolean): Promise<void> {
  const endMs = Date.now() + 10_000
  for (;;) {
    try {
      const response = await fetch(`${url}/healthz`)
      await response.arrayBuffer()
      if (response.status === 200) return
    } catch {
      // Not listening yet.
    }
    if (ended() || Date.now() > endMs) throw new Error(`workerd did not start: ${logs.text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
