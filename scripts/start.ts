/**
 * `npm start`: the gateway with its simulated providers, in one process.
 *
 * Ready when the last line is one JSON object. Providers whose secrets are in
 * `.dev.vars` are called for real, all others are played by the simulator.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { readArguments } from './read-arguments.ts'
import { describeProblems } from '../worker/edge/config.ts'
import { checkRoutes, root, startLocalGateway, type LocalGateway } from './local-gateway.ts'

const help = `npm start -- [options]

  --port N             port of the gateway (default 8787; 0 takes a free one)
  --simulator-port N   port of the simulated providers (default 8788; 0 takes a free one)
  --routes FILE        another routes.json
  --no-simulator       no simulated providers: only those with keys in .dev.vars answer
  --persist DIR        keep keys and state in DIR (without it: fresh and temporary)
  --help               this text
`

/** How often it is looked whether npm is still there, ms. */
const parentCheckMs = 500

interface Options {
  readonly port: number
  readonly simulatorPort: number
  readonly routes: string
  readonly simulator: boolean
  readonly persist: string | null
}

function readOptions(argv: readonly string[]): Options | null {
  const { values } = readArguments({
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

function devVars(): Record<string, string> {
  const file = join(root, '.dev.vars')
  if (!existsSync(file)) return {}
  return Object.fromEntries(
    Object.entries(parseEnv(readFileSync(file, 'utf8'))).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  )
}

/** The runtime would wait for ever for a port that another process holds. */
function checkPort(flag: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause) =>
      reject(new Error(`${flag} ${port} cannot be used: ${cause.message}`)),
    )
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()))
  })
}

/**
 * Leaves out what Wrangler says of itself, some of it late: nothing follows the
 * line that says `ready` but one record a request, and what went wrong.
 */
function printRecordsOnly(): void {
  const take = (...parts: readonly unknown[]) => {
    for (const line of parts.map(String).join(' ').split('\n')) {
      const start = line.indexOf('{"event":')
      if (start !== -1) process.stdout.write(`${line.slice(start)}\n`)
    }
  }
  Object.assign(console, { log: take, info: take, debug: take })
}

/** npm runs this in a shell that dies of a SIGTERM without passing it on. */
function whenOrphaned(then: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    then()
  }, parentCheckMs)
  timer.unref()
}

/** `ready` is said of a gateway that answers, whatever the checks before have missed. */
async function checkHealth(gateway: LocalGateway): Promise<void> {
  const { status } = await fetch(`${gateway.url}/healthz`)
  if (status === 200) return
  await gateway.close()
  throw new Error(`the gateway answers ${status} to everything: its configuration does not load`)
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === null) {
    process.stdout.write(help)
    return
  }
  const variables = devVars()
  const warnings = checkRoutes(options.routes, variables)
  if (warnings.length > 0) process.stderr.write(`warning:\n${describeProblems(warnings)}\n`)
  await checkPort('--port', options.port)
  if (options.simulator) await checkPort('--simulator-port', options.simulatorPort)
  printRecordsOnly()
  const temporary = options.persist === null
  const state = options.persist ?? mkdtempSync(join(tmpdir(), 'switchyard-'))
  const gateway = await startLocalGateway({
    routes: options.routes,
    port: options.port,
    simulatorPort: options.simulator ? options.simulatorPort : null,
    state,
    variables,
  })
  await checkHealth(gateway)
  const { url, key, adminKey, simulator } = gateway

  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await gateway.close()
    process.exit(0)
  }
  // The runtime's own signal handler may end the process first, with 143: only here is it sure.
  process.on('exit', () => {
    if (temporary) rmSync(state, { recursive: true, force: true })
  })
  process.on('SIGINT', () => void stop())
  process.on('SIGTERM', () => void stop())
  if (process.env['npm_lifecycle_event'] !== undefined) whenOrphaned(() => void stop())
  process.stdout.write(
    `\nGateway ${url}${simulator === null ? '' : `, simulated providers ${simulator}`}. Ctrl-C stops.\n`,
  )
  process.stdout.write(`${JSON.stringify({ ready: true, url, key, adminKey, simulator })}\n`)
}

try {
  await main()
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
  process.exit(1)
}
