/** The value below which `share` of the values lie; null counts as never. */
export function quantile(values: readonly (number | null)[], share: number): number | null {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return value === undefined || value === Infinity ? null : value
}

export function median(values: readonly (number | null)[]): number | null {
  return quantile(values, 0.5)
}

/** `2.0 s`, `11 s`, or `never`. */
export function seconds(ms: number | null): string {
  if (ms === null) return 'never'
  const value = ms / 1000
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} s`
}

/** `0`, `0.33`, `3.7`, `110`. */
export function shortNumber(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return value < 1 ? value.toFixed(2) : value < 10 ? value.toFixed(1) : value.toFixed(0)
}

export interface Table {
  readonly title: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
}

export function markdownOf({ title, header, rows, notes }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    `### ${title}`,
    '',
    line(header),
    line(header.map(() => '---')),
    ...rows.map(line),
    ...(notes.length === 0 ? [] : ['', ...notes]),
  ].join('\n')
}
