import { labels } from './cases.ts'
import { hardestPlan, rankedPlan, scannedPrompt } from './plan-cases.ts'
import { measuresOf, type BenchReport, type Measures } from './results.ts'
import { differences, ratios, spread, type Spread } from './statistics.ts'

/** A figure that the gateway is held to: the aim, and what would not be acceptable at all. */
export interface Aim {
  readonly text: string
  readonly aim: number
  readonly notAcceptable: number | null
  readonly unit: string
  readonly read: (report: BenchReport) => readonly number[]
}

export interface Verdict {
  readonly text: string
  readonly measured: Spread
  readonly unit: string
  readonly aim: number
  readonly notAcceptable: number | null
  readonly verdict: 'hit' | 'missed' | 'not acceptable'
}

type Metric = keyof Measures

const values = (report: BenchReport, name: string, label: string, metric: Metric) =>
  measuresOf(report, name, label)?.[metric] ?? []

const ratio =
  (name: string, label: string, base: string, metric: Metric = 'cpuPerUnitUs') =>
  (report: BenchReport) =>
    ratios(values(report, name, label, metric), values(report, name, base, metric))

const pacedAims = (['openai', 'anthropic'] as const).flatMap((wire): Aim[] =>
  [2, 20].flatMap((paceMs): Aim[] => {
    const name = `paced-${paceMs}ms-${wire}`
    return [
      {
        text: `relay, ${wire} upstream, chunks paced at ${paceMs} ms: CPU per chunk over (a)`,
        aim: 1.4,
        notAcceptable: 2,
        unit: 'x',
        read: ratio(name, labels.relay, labels.bare),
      },
      {
        text: `translate, ${wire} upstream, chunks paced at ${paceMs} ms: CPU per chunk over (b)`,
        aim: 1.15,
        notAcceptable: 1.5,
        unit: 'x',
        read: ratio(name, labels.translate, labels.floor),
      },
    ]
  }),
)

const burstAims = (['openai', 'anthropic'] as const).map((wire): Aim => ({
  text: `translate, ${wire} upstream, 500 events in one burst: CPU per event`,
  aim: 4,
  notAcceptable: null,
  unit: 'us',
  read: (report) => values(report, `burst-${wire}`, labels.translate, 'cpuPerUnitUs'),
}))

const wholeAims = (['openai', 'anthropic'] as const).flatMap((wire) =>
  [1, 16, 64].map((concurrency): Aim => ({
    text: `small JSON, ${wire} upstream, concurrency ${concurrency}: CPU over (a)`,
    aim: 1.5,
    notAcceptable: 2.2,
    unit: 'x',
    read: ratio(`json-${wire}-c${concurrency}`, labels.whole, labels.bare),
  })),
)

const firstTokenAims = (['openai', 'anthropic'] as const).flatMap((wire) =>
  [labels.relay, labels.translate].map((label): Aim => ({
    text: `${label}, ${wire} upstream: first token later than (a), concurrency 1`,
    aim: 0.3,
    notAcceptable: 1,
    unit: 'ms',
    read: (report) =>
      differences(
        values(report, `first-${wire}`, label, 'firstTokenP50Ms'),
        values(report, `first-${wire}`, labels.bare, 'firstTokenP50Ms'),
      ),
  })),
)

const large =
  (wire: string, megabytes: number, label: string, metric: Metric) => (report: BenchReport) =>
    values(report, `large-${wire}-${megabytes}mb`, label, metric)

/** Linear is: a megabyte of a large event costs no more than a megabyte of a small one. */
const largeAims = (['openai', 'anthropic'] as const).flatMap((wire) =>
  [labels.relay, labels.translate].map((label): Aim => ({
    text: `${label}, ${wire} upstream: CPU per MB of a 4-MB event over that of a 1-MB event`,
    aim: 1.2,
    notAcceptable: null,
    unit: 'x',
    read: (report) =>
      ratios(
        large(wire, 4, label, 'cpuPerUnitUs')(report),
        large(wire, 1, label, 'cpuPerUnitUs')(report),
      ),
  })),
)

const promptAim: Aim = {
  text: '100-kB prompt: CPU over that of a 10-kB prompt (linear is at most 10)',
  aim: 10,
  notAcceptable: null,
  unit: 'x',
  read: (report) =>
    ratios(
      values(report, 'prompt-100kb', labels.whole, 'cpuPerRequestUs'),
      values(report, 'prompt-10kb', labels.whole, 'cpuPerRequestUs'),
    ),
}

const planTime =
  (plan: string) =>
  ({ plans = [] }: BenchReport) =>
    plans.find(({ name }) => name === plan)?.p99Us ?? []

const planAims = [hardestPlan, rankedPlan].map((plan): Aim => ({
  text: `one plan over ${plan}: p99`,
  aim: 200,
  notAcceptable: null,
  unit: 'us',
  read: planTime(plan),
}))

export const aims: readonly Aim[] = [
  ...pacedAims,
  ...burstAims,
  ...wholeAims,
  ...firstTokenAims,
  ...largeAims,
  promptAim,
  ...planAims,
  {
    text: `${scannedPrompt}: p99`,
    aim: 200,
    notAcceptable: null,
    unit: 'us',
    read: planTime(scannedPrompt),
  },
  {
    text: 'start-up: CPU of the bundle before its first request',
    aim: 50,
    notAcceptable: null,
    unit: 'ms',
    read: (report) => report.startUp?.cpuMs ?? [],
  },
  {
    text: 'bundle, gzip',
    aim: 300,
    notAcceptable: null,
    unit: 'kB',
    read: (report) => (report.startUp === null ? [] : [report.startUp.gzipBytes / 1000]),
  },
]

/** Every aim that this run has figures for. */
export function judge(report: BenchReport): Verdict[] {
  return aims.flatMap(({ text, aim, notAcceptable, unit, read }) => {
    const measured = read(report)
    if (measured.length === 0) return []
    const middle = spread(measured)
    const { median } = middle
    const verdict =
      median <= aim
        ? 'hit'
        : notAcceptable !== null && median > notAcceptable
          ? 'not acceptable'
          : 'missed'
    return [{ text, measured: middle, unit, aim, notAcceptable, verdict }]
  })
}
