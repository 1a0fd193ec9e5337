import { readFileSync } from 'node:fs'
import { basename, dirname, relative } from 'node:path'

export interface WorkerdWorker {
  /** Where the config will stand: embedded files are named relative to it. */
  readonly config: string
  /** Absolute path of the one ES module. */
  readonly script: string
  readonly port: number
  readonly bindings: Readonly<Record<string, string>>
}

interface Compatibility {
  readonly date: string
  readonly flags: readonly string[]
}

/** The runtime settings that `wrangler.toml` gives the gateway; every Worker of the bench runs under the same. */
export function readCompatibility(wranglerToml: string): Compatibility {
  const text = readFileSync(wranglerToml, 'utf8')
  const date = /^compatibility_date *= *"([^"]+)"/m.exec(text)?.[1]
  if (date === undefined) throw new Error(`${wranglerToml} has no compatibility_date`)
  const flags = /^compatibility_flags *= *\[([^\]]*)\]/m.exec(text)?.[1] ?? ''
  return { date, flags: [...flags.matchAll(/"([^"]+)"/g)].map(([, flag = '']) => flag) }
}

/** A Cap'n Proto text config for `workerd serve`: one Worker on one loopback port. */
export function workerdConfig(
  { config, script, port, bindings }: WorkerdWorker,
  { date, flags }: Compatibility,
): string {
  const bound = Object.entries(bindings)
    .map(([name, value]) => `      ( name = ${text(name)}, text = ${text(value)} ),`)
    .join('\n')
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "main", worker = .worker ),
    ( name = "internet", network = ( allow = ["local", "private", "public"] ) ),
  ],
  sockets = [ ( name = "http", address = "127.0.0.1:${port}", http = (), service = "main" ) ],
);

const worker :Workerd.Worker = (
  modules = [ ( name = ${text(basename(script))}, esModule = embed ${text(relative(dirname(config), script))} ) ],
  compatibilityDate = ${text(date)},
  compatibilityFlags = [${flags.map(text).join(', ')}],
  bindings = [
${bound}
  ],
);
`
}

/** Cap'n Proto's text literals escape as C does, and so, for printable ASCII, as JSON. */
function text(value: string): string {
  return JSON.stringify(value)
}
