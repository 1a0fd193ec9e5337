/**
 * What users see of an outage: steady load, the first provider of the route is
 * taken away and comes back. With circuits and, for comparison, without them
 * (`"health": {"mode": "observe"}`: failover alone), on bare workerd.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readArguments } from '../scripts/read-arguments.ts'
import { readCompatibility, workerdConfig } from '../scripts/workerd-config.ts'
import { outagePlot } from './outage-plot.ts'
import { freePort, node, root, startServer, workerdBinary, type Server } from './processes.ts'
import { quantile } from './statistics.ts'
import { buildSwitchyard, makeKey } from './switchyard-build.ts'
import { gatewayObjects } from './targets.ts'

const help = `node bench/outage.ts [options]

  --rate N         requests a second (20)
  --seconds N      length of a run (60); the outage lasts from a sixth to two thirds of it
  --json FILE      write every request
  --markdown FILE  write the table between its two marks
  --plot FILE      write the plot (SVG)
  --help           this text`

/** How the provider goes away. */
export const outages = ['refused', 'silent'] as const
export type Outage = (typeof outages)[number]
export const modes = ['circuits', 'failover alone'] as const
export type Mode = (typeof modes)[number]

export interface Asked {
  /** When it was sent, ms from the start of the run. */
  readonly atMs: number
  /** Null when the stream ended without one. */
  readonly firstTokenMs: number | null
  /** Ended with the end mark and without an error. */
  readonly good: boolean
  readonly provider: string
  readonly attempts: number
}

export interface Run {
  readonly outage: Outage
  readonly mode: Mode
  readonly downAtMs: number
  readonly upAtMs: number
  readonly lengthMs: number
  readonly asked: readonly Asked[]
}

/** A provider that is silent is given up after this, ms. */
const firstTokenTimeoutMs = 2000

interface Bed {
  readonly url: string
  readonly key: string
  readonly primary: { kill(): Promise<void>; back(): Promise<void> }
  stop(): Promise<void>
}

async function startBed(mode: Mode, outage: Outage, directory: string): Promise<Bed> {
  const [port, spare, gatewayPort] = await Promise.all([freePort(), freePort(), freePort()])
  const script = join(root, 'bench/servers/steady-provider.ts')
  const provider = (at: number) =>
    startServer(node, [script, String(at)], at, join(directory, 'p.log'))
  let primary: Server | null = await provider(port)
  const backup = await provider(spare)
  const routes = join(directory, 'routes.json')
  writeFileSync(routes, JSON.stringify(routesOf(mode, port, spare)))
  const worker = buildSwitchyard(join(directory, 'build'), routes)
  const { key, variables } = makeKey()
  const bindings = { ...variables, PRIMARY_KEY: 'bench-primary', BACKUP_KEY: 'bench-backup' }
  const config = join(directory, 'config.capnp')
  const own = { script: worker, port: gatewayPort, bindings, objects: gatewayObjects }
  const compatibility = readCompatibility(join(root, 'wrangler.toml'))
  writeFileSync(config, workerdConfig(config, [own], compatibility))
  const log = join(directory, 'gateway.log')
  const gateway = await startServer(workerdBinary, ['serve', config], gatewayPort, log)
  return {
    url: `http://127.0.0.1:${gatewayPort}`,
    key,
    primary: {
      async kill() {
        if (outage === 'silent') process.kill(primary?.pid ?? 0, 'SIGSTOP')
        else {
          await primary?.stop()
          primary = null
        }
      },
      async back() {
        if (outage === 'silent') process.kill(primary?.pid ?? 0, 'SIGCONT')
        else primary = await provider(port)
      },
    },
    async stop() {
      await Promise.all([gateway.stop(), backup.stop(), primary?.stop()])
    },
  }
}

function routesOf(mode: Mode, port: number, spare: number): object {
  const provider = (at: number, secret: string) => {
    const host = `127.0.0.1:${at}`
    return {
      adapter: 'openai',
      baseUrl: `http://${host}/v1`,
      credential: { kind: 'bearer', secret, host },
    }
  }
  return {
    health: { mode: mode === 'circuits' ? 'enforce' : 'observe' },
    providers: { primary: provider(port, 'PRIMARY_KEY'), backup: provider(spare, 'BACKUP_KEY') },
    targets: { 'm@primary': {}, 'm@backup': {} },
    routes: {
      chat: { tiers: [['m@primary'], ['m@backup']], timeouts: { firstTokenTimeoutMs } },
    },
    tenants: { demo: {} },
  }
}

