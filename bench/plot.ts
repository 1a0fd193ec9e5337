import { labels } from './cases.ts'
import { figure } from './report.ts'
import { measuresOf, type BenchReport, type Measures } from './results.ts'
import { spread, type Spread } from './statistics.ts'

/** One panel of bars: a case, and the measure that is drawn. */
interface Panel {
  readonly title: string
  readonly caseName: string
  readonly metric: keyof Measures
  readonly unit: string
}

const panels: readonly Panel[] = [
  panel('CPU per chunk, paced at 2 ms, OpenAI upstream', 'paced-2ms-openai', 'cpuPerUnitUs', 'us'),
  panel(
    'CPU per chunk, paced at 2 ms, Anthropic upstream',
    'paced-2ms-anthropic',
    'cpuPerUnitUs',
    'us',
  ),
  panel(
    'CPU per chunk, paced at 20 ms, OpenAI upstream',
    'paced-20ms-openai',
    'cpuPerUnitUs',
    'us',
  ),
  panel(
    'CPU per chunk, paced at 20 ms, Anthropic upstream',
    'paced-20ms-anthropic',
    'cpuPerUnitUs',
    'us',
  ),
  panel('CPU per event, burst of 500, OpenAI upstream', 'burst-openai', 'cpuPerUnitUs', 'us'),
  panel('CPU per event, burst of 500, Anthropic upstream', 'burst-anthropic', 'cpuPerUnitUs', 'us'),
  panel('CPU per small JSON answer, concurrency 16', 'json-openai-c16', 'cpuPerRequestUs', 'us'),
  panel('Time to first token, concurrency 1', 'first-openai', 'firstTokenP50Ms', 'ms'),
]

function panel(title: string, caseName: string, metric: keyof Measures, unit: string): Panel {
  return { title, caseName, metric, unit }
}

const colours: Readonly<Record<string, string>> = {
  [labels.bare]: '#9aa5b1',
  [labels.floor]: '#616e7c',
  [labels.relay]: '#0b7a75',
  [labels.translate]: '#19a7a0',
  [labels.whole]: '#0b7a75',
  [labels.node]: '#d9b48f',
  [labels.portkey]: '#c2672d',
}

const width = 1040
const columnWidth = width / 2
const barHeight = 17
const labelWidth = 160
const barWidth = columnWidth - labelWidth - 110
const panelHead = 34

/** Bars by median, with a line between the quartiles. Two columns of panels. */
export function renderPlot(report: BenchReport): string {
  const drawn = panels.flatMap((each) => {
    const bars = barsOf(report, each)
    return bars.length === 0 ? [] : [{ ...each, bars }]
  })
  const rowHeights: number[] = []
  for (const [index, { bars }] of drawn.entries()) {
    const row = Math.floor(index / 2)
    rowHeights[row] = Math.max(rowHeights[row] ?? 0, panelHead + bars.length * (barHeight + 5) + 18)
  }
  const top = 64
  const height = rowHeights.reduce((sum, each) => sum + each, top) + 10
  const parts = drawn.map((each, index) => {
    const row = Math.floor(index / 2)
    const y = rowHeights.slice(0, row).reduce((sum, rowHeight) => sum + rowHeight, top)
    return drawPanel(each, each.bars, (index % 2) * columnWidth + 16, y)
  })
  const { date, rounds, machine } = report
  const subtitle = `${date}, ${rounds} rounds, ${machine.workerd}, ${machine.cores} cores of ${machine.cpu}; bar: median, line: between the quartiles; shorter is better`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">
<rect width="100%" height="100%" fill="#ffffff"/>
${text(16, 28, 'Switchyard beside a bare passthrough and a peer', 'font-size="18" font-weight="600" fill="#1f2933"')}
${text(16, 47, subtitle, 'font-size="11" fill="#616e7c"')}
${parts.join('\n')}
</svg>
`
}

interface Bar {
  readonly label: string
  readonly values: Spread
}

function barsOf(report: BenchReport, { caseName, metric }: Panel): Bar[] {
  return Object.values(labels).flatMap((label) => {
    const values = measuresOf(report, caseName, label)?.[metric] ?? []
    return values.length === 0 ? [] : [{ label, values: spread(values) }]
  })
}

function drawPanel({ title, unit }: Panel, bars: readonly Bar[], x: number, y: number): string {
  const longest = Math.max(...bars.map(({ values }) => values.high))
  const scale = barWidth / longest
  const rows = bars.map(({ label, values }, index) => {
    const rowY = y + panelHead - 12 + index * (barHeight + 5)
    const middle = rowY + barHeight / 2
    const start = x + labelWidth
    const whisker = `<path d="M${at(start + values.low * scale)} ${at(middle)}H${at(start + values.high * scale)}" stroke="#1f2933" stroke-width="1.2"/>`
    const end = start + Math.max(values.high, values.median) * scale + 6
    return [
      text(start - 8, middle + 4, label, 'font-size="12" text-anchor="end" fill="#323f4b"'),
      `<rect x="${at(start)}" y="${at(rowY)}" width="${at(values.median * scale)}" height="${barHeight}" rx="2" fill="${colours[label] ?? '#888888'}"/>`,
      whisker,
      text(end, middle + 4, `${figure(values.median)} ${unit}`, 'font-size="12" fill="#323f4b"'),
    ].join('\n')
  })
  return `${text(x, y + 10, title, 'font-size="13" font-weight="600" fill="#1f2933"')}\n${rows.join('\n')}`
}

function at(value: number): string {
  return value.toFixed(1)
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped}</text>`
}
