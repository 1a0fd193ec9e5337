import type { PeriodKind } from '../rows.ts'
import { type LocalDate, localDate, startOfDayMs } from './zone.ts'

export interface Period {
  /** Included. */
  readonly startsAtMs: number
  /** Not included; null: never. */
  readonly endsAtMs: number | null
}

const hourMs = 3_600_000

/**
 * The period that a moment lies in. Periods of a kind and zone follow each other without gap or overlap, whatever
 * the zone's clock does. Hours are those of UTC everywhere; weeks begin on Monday.
 */
export function periodAt(kind: PeriodKind, zone: string, epochMs: number): Period {
  if (kind === 'total') return { startsAtMs: 0, endsAtMs: null }
  if (kind === 'hour') {
    const startsAtMs = Math.floor(epochMs / hourMs) * hourMs
    return { startsAtMs, endsAtMs: startsAtMs + hourMs }
  }
  // A clock that is set back over midnight shows a date twice: the start of the next period decides, not the date.
  let first = firstDayOf(kind, localDate(epochMs, zone))
  if (epochMs < startOfDayMs(first, zone)) first = moved(kind, first, -1)
  let next = moved(kind, first, 1)
  if (epochMs >= startOfDayMs(next, zone)) {
    first = next
    next = moved(kind, first, 1)
  }
  return { startsAtMs: startOfDayMs(first, zone), endsAtMs: startOfDayMs(next, zone) }
}

type DayPeriod = Exclude<PeriodKind, 'total' | 'hour'>

function firstDayOf(kind: DayPeriod, date: LocalDate): LocalDate {
  switch (kind) {
    case 'day':
      return date
    case 'week': {
      const weekday = new Date(Date.UTC(date.year, date.month - 1, date.day)).getUTCDay()
      return plusDays(date, -((weekday + 6) % 7))
    }
    case 'month':
      return { ...date, day: 1 }
  }
}

function moved(kind: DayPeriod, date: LocalDate, count: 1 | -1): LocalDate {
  switch (kind) {
    case 'day':
      return plusDays(date, count)
    case 'week':
      return plusDays(date, 7 * count)
    case 'month':
      return dateOf(Date.UTC(date.year, date.month - 1 + count, 1))
  }
}

function plusDays({ year, month, day }: LocalDate, days: number): LocalDate {
  return dateOf(Date.UTC(year, month - 1, day + days))
}

function dateOf(utcMs: number): LocalDate {
  const date = new Date(utcMs)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
  }
}
