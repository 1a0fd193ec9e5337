import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  freePort,
  node,
  root,
  startServer,
  startUpstream,
  workerdBinary,
  type Server,
} from './processes.ts'
import { buildSwitchyard, makeKey, writeRoutes } from './switchyard-build.ts'
import { readCompatibility, workerdConfig } from '../scripts/workerd-config.ts'

export const targetIds = ['bare', 'floor', 'switchyard', 'node', 'portkey'] as const
export type TargetId = (typeof targetIds)[number]

export interface Target {
  readonly server: Server
  /** Starts another process of the same. */
  again(): Promise<Server>
  /** Headers that a caller of this gateway sends. */
  headers(upstreamWire: 'openai' | 'anthropic'): Readonly<Record<string, string>>
}

export interface Testbed {
  readonly upstream: Server
  readonly targets: ReadonlyMap<TargetId, Target>
  /** Where the gateway's log lines go. */
  readonly switchyardLog: string
  stop(): Promise<void>
}

/** How workerd is started beside what every case asks for. */
export interface RuntimeOptions {
  readonly workerdArgs?: readonly string[]
  readonly v8Flags?: readonly string[]
  /** A program that runs workerd, with its arguments: a profiler. */
  readonly under?: readonly [string, ...string[]]
  /** The gateway is built with the names of its functions. */
  readonly isReadable?: boolean
}

const peerDirectory = join(root, 'bench/peer')

/** Starts the mock upstream and the gateways that are asked for; `directory` takes configs, builds and logs. */
export async function startTestbed(
  ids: readonly TargetId[],
  models: readonly string[],
  directory: string,
  say: (line: string) => void,
  options: RuntimeOptions = {},
): Promise<Testbed> {
  mkdirSync(directory, { recursive: true })
  const upstream = await startUpstream()
  const started = new Map<TargetId, Target>()
  const stop = async () => {
    await Promise.all([...started.values()].map(({ server }) => server.stop()))
    await upstream.stop()
  }
  try {
    for (const id of ids) {
      say(`starting ${id}`)
      started.set(id, await startTarget(id, upstream.port, models, directory, options))
    }
  } catch (cause) {
    await stop()
    throw cause
  }
  return { upstream, targets: started, switchyardLog: logFile(directory, 'switchyard'), stop }
}

function logFile(directory: string, id: TargetId): string {
  return join(directory, `${id}.log`)
}

function startTarget(
  id: TargetId,
  upstreamPort: number,
  models: readonly string[],
  directory: string,
  options: RuntimeOptions,
): Promise<Target> {
  switch (id) {
    case 'bare':
      return startPlainWorker(id, 'passthrough-worker.js', upstreamPort, directory, options)
    case 'floor':
      return startPlainWorker(id, 'floor-worker.js', upstreamPort, directory, options)
    case 'switchyard':
      return startSwitchyard(upstreamPort, models, directory, options)
    case 'node':
      return startNode(upstreamPort, directory)
    case 'portkey':
      return startPortkey(upstreamPort, directory)
  }
}

async function startPlainWorker(
  id: 'bare' | 'floor',
  script: string,
  upstreamPort: number,
  directory: string,
  options: RuntimeOptions,
): Promise<Target> {
  const bindings = { UPSTREAM: `http://127.0.0.1:${upstreamPort}` }
  const path = join(root, 'bench/servers', script)
  return target(
    () => startWorkerd(id, path, bindings, directory, options),
    () => ({}),
  )
}

async function startSwitchyard(
  upstreamPort: number,
  models: readonly string[],
  directory: string,
  options: RuntimeOptions,
): Promise<Target> {
  const routes = join(directory, 'routes.json')
  writeRoutes(routes, upstreamPort, models)
  const script = buildSwitchyard(join(directory, 'switchyard'), routes, options.isReadable)
  const { key, variables } = makeKey()
  return target(
    () => startWorkerd('switchyard', script, variables, directory, options),
    () => ({ authorization: `Bearer ${key}` }),
  )
}

async function startWorkerd(
  id: TargetId,
  script: string,
  bindings: Readonly<Record<string, string>>,
  directory: string,
  options: RuntimeOptions,
): Promise<Server> {
  const port = await freePort()
  const config = join(directory, `${id}.capnp`)
  const compatibility = readCompatibility(join(root, 'wrangler.toml'))
  const worker = {
    script,
    port,
    bindings,
    ...(id === 'switchyard' ? { objects: gatewayObjects } : {}),
  }
  writeFileSync(config, workerdConfig(config, [worker], compatibility, options.v8Flags))
  const [program, ...args] = [
    ...(options.under ?? []),
    workerdBinary,
    'serve',
    config,
    ...(options.workerdArgs ?? []),
  ] as [string, ...string[]]
  return startServer(program, args, port, logFile(directory, id))
}

/** The Durable Objects of the gateway, as `wrangler.toml` binds them. */
export const gatewayObjects = { PROVIDER_HEALTH: 'ProviderHealth' }

async function startNode(upstreamPort: number, directory: string): Promise<Target> {
  const script = join(root, 'bench/servers/passthrough-node.ts')
  const start = async () => {
    const port = await freePort()
    const args = [script, String(port), `http://127.0.0.1:${upstreamPort}`]
    return startServer(node, args, port, logFile(directory, 'node'))
  }
  return target(start, () => ({}))
}

async function startPortkey(upstreamPort: number, directory: string): Promise<Target> {
  const script = join(peerDirectory, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  if (!existsSync(script)) installPeer()
  const start = async () => {
    const port = await freePort()
    const args = [script, `--port=${port}`, '--headless']
    return startServer(node, args, port, logFile(directory, 'portkey'), {
      NODE_ENV: 'production',
      TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost',
    })
  }
  return target(start, (wire) => ({
    authorization: 'Bearer bench',
    'x-portkey-provider': wire,
    'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  }))
}

async function target(again: () => Promise<Server>, headers: Target['headers']): Promise<Target> {
  return { server: await again(), again, headers }
}

function installPeer(): void {
  const npm = ['ci', '--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund']
  execFileSync('npm', npm, { cwd: peerDirectory, stdio: 'inherit' })
}
