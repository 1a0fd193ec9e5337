import type { PeriodKind } from '../rows.ts'
import { dateOf, daysOf, type LocalDate } from './calendar.ts'
import { localDate, startOfDayMs } from './zone.ts'

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
      // 1970-01-01 was a Thursday, the fourth day of its week.
      const days = daysOf(date)
      return dateOf(days - ((((days + 3) % 7) + 7) % 7))
    }
    case 'month':
      return { ...date, day: 1 }
  }
}

function moved(kind: DayPeriod, date: LocalDate, count: 1 | -1): LocalDate {
  switch (kind) {
    case 'day':
      return dateOf(daysOf(date) + count)
    case 'week':
      return dateOf(daysOf(date) + 7 * count)
    case 'month': {
      const months = date.year * 12 + date.month - 1 + count
      return { year: Math.floor(months / 12), month: (months % 12) + 1, day: 1 }
    }
  }
}
