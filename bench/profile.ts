/**
 * Where the gateway's time goes: `node bench/profile.ts CASE [LABEL] [--cpuprofile FILE]`
 * runs one case under V8's sampling profiler and prints the functions by their
 * own time, with the line of the source they stand on. The time in which the
 * isolate waits for the network stands beside one function, too: the one it was in last.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments } from '../scripts/read-arguments.ts'
import { benchCases, modelsOf } from './cases.ts'
import { measure, warmUp } from './measure.ts'
import { freePort, startLoad } from './processes.ts'
import { emptyMeasures } from './results.ts'
import { startTestbed } from './targets.ts'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
  readonly columnNumber: number
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** One inspector session: asks, and waits for the answer of the same number. */
class Inspector {
  readonly #socket: WebSocket
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  static async connect(port: number): Promise<Inspector> {
    const list = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      webSocketDebuggerUrl: string
    }[]
    const url = list[0]?.webSocketDebuggerUrl
    if (url === undefined) throw new Error('workerd offers nothing to inspect')
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Inspector(socket)
  }

  ask(method: string, parameters: object = {}): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve) => {
      const listen = (event: MessageEvent): void => {
        const message = JSON.parse(String(event.data)) as { id?: number; result?: unknown }
        if (message.id !== id) return
        this.#socket.removeEventListener('message', listen)
        resolve(message.result)
      }
      this.#socket.addEventListener('message', listen)
      this.#socket.send(JSON.stringify({ id, method, params: parameters }))
    })
  }

  close(): void {
    this.#socket.close()
  }
}

function printProfile(profile: Profile, mapFile: string): void {
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, 'utf8')) as never)
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const own = new Map<string, number>()
  let busyUs = 0
  for (const [index, id] of profile.samples.entries()) {
    const frame = frames.get(id)
    const spentUs = profile.timeDeltas[index] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') continue
    busyUs += spentUs
    const name = placeOf(frame, map)
    own.set(name, (own.get(name) ?? 0) + spentUs)
  }
  process.stdout.write(`busy ${(busyUs / 1000).toFixed(0)} ms\n`)
  const top = [...own].sort(([, a], [, b]) => b - a).slice(0, 45)
  for (const [name, spentUs] of top)
    process.stdout.write(`${((spentUs / busyUs) * 100).toFixed(1).padStart(5)} %  ${name}\n`)
}

function placeOf(
  { functionName, url, lineNumber, columnNumber }: CallFrame,
  map: SourceMap,
): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  // The runtime's own modules have no place in our source map.
  if (!url.endsWith('index.js')) return url === '' ? name : `${name}  ${url}`
  const entry = map.findEntry(lineNumber, columnNumber) as {
    originalSource?: string
    originalLine?: number
  }
  const source = entry.originalSource
    ?.replace(/^(\.\.\/)+/, '')
    .replace(/^.*?(?=(worker|node_modules)\/)/, '')
  return `${name}  ${source ?? url}:${(entry.originalLine ?? lineNumber) + 1}`
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments({
    allowPositionals: true,
    options: { cpuprofile: { type: 'string' }, quick: { type: 'boolean', default: false } },
  })
  const [caseName = '', label = 'Switchyard'] = positionals
  const benchCase = benchCases({ quick: values.quick }).find(({ name }) => name === caseName)
  const entrant = benchCase?.entrants.find((candidate) => candidate.label === label)
  if (benchCase === undefined || entrant === undefined)
    throw new Error(`there is no case "${caseName}" with an entrant "${label}"`)
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-profile-'))
  const inspectorPort = await freePort()
  const testbed = await startTestbed(
    [entrant.target],
    modelsOf([benchCase]),
    directory,
    () => undefined,
    { workerdArgs: ['--inspector-addr', `127.0.0.1:${inspectorPort}`] },
  )
  const load = await startLoad()
  try {
    const target = testbed.targets.get(entrant.target)
    if (target === undefined) throw new Error('the gateway did not start')
    await warmUp(benchCase, entrant, target, load)
    const inspector = await Inspector.connect(inspectorPort)
    await inspector.ask('Profiler.enable')
    await inspector.ask('Profiler.setSamplingInterval', { interval: 200 })
    await inspector.ask('Profiler.start')
    await measure(benchCase, entrant, target, load, emptyMeasures())
    const { profile } = (await inspector.ask('Profiler.stop')) as { profile: Profile }
    inspector.close()
    if (values.cpuprofile !== undefined) writeFileSync(values.cpuprofile, JSON.stringify(profile))
    printProfile(profile, join(directory, 'switchyard/index.js.map'))
  } finally {
    await load.stop()
    await testbed.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
