import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startFleet, type Fleet } from '../test/support/start-fleet.ts'
import { root } from './processes.ts'
import { quantile } from './statistics.ts'

/** Where the money of a request comes from. `off`: nobody keeps books. */
export const moneys = ['off', 'lease', 'hold'] as const
export type Money = (typeof moneys)[number]

/** Where the object is: in the process of the gateway, or in another one, reached through the dev registry. */
export const places = ['the same process', 'another process'] as const
export type Place = (typeof places)[number]

export interface LatencyFigures {
  readonly money: Money
  readonly place: Place
  readonly requests: number
  /** From sending the request to the end of its answer, at the client, ms. */
  readonly wholeP50Ms: number
  readonly wholeP99Ms: number
  /** `admit` of `server-timing`, whole ms. */
  readonly admitP50Ms: number
  readonly admitP99Ms: number
  /** Of these requests: waited for the ledger at all. */
  readonly waitedShare: number
}

interface Bed {
  readonly money: Money
  readonly fleet: Fleet
  readonly times: Readonly<
    Record<Place, { readonly wholeMs: number[]; readonly admitMs: number[] }>
  >
}

const capNanoUsd = 1_000_000_000_000
/** So little is left then that the ledger grants no slices: each request is held by itself. */
const takenNanoUsd = 0.985 * capNanoUsd

const warmUps = 60
/** In turn, so that whatever the machine does meanwhile it does to all. */
const batch = 20

/** Unstreamed requests, one after the other, at gateways whose simulated provider answers at once. */
export async function measureLatency(requests: number): Promise<readonly LatencyFigures[]> {
  const beds: Bed[] = []
  try {
    for (const money of moneys) beds.push(await startBed(money))
    for (const place of places) for (const bed of beds) await ask(bed, place, warmUps, null)
    for (let sent = 0; sent < requests; sent += batch)
      for (const place of places) for (const bed of beds) await askBatch(bed, place)
    return beds.flatMap(({ money, times }) =>
      places.map((place) => figuresOf(money, place, times[place])),
    )
  } finally {
    await Promise.all(beds.map(({ fleet }) => fleet.close()))
  }
}

/** A lease is only held where there is steady traffic: some of it goes before what is measured. */
async function askBatch(bed: Bed, place: Place): Promise<void> {
  await ask(bed, place, batch, null)
  await ask(bed, place, batch, bed.times[place])
}

async function startBed(money: Money): Promise<Bed> {
  const routes = JSON.parse(readFileSync(join(root, 'routes.json'), 'utf8')) as object
  const mode = money === 'off' ? 'off' : 'enforce'
  const fleet = await startFleet({ routes: { ...routes, ledger: { mode } }, isolates: 1 })
  const none = () => ({ wholeMs: [], admitMs: [] })
  const bed = { money, fleet, times: { 'the same process': none(), 'another process': none() } }
  if (money === 'off') return bed
  const cap = { id: 'cap', scope: 'tenant', period: 'total', zone: 'UTC', mode: 'hard' }
  const rest = { capNanoUsd, thresholds: [], failOpenNanoUsd: 0 }
  const budgets = [{ ...cap, ...rest }]
  await fleet.ledger.call('configure', { actor: 'bench', budgets, limits: [] })
  if (money === 'hold') await takeMost(fleet)
  return bed
}

async function takeMost({ ledger }: Fleet): Promise<void> {
  const money = { worstNanoUsd: takenNanoUsd, leastNanoUsd: takenNanoUsd, tokens: 1 }
  const ask = { kind: 'hold', askId: 'bench-1', scopes: ['tenant'], ...money }
  await ledger.call('exchange', { holder: 'bench', statements: [], asks: [ask] })
}

async function ask(
  { fleet }: Bed,
  place: Place,
  requests: number,
  into: { readonly wholeMs: number[]; readonly admitMs: number[] } | null,
): Promise<void> {
  const { url } = place === 'the same process' ? fleet.owner : (fleet.isolates[0] ?? fleet.owner)
  const body = JSON.stringify({
    model: 'gpt-4.1-mini@openai',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'What is the capital of France?' }],
  })
  const headers = { authorization: `Bearer ${fleet.key}`, 'content-type': 'application/json' }
  for (let sent = 0; sent < requests; sent += 1) {
    const startMs = performance.now()
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
    const text = await response.text()
    const wholeMs = performance.now() - startMs
    if (response.status !== 200) throw new Error(`a request of the bench failed: ${text}`)
    const admit = /admit;dur=([\d.]+)/.exec(response.headers.get('server-timing') ?? '')?.[1]
    into?.wholeMs.push(wholeMs)
    into?.admitMs.push(Number(admit ?? 0))
  }
}

function figuresOf(
  money: Money,
  place: Place,
  { wholeMs, admitMs }: Bed['times'][Place],
): LatencyFigures {
  return {
    money,
    place,
    requests: wholeMs.length,
    wholeP50Ms: quantile(wholeMs, 0.5),
    wholeP99Ms: quantile(wholeMs, 0.99),
    admitP50Ms: quantile(admitMs, 0.5),
    admitP99Ms: quantile(admitMs, 0.99),
    waitedShare: admitMs.filter((ms) => ms > 0).length / admitMs.length,
  }
}
