import type { BenchReport } from './results.ts'
export function renderPlot(_report: BenchReport): string {
  return ''
}
