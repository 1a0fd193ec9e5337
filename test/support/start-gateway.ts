import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkRoutes, root, startLocalGateway } from '../../scripts/local-gateway.ts'
import { GatewayLogs } from './gateway-logs.ts'

export interface GatewayOptions {
  /** A routes.json as an object; the repository's own when absent. */
  readonly routes?: object
  /** Secrets and settings beside the gateway's own keys. */
  readonly variables?: Readonly<Record<string, string>>
  /**
   * Default false: circuits are watched and keep nobody away, so that one test's faults do not
   * decide another's first choice.
   */
  readonly circuits?: boolean
  /** Default false: nothing is budgeted, and targets need no price. */
  readonly ledger?: boolean
  /** Default true. Providers without their secrets are played by it. */
  readonly simulator?: boolean
  /** Pace of the simulated providers, ms; default 0. */
  readonly firstByteMs?: number
  readonly perChunkMs?: number
}

export interface RunningGateway {
  readonly url: string
  readonly key: string
  readonly adminKey: string
  /** Empty without a simulator. */
  readonly simulator: string
  readonly logs: GatewayLogs
  close(): Promise<void>
}

/**
 * Starts the gateway and its simulated providers as `npm start` does, in this
 * process and on free ports; ready in half a second. What the gateway prints is
 * collected in `logs`; one gateway at a time and process, because the runtime
 * prints to the one console.
 */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const state = mkdtempSync(join(tmpdir(), 'switchyard-test-'))
  const routes = join(state, 'routes.json')
  const shipped = () => JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as object
  const mode = options.circuits === true ? 'enforce' : 'observe'
  const ledger = { mode: options.ledger === true ? 'enforce' : 'off' }
  const settings = { health: { mode }, ledger }
  writeFileSync(routes, JSON.stringify({ ...(options.routes ?? shipped()), ...settings }))
  checkRoutes(routes)
  const logs = new GatewayLogs()
  const release = listen(logs)
  const gateway = await startLocalGateway({
    routes,
    port: 0,
    simulatorPort: options.simulator === false ? null : 0,
    state,
    variables: options.variables ?? {},
    simulatorVariables: {
      FIRST_BYTE_MS: String(options.firstByteMs ?? 0),
      PER_CHUNK_MS: String(options.perChunkMs ?? 0),
    },
  })
  return {
    url: gateway.url,
    key: gateway.key,
    adminKey: gateway.adminKey,
    simulator: gateway.simulator ?? '',
    logs,
    async close() {
      await gateway.close()
      release()
      rmSync(state, { recursive: true, force: true })
    },
  }
}

/** Takes over the console while a gateway runs; the tests' own output goes to stdout directly (`report`). */
function listen(logs: GatewayLogs): () => void {
  const kept = { log: console.log, error: console.error, warn: console.warn, info: console.info }
  const take = (...parts: readonly unknown[]) => {
    logs.take(parts.map(String).join(' '))
  }
  Object.assign(console, { log: take, error: take, warn: take, info: take })
  return () => Object.assign(console, kept)
}
