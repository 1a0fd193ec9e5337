import { modelName, type Scenario, type UpstreamWire } from './scenarios.ts'
import type { TargetId } from './targets.ts'

/** One way to answer a case: a gateway, and how it is called. */
export interface Entrant {
  readonly label: string
  readonly target: TargetId
  /** The dialect of the caller. */
  readonly dialect: UpstreamWire
  /** The caller asks for a usage block (OpenAI's `stream_options`), which is what lets us relay. */
  readonly includeUsage: boolean
}

export interface BenchCase {
  readonly name: string
  readonly title: string
  readonly wire: UpstreamWire
  readonly scenario: Scenario
  readonly concurrency: number
  /** Of one slice. */
  readonly requests: number
  /** Slices of a round. Entrants take turns slice by slice: the machine's speed drifts within seconds. */
  readonly slices: number
  readonly promptBytes: number
  /** Memory is what this case is about: each round has a process of its own, because a process gives none back. */
  readonly freshProcess: boolean
  readonly entrants: readonly Entrant[]
}

/** Labels, as they stand in tables and aims. */
export const labels = {
  bare: '(a) bare passthrough',
  floor: '(b) reader loop + writer',
  relay: 'Switchyard, relay',
  translate: 'Switchyard, translate',
  whole: 'Switchyard',
  node: 'bare Node passthrough',
  portkey: '(d) Portkey on Node',
} as const

const passthrough = (wire: UpstreamWire): Entrant[] => [
  { label: labels.bare, target: 'bare', dialect: wire, includeUsage: true },
  { label: labels.floor, target: 'floor', dialect: wire, includeUsage: true },
]
const besides = (wire: UpstreamWire): Entrant[] => [
  { label: labels.node, target: 'node', dialect: wire, includeUsage: true },
  { label: labels.portkey, target: 'portkey', dialect: 'openai', includeUsage: true },
]

/** Everyone who can carry a stream of this upstream. */
function streamEntrants(wire: UpstreamWire): Entrant[] {
  const relay = { label: labels.relay, target: 'switchyard', dialect: wire, includeUsage: true }
  const translate = {
    label: labels.translate,
    target: 'switchyard',
    dialect: 'openai',
    includeUsage: wire === 'anthropic',
  }
  return [...passthrough(wire), relay as Entrant, translate as Entrant, ...besides(wire)]
}

function wholeEntrants(wire: UpstreamWire): Entrant[] {
  return [
    ...passthrough(wire).slice(0, 1),
    { label: labels.whole, target: 'switchyard', dialect: 'openai', includeUsage: false },
    ...besides(wire),
  ]
}

/** How much is run: `quick` shows that everything works, its figures are noise. */
export interface Extent {
  readonly quick: boolean
}

const wires: readonly UpstreamWire[] = ['openai', 'anthropic']

function wholeCases(quick: boolean): BenchCase[] {
  const requests = quick ? 100 : 1000
  const small = wires.flatMap((wire) =>
    [1, 16, 64].map((concurrency): BenchCase => ({
      name: `json-${wire}-c${concurrency}`,
      title: `small JSON answer, ${wire} upstream, concurrency ${concurrency}`,
      wire,
      scenario: { kind: 'json' },
      concurrency,
      requests: concurrency === 1 ? requests / 2 : requests,
      slices: quick ? 1 : 10,
      promptBytes: 60,
      freshProcess: false,
      entrants: wholeEntrants(wire),
    })),
  )
  const prompts = [10, 100].map((kilobytes): BenchCase => ({
    name: `prompt-${kilobytes}kb`,
    title: `${kilobytes}-kB prompt, small JSON answer, OpenAI upstream, concurrency 4`,
    wire: 'openai',
    scenario: { kind: 'json' },
    concurrency: 4,
    requests: quick ? 40 : 400,
    slices: quick ? 1 : 4,
    promptBytes: kilobytes * 1000,
    freshProcess: false,
    entrants: wholeEntrants('openai'),
  }))
  return [...small, ...prompts]
}