async function askOnce(bed: Bed, startMs: number): Promise<Asked> {
  const sentMs = performance.now()
  const atMs = sentMs - startMs
  try {
    const response = await fetch(`${bed.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bed.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'chat',
        stream: true,
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    })
    let text = ''
    let firstTokenMs: number | null = null
    const decoder = new TextDecoder()
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true })
      if (firstTokenMs === null && text.includes('well ')) firstTokenMs = performance.now() - sentMs
    }
    return {
      atMs,
      firstTokenMs,
      good: response.status === 200 && text.includes('[DONE]') && !text.includes('"error"'),
      provider: response.headers.get('x-switchyard-provider') ?? 'none',
      attempts: Number(response.headers.get('x-switchyard-attempts') ?? 0),
    }
  } catch {
    return { atMs, firstTokenMs: null, good: false, provider: 'none', attempts: 0 }
  }
}

async function run(mode: Mode, outage: Outage, rate: number, lengthMs: number): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'switchyard-outage-'))
  const bed = await startBed(mode, outage, directory)
  const [downAtMs, upAtMs] = [lengthMs / 6, (lengthMs * 2) / 3]
  try {
    const startMs = performance.now()
    const later = (ms: number, what: () => Promise<unknown>) =>
      new Promise((resolve) => setTimeout(() => resolve(what()), ms))
    const asked = Array.from({ length: (rate * lengthMs) / 1000 }, (_, index) =>
      later((index * 1000) / rate, () => askOnce(bed, startMs)),
    )
    await later(downAtMs, () => bed.primary.kill())
    await later(startMs + upAtMs - performance.now(), () => bed.primary.back())
    const all = (await Promise.all(asked)) as Asked[]
    return { outage, mode, downAtMs, upAtMs, lengthMs, asked: all }
  } finally {
    await bed.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface Row {
  readonly name: string
  readonly errors: number
  readonly before: number
  readonly p50: number
  readonly p99: number
  readonly attempts: number
  readonly slowed: number
  readonly backMs: number | null
}

function rowOf({ outage, mode, downAtMs, upAtMs, asked }: Run): Row {
  const within = (fromMs: number, toMs: number) =>
    asked.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
  const tokens = (some: readonly Asked[]) => some.flatMap(({ firstTokenMs }) => firstTokenMs ?? [])
  const before = tokens(within(downAtMs / 5, downAtMs))
  const usual = quantile(before, 0.99)
  const during = within(downAtMs, upAtMs)
  // Back to normal: from then on nine of ten requests are answered by the first provider.
  const after = within(upAtMs, Infinity)
  const home = after.find((one, index) => {
    const next = after.slice(index, index + 40)
    return (
      one.provider === 'primary' &&
      next.filter(({ provider }) => provider === 'primary').length >= next.length * 0.9
    )
  })
  return {
    name: `${outage}, ${mode}`,
    errors: asked.filter(({ good }) => !good).length,
    before: usual,
    p50: quantile(tokens(during), 0.5),
    p99: quantile(tokens(during), 0.99),
    attempts: during.reduce((sum, { attempts }) => sum + attempts, 0) / during.length,
    slowed: tokens(during).filter((ms) => ms > 2 * usual).length,
    backMs: home === undefined ? null : home.atMs - upAtMs,
  }
}

function tableOf(runs: readonly Run[], command: string): string {
  const ms = (value: number | null) =>
    value === null
      ? 'never'
      : value < 1000
        ? `${value.toFixed(0)} ms`
        : `${(value / 1000).toFixed(1)} s`
  const rows = runs
    .map(rowOf)
    .map(
      (row) =>
        `| ${row.name} | ${row.errors} of ${runs[0]?.asked.length ?? 0} | ${ms(row.before)} | ${ms(row.p50)} / ${ms(row.p99)} | ${row.slowed} | ${row.attempts.toFixed(2)} | ${ms(row.backMs)} |`,
    )
  return [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')}, \`${command}\`, workerd ${readCompatibility(join(root, 'wrangler.toml')).date} settings, Node ${process.version}`,
    '',
    '| provider is, gateway has | errors users saw | p99 before | p50 / p99 to first token during | slower than twice the usual | upstream calls a request during | nine of ten back at the first provider after |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

const marks = ['<!-- measured by bench/outage.ts -->', '<!-- end of what was measured -->'] as const

function writeBetween(file: string, table: string): void {
  const text = readFileSync(file, 'utf8')
  const [start, end] = marks.map((mark) => text.indexOf(mark))
  if (start === undefined || end === undefined || start === -1 || end === -1)
    throw new Error(`${file} lacks its two marks`)
  writeFileSync(file, `${text.slice(0, start)}${marks[0]}\n\n${table}\n\n${text.slice(end)}`)
}

async function main(): Promise<void> {
  const { values } = readArguments({
    options: {
      rate: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '60' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      plot: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(help)
  const [rate, lengthMs] = [Number(values.rate), Number(values.seconds) * 1000]
  const runs: Run[] = []
  for (const outage of outages)
    for (const mode of modes) {
      console.error(`${outage}, ${mode} ...`)
      runs.push(await run(mode, outage, rate, lengthMs))
    }
  const table = tableOf(runs, `node bench/outage.ts --rate ${rate} --seconds ${values.seconds}`)
  console.log(table)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(runs))
  if (values.markdown !== undefined) writeBetween(values.markdown, table)
  if (values.plot !== undefined) writeFileSync(values.plot, outagePlot(runs))
}

await main()
