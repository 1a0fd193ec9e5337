/**
 * `npm run test:interop`: what needs more than Node. Python's official clients
 * against the gateway, and a LiteLLM proxy as an upstream that no one here wrote.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments } from './read-arguments.ts'
import { freePort, litellmKey, startLiteLlm, type LiteLlm } from './interop/litellm.ts'
import { ensureEnvironment, findPython } from './interop/python.ts'
import { checkRoutes, root, startLocalGateway, type LocalGateway } from './local-gateway.ts'

const help = `npm run test:interop -- [options]

Python's openai and anthropic clients against the gateway, and a LiteLLM proxy
as an upstream behind it. Needs Python 3.10 or newer; installs what it needs
into .interop/ (a gigabyte, once). Everything listens on the loopback.

  --only NAME    clients or litellm: one of the two parts
  --help         this text
`

const parts = ['clients', 'litellm'] as const
type Part = (typeof parts)[number]

/** What each part runs, in order. */
const files: Readonly<Record<Part, readonly string[]>> = {
  clients: ['openai_client.py', 'anthropic_client.py'],
  litellm: ['litellm_upstream.py'],
}
/** Longest that one file of tests may take, ms. */
const fileTimeoutMs = 5 * 60_000

const tests = join(root, 'test/interop')
const cache = join(root, '.interop')

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function readOptions(): { readonly wanted: readonly Part[] } | null {
  const { values } = readArguments({
    options: { only: { type: 'string' }, help: { type: 'boolean', default: false } },
  })
  if (values.help) return null
  if (values.only === undefined) return { wanted: parts }
  const found = parts.find((part) => part === values.only)
  if (found === undefined) throw new Error(`--only must be one of ${parts.join(', ')}`)
  return { wanted: [found] }
}

/** The repository's own routes, and LiteLLM's models behind the adapter for anything OpenAI-shaped. */
function routesWithLiteLlm(file: string, host: string): void {
  const routes = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as {
    providers: Record<string, object>
    targets: Record<string, object>
    health?: object
  }
  // Faults of one test must not decide another's first choice.
  routes.health = { mode: 'observe' }
  routes.providers['litellm'] = {
    adapter: 'openai-compatible',
    baseUrl: `http://${host}/v1`,
    credential: { kind: 'bearer', secret: 'LITELLM_KEY', host },
  }
  for (const model of ['canned', 'through-openai', 'through-anthropic', 'gone', 'unknown'])
    routes.targets[`${model}@litellm`] = { free: true }
  writeFileSync(file, JSON.stringify(routes))
}

/** The runtime prints every request to the console; here the tests' own lines are to be read. */
function silenceConsole(): void {
  for (const method of ['log', 'info', 'warn', 'error'] as const) console[method] = () => undefined
}

async function startGateway(state: string, litellmPort: number): Promise<LocalGateway> {
  const routes = join(state, 'routes.json')
  routesWithLiteLlm(routes, `127.0.0.1:${litellmPort}`)
  checkRoutes(routes)
  silenceConsole()
  return startLocalGateway({
    routes,
    port: 0,
    simulatorPort: 0,
    state: join(state, 'gateway'),
    variables: { LITELLM_KEY: litellmKey },
    simulatorVariables: { FIRST_BYTE_MS: '0', PER_CHUNK_MS: '0' },
  })
}

interface Count {
  readonly passed: number
  readonly failed: number
}

/** Runs one file of tests; its last line counts. A file that dies is one failure more. */
function runFile(python: string, file: string, gateway: LocalGateway): Promise<Count> {
  return new Promise((done) => {
    const child = spawn(python, ['-u', join(tests, file)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: fileTimeoutMs,
      env: {
        ...process.env,
        PYTHONDONTWRITEBYTECODE: '1',
        SWITCHYARD_URL: gateway.url,
        SWITCHYARD_KEY: gateway.key,
        SWITCHYARD_SIMULATOR: gateway.simulator ?? '',
      },
    })
    let printed = ''
    child.stdout.on('data', (bytes: Buffer) => {
      printed += bytes.toString()
      process.stdout.write(bytes)
    })
    child.once('error', (cause) => {
      say(`${file}: ${cause.message}`)
      done({ passed: 0, failed: 1 })
    })
    child.once('close', (code, signal) => {
      const last = /(\d+) passed, (\d+) failed\s*$/.exec(printed)
      const passed = Number(last?.[1] ?? 0)
      const failed = Number(last?.[2] ?? 1)
      if (code === 0 || failed > 0) return done({ passed, failed })
      say(`${file} ended with ${code ?? signal}`)
      return done({ passed, failed: failed + 1 })
    })
  })
}

async function environment(python: string, name: Part): Promise<string> {
  const requirements = join(
    tests,
    name === 'clients' ? 'requirements.txt' : 'requirements-litellm.txt',
  )
  say(`== ${name}: packages of ${requirements.slice(root.length + 1)}`)
  const { bin, wasThere } = await ensureEnvironment(python, join(cache, name), requirements)
  say(`== ${name}: ${wasThere ? 'are there' : 'are installed'}`)
  return bin
}

async function runParts(wanted: readonly Part[], state: string): Promise<Count> {
  const python = findPython()
  mkdirSync(cache, { recursive: true })
  // The tests of both parts are written with the clients.
  const clients = await environment(python, 'clients')
  const litellmBin = wanted.includes('litellm') ? await environment(python, 'litellm') : null
  const port = await freePort()
  const gateway = await startGateway(state, port)
  let litellm: LiteLlm | null = null
  try {
    if (litellmBin !== null) {
      say('== litellm: starts')
      litellm = await startLiteLlm(litellmBin, port, gateway.simulator ?? '', state)
    }
    const total = { passed: 0, failed: 0 }
    for (const part of wanted) {
      for (const file of files[part]) {
        say(`== ${file}`)
        const { passed, failed } = await runFile(join(clients, 'python'), file, gateway)
        total.passed += passed
        total.failed += failed
        if (failed > 0 && part === 'litellm') say(litellm?.log().slice(-4000) ?? '')
      }
    }
    return total
  } finally {
    await litellm?.stop()
    await gateway.close()
  }
}

async function main(): Promise<void> {
  const options = readOptions()
  if (options === null) {
    process.stdout.write(help)
    return
  }
  const state = mkdtempSync(join(tmpdir(), 'switchyard-interop-'))
  try {
    const { passed, failed } = await runParts(options.wanted, state)
    say(`\n${passed} passed, ${failed} failed`)
    process.exitCode = failed === 0 ? 0 : 1
  } finally {
    rmSync(state, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (cause) {
  process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`)
  say('0 passed, 1 failed')
  process.exit(1)
}
