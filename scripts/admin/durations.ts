import { wrongUse } from './failure.ts'

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** `500ms`, `60s`, `5m`, `24h`, `30d`, in ms. */
export function durationMs(text: string, what: string): number {
  const [, count = '', unit = ''] = /^(\d{1,10})(ms|s|m|h|d)$/.exec(text) ?? []
  if (unit === '')
    throw wrongUse(`${what}: a duration such as 60s, 5m, 24h or 30d (found "${text}")`)
  return Number(count) * unitMs[unit as keyof typeof unitMs]
}
