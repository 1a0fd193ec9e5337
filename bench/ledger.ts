/**
 * What keeping books costs: a tenant's traffic in virtual time, with the rules of isolate and ledger as they are, beside
 * the published figures (`reliability.md` 3.5); and on workerd what a hold and a lease add to a request.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { readArguments } from '../scripts/read-arguments.ts'
import { type LatencyFigures, measureLatency, moneys, places } from './ledger-latency.ts'
import {
  heldByRuleShare,
  runTraffic,
  type Traffic,
  type TrafficFigures,
} from '../test/simulation/ledger/traffic.ts'

const help = `node bench/ledger.ts [options]

  --seconds N      virtual time of each load, s (1800)
  --requests N     requests of each kind on workerd (400); 0 leaves workerd out
  --seed TEXT      of the traffic (1)
  --json FILE      write everything that was measured
  --markdown FILE  write the tables
  --help           this text`

/** `reliability.md` 3.5, for a target of ten seconds of spending; null: not published. */
interface Published {
  readonly spentUsdPerHour: number
  readonly waited: string
  readonly calls: string
  readonly free: string
  readonly held: string
  readonly phantom: string
}

interface Load {
  readonly requestsPerS: number
  readonly isolates: number
  readonly published: Published | null
}

const loads: readonly Load[] = [
  {
    requestsPerS: 2,
    isolates: 10,
    published: {
      spentUsdPerHour: 41,
      waited: '24 %',
      calls: '0.90',
      free: '$1.0',
      held: '$0.45',
      phantom: '4 %',
    },
  },
  { requestsPerS: 2, isolates: 40, published: null },
  { requestsPerS: 20, isolates: 10, published: null },
  {
    requestsPerS: 20,
    isolates: 20,
    published: {
      spentUsdPerHour: 430,
      waited: '3.4 %',
      calls: '0.195',
      free: '$3.7',
      held: '$4.8',
      phantom: '3.5 % / 0.9 %',
    },
  },
  { requestsPerS: 20, isolates: 40, published: null },
  { requestsPerS: 100, isolates: 10, published: null },
  {
    requestsPerS: 100,
    isolates: 40,
    published: {
      spentUsdPerHour: 2135,
      waited: '0.66 %',
      calls: '0.076',
      free: '$10',
      held: '$24',
      phantom: '0.8 % / 0.1 %',
    },
  },
]

/** Hard kills of an isolate in an hour. */
const kills = [1, 0.1] as const

interface LoadResult {
  readonly load: Load
  readonly byKills: readonly { readonly traffic: Traffic; readonly figures: TrafficFigures }[]
}

async function measureLoads(seconds: number, seed: string): Promise<readonly LoadResult[]> {
  const results: LoadResult[] = []
  for (const load of loads) {
    const byKills: LoadResult['byKills'][number][] = []
    for (const killsPerIsolateHour of kills) {
      const { requestsPerS, isolates } = load
      const traffic = { requestsPerS, isolates, killsPerIsolateHour, seconds }
      byKills.push({ traffic, figures: await runTraffic(traffic, seed) })
    }
    results.push({ load, byKills })
  }
  return results
}

function loadTable(results: readonly LoadResult[]): string {
  const rows = results.flatMap(({ load, byKills }) => {
    const [often, seldom] = byKills
    if (often === undefined || seldom === undefined) return []
    const { figures } = often
    const { requestsPerS, isolates, published } = load
    const phantom = `${percent(figures.phantomShare)} / ${percent(seldom.figures.phantomShare)}`
    const beside = (value: string, other: string | undefined) =>
      other === undefined ? value : `${value} (${other})`
    return [
      [
        `${requestsPerS}/s, ${isolates} isolates`,
        beside(
          usd(figures.spentUsdPerHour),
          published === null ? undefined : `$${published.spentUsdPerHour}`,
        ),
        beside(percent(figures.waitedShare), published?.waited),
        percent(heldByRuleShare(load)),
        beside(figures.callsPerRequest.toFixed(3), published?.calls),
        beside(usd(figures.freeUsd), published?.free),
        beside(usd(figures.heldUsd), published?.held),
        beside(phantom, published?.phantom),
      ],
    ]
  })
  return table(
    [
      'load',
      'spent an hour',
      'requests that wait',
      'held by rule',
      'calls a request',
      'free float',
      'held float',
      'phantom at 1 / 0.1 kills',
    ],
    rows,
  )
}

function latencyTable(figures: readonly LatencyFigures[]): string {
  const rows = places.flatMap((place) =>
    moneys.flatMap((money) => {
      const of = (kind: string) => figures.find((one) => one.place === place && one.money === kind)
      const [own, off] = [of(money), of('off')]
      if (own === undefined || off === undefined) return []
      const added = (value: number, base: number) =>
        money === 'off' ? '' : ` (+${(value - base).toFixed(2)})`
      return [
        [
          `${money}, object in ${place}`,
          `${own.wholeP50Ms.toFixed(2)}${added(own.wholeP50Ms, off.wholeP50Ms)}`,
          `${own.wholeP99Ms.toFixed(2)}${added(own.wholeP99Ms, off.wholeP99Ms)}`,
          money === 'off' ? '' : own.admitP50Ms.toFixed(0),
          money === 'off' ? '' : own.admitP99Ms.toFixed(0),
          money === 'off' ? '' : percent(own.waitedShare),
          String(own.requests),
        ],
      ]
    }),
  )
  return table(
    ['money', 'request p50, ms', 'p99, ms', 'admit p50, ms', 'admit p99, ms', 'waited', 'requests'],
    rows,
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function percent(share: number): string {
  const value = 100 * share
  return `${value >= 10 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} %`
}

function usd(value: number): string {
  return `$${value >= 100 ? value.toFixed(0) : value.toFixed(2)}`
}

async function main(): Promise<void> {
  const { values } = readArguments({
    options: {
      seconds: { type: 'string', default: '1800' },
      requests: { type: 'string', default: '400' },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(help)
    return
  }
  const seconds = whole('--seconds', values.seconds, 60)
  const requests = whole('--requests', values.requests, 0)
  const day = new Date().toISOString().slice(0, 10)
  const traffic = await measureLoads(seconds, values.seed)
  const head = `${day}, ${seconds} s of virtual time a load, seed ${values.seed}; in brackets what was published, of a model without the rule that a slow isolate holds.`
  const parts = [`${head}\n\n${loadTable(traffic)}`]
  const latency = requests === 0 ? [] : await measureLatency(requests)
  const load = loadavg()[0]?.toFixed(1)
  const machine = `${day}, ${availableParallelism()} cores, load average ${load}; in brackets what is more than without a ledger.`
  if (latency.length > 0) parts.push(`${machine}\n\n${latencyTable(latency)}`)
  const text = parts.join('\n\n')
  console.log(text)
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ day, traffic, latency }, null, 2)}\n`)
  if (values.markdown !== undefined) writeFileSync(values.markdown, `${text}\n`)
}

function whole(flag: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least)
    throw new RangeError(`${flag} must be a whole number from ${least} on (found "${text}")`)
  return value
}

await main()
