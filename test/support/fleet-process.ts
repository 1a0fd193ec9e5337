/**
 * One process of a fleet (`start-fleet.ts`): Workers on a workerd of their own, which finds the others' objects through
 * the dev registry. Its options are the first line of its input; it ends, with everything it started, when that closes,
 * so that nothing outlives whoever started it. It leads a process group of its own.
 */
import { createInterface } from 'node:readline'
import {
  convertV4MiniflareOptions,
  Log,
  LogLevel,
  Miniflare,
  type V4WorkerOptions,
} from 'miniflare'

export interface FleetProcessOptions {
  /** Directory of the dev registry that the fleet shares. */
  readonly registry: string
  /** Where this process keeps its files: they go with the fleet's, however it ends. */
  readonly state: string
  readonly workers: readonly FleetWorker[]
}

export interface FleetWorker {
  readonly name: string
  /** The directory of its one ES module, `index.js`. */
  readonly directory: string
  readonly date: string
  readonly flags: readonly string[]
  readonly bindings: Readonly<Record<string, string>>
  /** By binding; `scriptName`: the Worker that holds the objects, in whatever process it is. */
  readonly objects: Readonly<Record<string, FleetObject>>
}

export interface FleetObject {
  readonly className: string
  readonly scriptName: string
}

/** What it prints when its Workers answer: their addresses, in order. */
export interface FleetProcessReady {
  readonly fleetReady: readonly string[]
}

async function start({ registry, state, workers }: FleetProcessOptions): Promise<void> {
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      // No look-up of `request.cf` on the network: everything here stays on this machine.
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeDevRegistryPath: registry,
      resourcePersistencePath: `${state}/objects`,
      resourceTmpPath: `${state}/tmp`,
      workers: workers.map(optionsOf),
    }),
  )
  await runtime.ready
  const fleetReady: string[] = []
  for (const { name } of workers) fleetReady.push((await runtime.unsafeGetDirectURL(name)).origin)
  process.stdout.write(`${JSON.stringify({ fleetReady } satisfies FleetProcessReady)}\n`)
}

/** The socket is the Worker's own: no development proxy keeps the end of a connection from it. */
function optionsOf({
  name,
  directory,
  date,
  flags,
  bindings,
  objects,
}: FleetWorker): V4WorkerOptions {
  return {
    name,
    rootPath: directory,
    modules: true,
    scriptPath: 'index.js',
    compatibilityDate: date,
    compatibilityFlags: [...flags],
    bindings: { ...bindings },
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([binding, { className, scriptName }]) => [
        binding,
        { className, scriptName, useSQLite: true },
      ]),
    ),
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  }
}

const input = createInterface({ input: process.stdin })
input.once('line', (line) => void start(JSON.parse(line) as FleetProcessOptions))
input.once('close', () => process.kill(-process.pid, 'SIGKILL'))
