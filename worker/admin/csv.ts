/** A text may come from a caller (a tag, a model's name); a number or an amount is ours. */
export type Cell = string | number | null | { readonly amount: string }

/**
 * A line of CSV (RFC 4180: CRLF, quotes doubled). A text that a spreadsheet would take for a formula is put behind an
 * apostrophe (owasp.org/www-community/attacks/CSV_Injection, read 2026-11-26); amounts may be negative and are left
 * alone, so that they add up.
 */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(',')}\r\n`
}

function cellText(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  if (typeof cell === 'object') return cell.amount
  return quoted(startsFormula.test(cell) ? `'${cell}` : cell)
}

/** Also in full width, which spreadsheets in East Asia take for the same; spaces before it are trimmed by some. */
const startsFormula = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
