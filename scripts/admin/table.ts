export type TableCell = string | number | boolean | null | undefined | readonly string[]

export interface Column<Row> {
  readonly title: string
  /** Numbers and amounts stand right. */
  readonly right?: true
  cell(row: Row): TableCell
}

/** Rows under their titles, as wide as their cells. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  if (rows.length === 0) return 'none\n'
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cellText(cell(row)))),
  ]
  const widths = columns.map((_column, index) =>
    Math.max(...cells.map((line) => (line[index] ?? '').length)),
  )
  const lines = cells.map((line) =>
    line
      .map((text, index) =>
        columns[index]?.right === true
          ? text.padStart(widths[index] ?? 0)
          : text.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

/** One thing: a name and a value on each line. */
export function details(values: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(values).map((name) => name.length))
  return Object.entries(values)
    .map(([name, value]) => `${name.padEnd(width)}  ${cellText(plain(value))}\n`)
    .join('')
}

function plain(value: unknown): TableCell {
  if (typeof value !== 'object' || value === null) return value as TableCell
  if (Array.isArray(value))
    return value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  return pairs(value)
}

/** `feature=search team=a`. */
export function pairs(value: object): string {
  return Object.entries(value)
    .map(([name, text]) => `${name}=${String(text)}`)
    .join(' ')
}

function cellText(cell: TableCell): string {
  if (cell === null || cell === undefined || cell === '') return '-'
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no'
  if (typeof cell === 'object') return cell.length === 0 ? '-' : printable(cell.join(','))
  return printable(String(cell))
}

/** What others wrote may hold what moves a cursor or colours a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}