function streamCases(quick: boolean): BenchCase[] {
  const chunks = quick ? 100 : 500
  return wires.flatMap((wire): BenchCase[] => {
    const shared = { wire, promptBytes: 60, freshProcess: false, entrants: streamEntrants(wire) }
    return [
      {
        ...shared,
        name: `first-${wire}`,
        title: `time to first token, ${wire} upstream, concurrency 1`,
        scenario: { kind: 'first' },
        concurrency: 1,
        requests: quick ? 20 : 100,
        slices: quick ? 1 : 4,
      },
      {
        ...shared,
        name: `paced-2ms-${wire}`,
        title: `${chunks} chunks paced at 2 ms, ${wire} upstream, 8 streams at once`,
        scenario: { kind: 'paced', chunks, paceMs: 2 },
        concurrency: 8,
        requests: 8,
        slices: quick ? 1 : 6,
      },
      {
        ...shared,
        name: `paced-20ms-${wire}`,
        title: `${chunks} chunks paced at 20 ms, ${wire} upstream, 64 streams at once`,
        scenario: { kind: 'paced', chunks, paceMs: 20 },
        concurrency: 64,
        requests: 64,
        slices: quick ? 1 : 3,
      },
      {
        ...shared,
        name: `burst-${wire}`,
        title: `500 chunks in one burst (pieces of 16 KiB), ${wire} upstream, 8 streams at once`,
        scenario: { kind: 'burst', chunks: 500, single: false },
        concurrency: 8,
        requests: quick ? 24 : 120,
        slices: quick ? 1 : 3,
      },
      {
        ...shared,
        name: `flood-${wire}`,
        title: `500 chunks at once, each an HTTP chunk of its own, ${wire} upstream, 8 streams`,
        scenario: { kind: 'burst', chunks: 500, single: true },
        concurrency: 8,
        requests: quick ? 24 : 80,
        slices: quick ? 1 : 2,
      },
    ]
  })
}

function memoryCases(quick: boolean): BenchCase[] {
  const open = quick ? 100 : 500
  return wires.map((wire) => ({
    name: `open-${wire}`,
    title: `memory with ${open} open streams, ${wire} upstream, a chunk each 500 ms`,
    wire,
    scenario: { kind: 'paced', chunks: quick ? 4 : 12, paceMs: 500 },
    concurrency: open,
    requests: open,
    slices: 1,
    promptBytes: 60,
    freshProcess: true,
    entrants: streamEntrants(wire),
  }))
}

function largeCases(quick: boolean): BenchCase[] {
  return wires.flatMap((wire) =>
    [1, 2, 4].map((megabytes) => ({
      name: `large-${wire}-${megabytes}mb`,
      title: `one event of ${megabytes} MB in pieces of 1,400 bytes, ${wire} upstream`,
      wire,
      scenario: { kind: 'large', megabytes },
      concurrency: 1,
      requests: quick ? 1 : 4,
      slices: 1,
      promptBytes: 60,
      freshProcess: true,
      entrants: streamEntrants(wire),
    })),
  )
}

export function benchCases({ quick }: Extent): BenchCase[] {
  return [...wholeCases(quick), ...streamCases(quick), ...memoryCases(quick), ...largeCases(quick)]
}

/** The mock's models that `cases` name: each becomes a route of the gateway. */
export function modelsOf(cases: readonly BenchCase[]): string[] {
  return [...new Set(cases.map(({ wire, scenario }) => modelName(wire, scenario)))]
}

const sentence = 'The quick brown fox jumps over the lazy dog while the kettle boils. '

/** Path and body of the request that `entrant` is sent. */
export function requestOf(
  { wire, scenario, promptBytes }: BenchCase,
  { target, dialect, includeUsage }: Entrant,
): { path: string; body: string } {
  const stream = scenario.kind !== 'json'
  const prompt = sentence.repeat(Math.ceil(promptBytes / sentence.length)).slice(0, promptBytes)
  // A passthrough is asked in the upstream's own format; a gateway in the caller's.
  const format = target === 'switchyard' || target === 'portkey' ? dialect : wire
  const common = {
    model: modelName(wire, scenario),
    messages: [{ role: 'user', content: prompt }],
    ...(stream ? { stream: true } : {}),
  }
  if (format === 'anthropic' || target === 'portkey')
    return {
      path: format === 'anthropic' ? '/v1/messages' : '/v1/chat/completions',
      body: JSON.stringify({ ...common, max_tokens: 1024 }),
    }
  const options = stream && includeUsage ? { stream_options: { include_usage: true } } : {}
  return { path: '/v1/chat/completions', body: JSON.stringify({ ...common, ...options }) }
}
