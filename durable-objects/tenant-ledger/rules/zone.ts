import { dateOf, dayMs, daysOf, type LocalDate } from './calendar.ts'

const formats = new Map<string, Intl.DateTimeFormat>()

/** Zones are of the configuration, so there are few; a formatter costs some 50 us to make. */
function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formats.set(zone, format)
  }
  return format
}

/** True for the IANA names that this runtime knows. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** What the zone's clock shows, as if it were UTC, epoch ms. */
function shownMs(epochMs: number, zone: string): number {
  if (zone === 'UTC') return epochMs
  const fields: Record<string, number> = {}
  for (const { type, value } of formatOf(zone).formatToParts(epochMs)) fields[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields
  const clockMs = ((hour * 60 + minute) * 60 + second) * 1000
  const shown = daysOf({ year, month, day }) * dayMs + clockMs
  return shown + (((epochMs % 1000) + 1000) % 1000)
}

export function localDate(epochMs: number, zone: string): LocalDate {
  return dateOf(Math.floor(shownMs(epochMs, zone) / dayMs))
}

/**
 * When a day begins in a zone: the first moment that its clock shows midnight; where the clock leaps over midnight,
 * the moment of the leap.
 */
export function startOfDayMs(date: LocalDate, zone: string): number {
  const midnight = daysOf(date) * dayMs
  if (zone === 'UTC') return midnight
  const offsetAt = (epochMs: number): number => shownMs(epochMs, zone) - epochMs
  // The offsets before and after any change near that midnight.
  const before = midnight - offsetAt(midnight - dayMs)
  const after = midnight - offsetAt(midnight + dayMs)
  const exact = [before, after].filter((start) => shownMs(start, zone) === midnight)
  return exact.length > 0 ? Math.min(...exact) : Math.max(before, after)
}
