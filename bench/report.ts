import { judge } from './aims.ts'
import { labels } from './cases.ts'
import type { BenchReport, CaseResult, EntrantResult, Measures } from './results.ts'
import { differences, ratios, spread } from './statistics.ts'

type Row = readonly string[]

/** The whole report as Markdown tables, which are also what the terminal shows. */
export function renderReport(report: BenchReport): string {
  return [
    renderMachine(report),
    '### Aims\n',
    table(
      ['what', 'measured: median (quartiles)', 'aim', 'not acceptable', ''],
      judge(report).map(({ text, measured, unit, aim, notAcceptable, verdict }) => [
        text,
        `${figure(measured.median)} ${unit} (${figure(measured.low)} to ${figure(measured.high)})`,
        `<= ${aim} ${unit}`,
        notAcceptable === null ? '' : `> ${notAcceptable} ${unit}`,
        verdict,
      ]),
    ),
    renderShare(report),
    '### All figures\n',
    ...report.cases.map(renderCase),
    renderStartUp(report),
    renderPlans(report),
  ].join('\n')
}

function renderMachine({ date, command, seed, rounds, quick, machine }: BenchReport): string {
  return table(
    ['', ''],
    [
      ['date', date],
      [
        'command',
        `\`${command}\`, ${rounds} rounds, seed ${seed}${quick ? ', QUICK: not for comparison' : ''}`,
      ],
      [
        'machine',
        `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB.toFixed(1)} GiB, kernel ${machine.kernel}`,
      ],
      ['versions', `${machine.workerd}, Node ${machine.node}`],
      [
        'cores',
        machine.pinned
          ? 'servers on core 0; mock upstream and load generator on core 1'
          : 'not pinned',
      ],
      ['load average', `${machine.loadBefore} before, ${machine.loadAfter} after`],
    ],
  )
}

function renderCase(result: CaseResult): string {
  const bare = measuresOfLabel(result, labels.bare)
  const floor = measuresOfLabel(result, labels.floor)
  const rows = result.entrants.map(({ label, measures, failures }): Row => [
    label + (failures.length > 0 ? ` (${failures.length} failures: ${failures[0] ?? ''})` : ''),
    withRange(measures.cpuPerUnitUs),
    result.unit === 'request' ? '' : middle(measures.cpuPerRequestUs),
    against(measures.cpuPerUnitUs, bare?.cpuPerUnitUs),
    against(measures.cpuPerUnitUs, floor?.cpuPerUnitUs),
    `${middle(measures.latencyP50Ms)} / ${middle(measures.latencyP99Ms)}`,
    middle(measures.firstTokenP50Ms),
    later(measures.firstTokenP50Ms, bare?.firstTokenP50Ms),
    `${middle(measures.peakMiB)} (${signed(spread(measures.growthMiB).median)})`,
  ])
  const head = [
    '',
    `CPU us per ${result.unit}: median (quartiles)`,
    'CPU us per request',
    'x (a)',
    'x (b)',
    'p50 / p99 ms',
    'first token ms',
    'later than (a)',
    'memory MiB (growth)',
  ]
  return `#### ${result.name}: ${result.title}\n\n${table(head, rows)}`
}

function measuresOfLabel(result: CaseResult, label: string): Measures | undefined {
  return result.entrants.find((entrant: EntrantResult) => entrant.label === label)?.measures
}

function renderShare({ sdks }: BenchReport): string {
  if (sdks.length === 0) return ''
  const relayed = (wire: string) => {
    const own = sdks.filter(({ upstream }) => upstream === wire)
    return `${own.filter(({ plumbing }) => plumbing === 'relay').length} of ${own.length}`
  }
  const names = [...new Set(sdks.map(({ sdk }) => sdk))]
  const way = (name: string, wire: string) =>
    sdks.find(({ sdk, upstream }) => sdk === name && upstream === wire)?.plumbing ?? ''
  const rows = names.map((name): Row => [
    name,
    sdks.find(({ sdk }) => sdk === name)?.sends ?? '',
    way(name, 'openai'),
    way(name, 'anthropic'),
  ])
  return `### Which streams took the relay\n\n${table(
    ['client', 'sends', 'OpenAI upstream', 'Anthropic upstream'],
    [...rows, ['relayed', '', relayed('openai'), relayed('anthropic')]],
  )}`
}

function renderStartUp({ startUp }: BenchReport): string {
  if (startUp === null) return ''
  const { cpuMs, processMs, bundleBytes, gzipBytes } = startUp
  return `#### start-up and size\n\n${table(
    ['', ''],
    [
      ['`wrangler check startup`, active ms', withRange(cpuMs)],
      [
        'CPU of a workerd process until it waits, over one with an empty Worker, ms',
        withRange(processMs),
      ],
      ['bundle', `${(bundleBytes / 1000).toFixed(0)} kB, ${(gzipBytes / 1000).toFixed(0)} kB gzip`],
    ],
  )}`
}

function renderPlans({ plans = [] }: BenchReport): string {
  if (plans.length === 0) return ''
  return `#### one plan, by the clock of one thread\n\n${table(
    ['', 'p50, us', 'p99, us'],
    plans.map(({ name, p50Us, p99Us }) => [name, withRange(p50Us), withRange(p99Us)]),
  )}`
}

function table(head: Row, rows: readonly Row[]): string {
  const line = (cells: Row) => `| ${cells.join(' | ')} |`
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

/** Three significant digits: more would be noise. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return ''
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en')
  return size >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function signed(value: number): string {
  return value > 0 ? `+${figure(value)}` : figure(value)
}

function middle(values: readonly number[]): string {
  return values.length === 0 ? '' : figure(spread(values).median)
}

function withRange(values: readonly number[]): string {
  if (values.length === 0) return ''
  const { median, low, high } = spread(values)
  return `${figure(median)} (${figure(low)} to ${figure(high)})`
}

function against(values: readonly number[], base: readonly number[] | undefined): string {
  return base === undefined ? '' : middle(ratios(values, base))
}

function later(values: readonly number[], base: readonly number[] | undefined): string {
  return base === undefined || values.length === 0
    ? ''
    : signed(spread(differences(values, base)).median)
}
