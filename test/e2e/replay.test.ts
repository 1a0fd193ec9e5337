import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  isStreamed,
  listCases,
  listFixtures,
  responseBytes,
  responseHeaders,
  type RecordedCase,
} from '../conformance/corpus.ts'
import { skipRules } from '../conformance/exclusions.ts'
import { readRecording } from '../conformance/oracles/index.ts'
import { adapterFor } from '../conformance/routing.ts'
import { seededRandom, seedOf } from '../conformance/splits.ts'
import { pool } from '../support/pool.ts'
import { askWithSdk, ways, type Heard } from '../support/replay/ask-with-sdks.ts'
import { dialectOf, judge } from '../support/replay/judge.ts'
import { report } from '../support/report.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'
import { emptyRoutes, shippedProvider } from '../support/test-routes.ts'

/**
 * Recorded provider traffic through the live gateway: the simulator replays the
 * bytes in random chunks, official clients read the answer in either dialect,
 * and it must say what the recording says. `REPLAY_CORPUS=../shared/corpus`
 * takes a folder in the corpus layout in place of the recordings in the repository.
 */
const seed = Number(process.env['SEED'] ?? 20261120)
const corpus = process.env['REPLAY_CORPUS']
const chatOperations = new Set(['chat', 'messages'])

const all =
  corpus === undefined
    ? listFixtures(fileURLToPath(new URL('../fixtures/providers', import.meta.url)))
    : listCases(corpus)
const cases = all.filter(
  (recorded) =>
    chatOperations.has(recorded.operation) &&
    adapterFor(recorded) !== undefined &&
    skipRules.every(({ covers }) => !covers(recorded)),
)
const modelOf = new Map(cases.map((recorded, index) => [recorded.id, `case-${index}`]))

/** Anthropic's own client refuses these bytes also when they come from Anthropic (a second `message_start`, a `[DONE]`). */
const brokenForItsOwnClient = new Set([
  'anthropic/messages/stream-parallel-tool-calls-spliced-message-start-a31f53',
  'anthropic/messages/stream-parallel-tool-calls-anthropic-tool-search-deferred-bm25-8d2e53',
  'anthropic/messages/stream-truncated-gateway-message-delta-metadata-6acfe0',
])

let gateway: RunningGateway

beforeAll(async () => {
  const routes = emptyRoutes()
  for (const recorded of cases) {
    const provider = providerOf(recorded)
    const model = modelOf.get(recorded.id) ?? ''
    routes.providers[provider] ??= providerEntry(provider)
    routes.targets[`${model}@${provider}`] = {}
    routes.routes[model] = { tiers: [[`${model}@${provider}`]], limits: { maxAttempts: 1 } }
  }
  gateway = await startGateway({ routes })
})
afterAll(() => gateway.close())

function providerOf(recorded: RecordedCase): string {
  return adapterFor(recorded)?.id ?? ''
}

/** As shipped where it is; an adapter that routes.json does not use gets a plain entry. */
function providerEntry(id: string): object {
  try {
    return shippedProvider(id)
  } catch {
    const host = 'api.vendor.example'
    const credential = { kind: 'bearer', secret: 'VENDOR_KEY', host }
    return { adapter: id, baseUrl: `https://${host}/v1`, credential }
  }
}

/** Up to a dozen sizes, from single bytes to most of the body. */
function randomChunks(length: number, random: () => number): number[] {
  const count = Math.floor(random() * 12)
  return Array.from({ length: count }, () => 1 + Math.floor(random() ** 3 * (length / 3)))
}

async function arrange(recorded: RecordedCase): Promise<void> {
  const bytes = readFileSync(new URL(recorded.meta.response_file, `file://${recorded.directory}/`))
  const headers = {
    ...(recorded.meta.content_type === null ? {} : { 'content-type': recorded.meta.content_type }),
    ...Object.fromEntries(responseHeaders(recorded)),
  }
  const response = await fetch(`${gateway.simulator}/__control/replay`, {
    method: 'POST',
    body: JSON.stringify({
      provider: providerOf(recorded),
      model: modelOf.get(recorded.id),
      status: recorded.meta.status,
      headers,
      bodyBase64: bytes.toString('base64'),
      chunks: randomChunks(bytes.length, seededRandom(seedOf(recorded.id, seed))),
      chunkDelayMs: 1,
    }),
  })
  if (!response.ok) throw new Error(`${recorded.id}: ${await response.text()}`)
}

let relayed = 0

async function run(recorded: RecordedCase): Promise<string[]> {
  const adapter = adapterFor(recorded)
  if (adapter === undefined) return ['no adapter']
  await arrange(recorded)
  const { wire } = adapter
  const streamed = isStreamed(recorded)
  const oracle = readRecording(wire, recorded.provider, responseBytes(recorded), streamed)
  const found: string[] = []
  for (const way of ways) {
    if (brokenForItsOwnClient.has(recorded.id) && dialectOf(way).wire === wire) continue
    const heard = await askWithSdk(
      gateway,
      way,
      modelOf.get(recorded.id) ?? '',
      recorded.meta.stream,
    )
    const isRelayed = streamed && (await plumbingOf(heard)) === 'relay'
    relayed += isRelayed ? 1 : 0
    const passedOn = streamed ? isRelayed : adapter.relay && dialectOf(way).wire === wire
    const faults = judge({ recorded, wire, oracle, streamed, way, passedOn }, heard)
    found.push(...faults.map((fault) => `${recorded.id} | ${way.name} | ${fault}`))
  }
  return found
}

async function plumbingOf({ headers }: Heard): Promise<unknown> {
  const record = await gateway.logs.waitFor(headers.get('x-switchyard-request-id') ?? '')
  return record['switchyard.plumbing']
}

describe(`recordings through the live gateway, seed ${seed}`, () => {
  const streams = cases.filter(isStreamed).length
  const refusals = cases.filter(({ meta }) => meta.status >= 400).length

  it('read with official clients they say what was recorded', { timeout: 600_000 }, async () => {
    const problems = await pool(cases, 8, run)
    report(
      `replay: ${cases.length} recordings (${streams} streams, ${refusals} errors) x ${ways.length} clients, ${relayed} relayed, ${problems.filter((one) => one.length > 0).length} differ`,
    )
    expect(problems.flat()).toEqual([])
    expect(gateway.logs.faults).toEqual([])
  })
})
