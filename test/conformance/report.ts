import type { CaseResult } from './check-case.ts'

export interface Summary {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Checks that failed as listed in exclusions.ts. */
  readonly excused: number
  readonly splits: number
  /** Recordings that another decoder refuses as a whole. */
  readonly refused: number
  /** What another decoder does not read, and no rule names. */
  readonly unread: number
}

export function summarize(results: readonly CaseResult[]): Summary {
  const counted = (outcome: CaseResult['outcome']): number =>
    results.filter((one) => one.outcome === outcome).length
  return {
    passed: counted('passed'),
    failed: counted('failed'),
    skipped: counted('skipped'),
    excused: results.reduce((sum, one) => sum + one.excused.length, 0),
    refused: results.filter((one) => one.refused).length,
    unread: results.reduce((sum, one) => sum + one.unread.length, 0),
    splits: results.reduce((sum, one) => sum + one.splits, 0),
  }
}

/** Counts per provider, operation and reason, as aligned text. */
export function tableOf(results: readonly CaseResult[]): string {
  const rows = new Map<string, [string, string, string, number, number, number]>()
  for (const { provider, operation, outcome, reason } of results) {
    const key = `${provider} ${operation} ${reason ?? ''}`
    const row = rows.get(key) ?? [provider, operation, reason ?? '', 0, 0, 0]
    row[outcome === 'passed' ? 3 : outcome === 'failed' ? 4 : 5] += 1
    rows.set(key, row)
  }
  const head = ['provider', 'operation', 'skip rule', 'passed', 'failed', 'skipped']
  const lines = [
    head,
    ...[...rows.values()].map((row) => row.map((cell) => (cell === 0 ? '' : String(cell)))),
  ]
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
