/** Configurations for a bare `workerd serve`, as bench and tests use it: no development proxy before it. */
import { readFileSync } from 'node:fs'
import { basename, dirname, relative } from 'node:path'

export interface WorkerdWorker {
  /** Absolute path of the one ES module. */
  readonly script: string
  readonly port: number
  readonly bindings: Readonly<Record<string, string>>
  /** Durable Object classes by the name of their binding. */
  readonly objects?: Readonly<Record<string, string>>
  /** Directory that the objects are stored in, which exists. Absent: in memory, without SQL. */
  readonly storage?: string
  /** Index of the worker that holds the objects; its own when absent. */
  readonly objectsAt?: number
}

export interface Compatibility {
  readonly date: string
  readonly flags: readonly string[]
}

/** The runtime settings that `wrangler.toml` gives the gateway; every Worker beside it runs under the same. */
export function readCompatibility(wranglerToml: string): Compatibility {
  const text = readFileSync(wranglerToml, 'utf8')
  const date = /^compatibility_date *= *"([^"]+)"/m.exec(text)?.[1]
  if (date === undefined) throw new Error(`${wranglerToml} has no compatibility_date`)
  const flags = /^compatibility_flags *= *\[([^\]]*)\]/m.exec(text)?.[1] ?? ''
  return { date, flags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag = '']) => flag) }
}

/**
 * A Cap'n Proto text config for `workerd serve`, to be written to `config`:
 * Workers on loopback ports, each an isolate of its own.
 */
export function workerdConfig(
  config: string,
  workers: readonly WorkerdWorker[],
  compatibility: Compatibility,
  v8Flags: readonly string[] = [],
): string {
  const services = workers.flatMap(({ storage }, index) => {
    const disk = `( name = "disk${index}", disk = ( path = ${text(storage ?? '')}, writable = true ) )`
    const worker = `( name = "main${index}", worker = .worker${index} )`
    return storage === undefined ? [worker] : [worker, disk]
  })
  const sockets = workers.map(
    ({ port }, index) =>
      `( name = "http${index}", address = "127.0.0.1:${port}", http = (), service = "main${index}" )`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
${v8Flags.length === 0 ? '' : `  v8Flags = [${v8Flags.map(text).join(', ')}],\n`}  services = [
    ${services.join(',\n    ')},
    ( name = "internet", network = ( allow = ["local", "private", "public"] ) ),
  ],
  sockets = [
    ${sockets.join(',\n    ')},
  ],
);
${workers.map((worker, index) => workerText(config, worker, index, compatibility)).join('')}`
}

function workerText(
  config: string,
  { script, bindings, objects = {}, objectsAt, storage }: WorkerdWorker,
  index: number,
  { date, flags }: Compatibility,
): string {
  const away = objectsAt !== undefined && objectsAt !== index
  const plain = Object.entries(bindings).map(
    ([name, value]) => `( name = ${text(name)}, text = ${text(value)} )`,
  )
  const spaces = Object.entries(objects).map(([name, className]) => {
    const place = away
      ? `( className = ${text(className)}, serviceName = "main${objectsAt}" )`
      : text(className)
    return `( name = ${text(name)}, durableObjectNamespace = ${place} )`
  })
  const own = away
    ? ''
    : Object.values(objects)
        .map((name) => `( className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true )`)
        .join(', ')
  const place = storage === undefined ? 'inMemory = void' : `localDisk = "disk${index}"`
  const held =
    own === ''
      ? ''
      : `\n  durableObjectNamespaces = [ ${own} ],\n  durableObjectStorage = ( ${place} ),`
  return `
const worker${index} :Workerd.Worker = (
  modules = [ ( name = ${text(basename(script))}, esModule = embed ${text(relative(dirname(config), script))} ) ],
  compatibilityDate = ${text(date)},
  compatibilityFlags = [${flags.map(text).join(', ')}],${held}
  bindings = [
    ${[...plain, ...spaces].join(',\n    ')}
  ],
);
`
}

/** Cap'n Proto's text literals escape as C does, and so, for printable ASCII, as JSON. */
function text(value: string): string {
  return JSON.stringify(value)
}
