import type { Asked, Run } from './outage.ts'

const width = 1040
const panelHeight = 150
const [left, right, top] = [64, 20, 30]
const [floorMs, ceilingMs] = [30, 10_000]

/** One panel a run: every request as a point, its time to first token on a log scale. */
export function outagePlot(runs: readonly Run[]): string {
  const height = top + runs.length * (panelHeight + 34) + 30
  const panels = runs.map((run, index) => panel(run, top + index * (panelHeight + 34)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${left}" y="11" font-size="13" font-weight="600" fill="#1f2933">Time to first token of every request while the first provider is away</text>
${panels.join('\n')}
<circle cx="${left}" cy="${height - 16}" r="3" fill="#0b7a75"/><text x="${left + 8}" y="${height - 12}" fill="#52606d">answered by the first provider</text>
<circle cx="${left + 210}" cy="${height - 16}" r="3" fill="#c2672d"/><text x="${left + 218}" y="${height - 12}" fill="#52606d">answered by the second</text>
<circle cx="${left + 380}" cy="${height - 16}" r="3" fill="#d64545"/><text x="${left + 388}" y="${height - 12}" fill="#52606d">an error</text>
</svg>
`
}

function panel(run: Run, y: number): string {
  const { downAtMs, upAtMs, lengthMs } = run
  const x = (ms: number) => left + (ms / lengthMs) * (width - left - right)
  const scale = (ms: number) => Math.log(ms / floorMs) / Math.log(ceilingMs / floorMs)
  const at = (ms: number) =>
    y + panelHeight - scale(Math.min(Math.max(ms, floorMs), ceilingMs)) * panelHeight
  const lines = [100, 1000, 10_000].map(
    (ms) =>
      `<line x1="${left}" x2="${width - right}" y1="${at(ms).toFixed(1)}" y2="${at(ms).toFixed(1)}" stroke="#e4e7eb"/><text x="${left - 8}" y="${(at(ms) + 4).toFixed(1)}" text-anchor="end" fill="#7b8794">${ms < 1000 ? `${ms} ms` : `${ms / 1000} s`}</text>`,
  )
  const points = run.asked.map((one) => point(one, x(one.atMs), at(one.firstTokenMs ?? ceilingMs)))
  return `<text x="${left}" y="${y - 6}" fill="#1f2933">${run.outage === 'silent' ? 'it accepts and never answers' : 'it refuses connections'}, ${run.mode}</text>
<rect x="${x(downAtMs).toFixed(1)}" y="${y}" width="${(x(upAtMs) - x(downAtMs)).toFixed(1)}" height="${panelHeight}" fill="#f0f4f8"/>
${lines.join('\n')}
${points.join('')}`
}

function point({ good, provider }: Asked, x: number, y: number): string {
  const colour = !good ? '#d64545' : provider === 'primary' ? '#0b7a75' : '#c2672d'
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="1.8" fill="${colour}" fill-opacity="0.7"/>`
}
