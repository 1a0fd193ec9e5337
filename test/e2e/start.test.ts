import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { checkRoutes, root } from '../../scripts/local-gateway.ts'
import { ask } from '../support/ask-gateway.ts'

/** `npm start` as someone outside sees it: flags, the line that says ready, and the end. */

const directory = mkdtempSync(join(tmpdir(), 'switchyard-start-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Started {
  readonly child: ChildProcess
  readonly output: () => string
  readonly errors: () => string
  readonly ready: Ready
}

interface Ready {
  readonly url: string
  readonly key: string
  readonly adminKey: string
  readonly simulator: string | null
}

function run(command: string, args: readonly string[]) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, ended, output: () => output, errors: () => errors }
}

const nodeArgs = ['scripts/start.ts', '--port', '0', '--simulator-port', '0']

async function start(
  more: readonly string[] = [],
  command = process.execPath,
  args: readonly string[] = nodeArgs,
): Promise<Started> {
  const { child, output, errors, ended } = run(command, [...args, ...more])
  const line = await Promise.race([until(() => readyLine(output())), ended.then(() => undefined)])
  if (line === undefined) throw new Error(`not ready: ${output()}`)
  return { child, output, errors, ready: JSON.parse(line) as Ready }
}

const readyLine = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .find((line) => line.startsWith('{"ready":true'))

/** Asks again until there is an answer; the test's own limit ends it. */
async function until<T>(found: () => T | undefined): Promise<T> {
  for (;;) {
    const value = found()
    if (value !== undefined) return value
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function stop({ child, ready }: Started): Promise<void> {
  child.kill('SIGTERM')
  while (await isUp(ready.url)) await new Promise((resolve) => setTimeout(resolve, 50))
}

async function refusal(...args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const { ended, errors } = run(process.execPath, ['scripts/start.ts', ...args])
  return { code: await ended, said: errors() }
}

/** The shipped file with something changed. */
function routesFile(name: string, change: (routes: Record<string, object>) => void): string {
  const file = join(directory, name)
  const routes = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as Record<
    string,
    object
  >
  change(routes)
  writeFileSync(file, JSON.stringify(routes))
  return file
}

describe('npm start', () => {
  it('says ready last, answers with what it said, and prints nothing after it but records', async () => {
    const started = await start()
    const { url, key, adminKey, simulator } = started.ready
    expect([key, adminKey]).toEqual([
      expect.stringMatching(/^sk-sy-demo-/),
      expect.stringMatching(/^sk-sy-admin-/),
    ])
    expect(await ask({ url, key }, { dialect: 'openai', model: 'chat' })).toMatchObject({
      status: 200,
      text: 'You said: hello',
    })
    expect((await fetch(`${String(simulator)}/__control/requests`)).status).toBe(200)
    const after = await until(() => /^\{"ready".*\n([\s\S]+)\n$/m.exec(started.output())?.[1])
    expect(after.split('\n').map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
      'request',
    ])
    // Models that their vendors switch off soon are named before, and keep nobody from starting.
    for (const { path, rule } of checkRoutes(join(root, 'routes.json')))
      expect(started.errors()).toContain(`${path}: ${rule}`)
    await stop(started)
  })

  it('stops all of it when npm is told to stop, though its shell passes no signal on', async () => {
    const started = await start(['--port', '0', '--simulator-port', '0'], 'npm', ['start', '--'])
    await stop(started)
    expect(await isUp(String(started.ready.simulator))).toBe(false)
  })

  it('keeps its keys in the directory of --persist, and starts no simulator where none is wanted', async () => {
    const args = ['--no-simulator', '--persist', join(directory, 'state')]
    const first = await start(args)
    await stop(first)
    const second = await start(args)
    const { url, key, simulator } = second.ready
    expect({ key, simulator }).toEqual({ key: first.ready.key, simulator: null })
    const seen = await ask({ url, key }, { dialect: 'openai', model: 'chat' })
    expect([seen.status, seen.error?.code]).toEqual([503, 'no_healthy_target'])
    expect(seen.headers.get('retry-after')).not.toBeNull()
    await stop(second)
  })

  it('refuses a bad file with path, rule and value', async () => {
    const file = join(directory, 'routes.json')
    const routes = readFileSync(join(root, 'routes.json'), 'utf8')
    writeFileSync(file, routes.replace('"adapter": "openai"', '"adapter": "opnai"'))
    expect(await refusal('--routes', file)).toEqual({
      code: 1,
      said: expect.stringMatching(
        /providers\.openai\.adapter: must be one of .*\(found "opnai"\)/,
      ) as string,
    })
  })

  it('refuses a file that only the running gateway would trip over: it never says ready for a 500', async () => {
    const stranger = routesFile('stranger.json', ({ targets, tenants }) => {
      Object.assign(targets ?? {}, { 'x@constructor': {} })
      Object.assign(tenants ?? {}, { demo: { routes: ['constructor'] } })
    })
    const { code, said } = await refusal('--routes', stranger)
    expect(code).toBe(1)
    expect(said).toContain('targets["x@constructor"]: names a provider that is not declared')
    expect(said).toContain('tenants.demo.routes[0]: names a route that is not declared')
    const alerts = routesFile('alerts.json', (routes) => {
      routes['alerts'] = { url: 'https://alerts.example/hook', secret: 'ALERTS_SECRET' }
    })
    expect(await refusal('--routes', alerts)).toEqual({
      code: 1,
      said: expect.stringContaining(
        'alerts.secret: names a secret that is not set (found "ALERTS_SECRET")',
      ) as string,
    })
  })

  it('refuses what .dev.vars makes of an address, with path, rule and value', () => {
    const file = join(root, 'routes.json')
    expect(() => checkRoutes(file, { AZURE_OPENAI_RESOURCE: 'evil.example/' })).toThrow(
      'providers.azure-openai.baseUrl: with its variables filled in, must keep the host that the file names (found "https://evil.example/.openai.azure.com")',
    )
    expect(() => checkRoutes(file, { AZURE_OPENAI_RESOURCE: 'mine' })).not.toThrow()
  })

  it.each([
    ['scripts/start.ts', '--bogus'],
    ['scripts/setup.ts', '--bogus'],
    ['scripts/conformance.ts', '--bogus'],
  ])('%s %s says which option it does not know, and nothing of its insides', async (...args) => {
    const { ended, errors } = run(process.execPath, args)
    expect([await ended, errors()]).toEqual([
      1,
      "Unknown option '--bogus'\n--help lists the options.\n",
    ])
  })

  it('refuses a port that is taken instead of waiting for it', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    for (const flag of ['--port', '--simulator-port']) {
      const { code, said } = await refusal(flag, String(port))
      expect([code, said]).toEqual([1, expect.stringContaining(`${flag} ${port} cannot be used`)])
    }
    other.close()
  })
})
