import { refuse } from './border.ts'

/** A place in the order of lines: after the line of this time and id. */
export interface LinePlace {
  readonly atMs: number
  readonly id: string
}

/** Opaque to whoever gets it; URL-safe. Ids of lines are ASCII. */
export function writeCursor({ atMs, id }: LinePlace): string {
  return btoa(JSON.stringify([atMs, id]))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}

export function readCursor(cursor: string, path: string): LinePlace {
  const place = parsed(cursor)
  if (Array.isArray(place) && place.length === 2) {
    const [atMs, id] = place as readonly unknown[]
    if (typeof atMs === 'number' && Number.isSafeInteger(atMs) && typeof id === 'string')
      return { atMs, id }
  }
  return refuse(path, 'a cursor of a reply', cursor)
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    return null
  }
}
