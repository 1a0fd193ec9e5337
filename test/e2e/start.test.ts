import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/local-gateway.ts'
import { ask } from '../support/ask-gateway.ts'

/** `npm start` as someone outside sees it: flags, the line that says ready, and the end. */

const directory = mkdtempSync(join(tmpdir(), 'switchyard-start-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Started {
  readonly child: ChildProcess
  readonly output: () => string
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
  const { child, output, ended } = run(command, [...args, ...more])
  const line = await Promise.race([until(() => readyLine(output())), ended.then(() => undefined)])
  if (line === undefined) throw new Error(`not ready: ${output()}`)
  return { child, output, ready: JSON.parse(line) as Ready }
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
