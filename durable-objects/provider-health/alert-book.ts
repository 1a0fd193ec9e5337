import type { Alert, AlertType } from './alerts.ts'

/**
 * Which alerts were told and which still have to be. Pure, and plain data: it is stored with the circuits, so that
 * neither a retry nor the memory of what was told dies with the object.
 */
export interface AlertBook {
  readonly told: Readonly<Record<string, Told>>
  readonly outbox: readonly OutgoingAlert[]
}

interface Told {
  /** What the receiver believes of the subject. */
  readonly last: AlertType
  readonly atMs: Readonly<Partial<Record<AlertType, number>>>
  /** Came too soon after its like; told when its time is over, unless the receiver believes it by then. */
  readonly held: Alert | null
}

export interface OutgoingAlert {
  readonly alert: Alert
  readonly tries: number
  readonly notBeforeMs: number
}

export const noAlerts: AlertBook = { told: {}, outbox: [] }

/** The same of the same subject at most once in so long: a circuit that flaps is one message, ms. */
export const alertWindowMs = 600_000

/** Between tries, ms; after the last one it is given up. */
export const alertRetryMs = [10_000, 60_000, 300_000] as const

/** More do not wait: the oldest go first. */
const maxOutgoing = 64

/** Takes in an alert: it goes out now, or when its like is old enough, or not at all. */
export function noteAlert(book: AlertBook, alert: Alert, nowMs: number): AlertBook {
  const { type } = alert.payload
  const before = Object.hasOwn(book.told, alert.subject) ? book.told[alert.subject] : undefined
  if (before === undefined || nowMs >= readyAtMs(before, type)) return send(book, alert, nowMs)
  const held = before.last === type ? null : alert
  return { ...book, told: { ...book.told, [alert.subject]: { ...before, held } } }
}

/** Sends what was held for long enough, and forgets what was told long ago. */
export function releaseAlerts(book: AlertBook, nowMs: number): AlertBook {
  let next = book
  for (const [subject, told] of Object.entries(book.told)) {
    const { held } = told
    if (held !== null && nowMs >= readyAtMs(told, held.payload.type)) next = send(next, held, nowMs)
    else if (held === null && nowMs >= forgottenAtMs(told)) {
      const { [subject]: _, ...rest } = next.told
      next = { ...next, told: rest }
    }
  }
  return next
}

/** The alerts to send now, each counted as tried: a try that dies with the object is one of them. */
export function takeOutgoing(
  book: AlertBook,
  nowMs: number,
): {
  readonly book: AlertBook
  readonly sending: readonly OutgoingAlert[]
} {
  const isDue = ({ notBeforeMs }: OutgoingAlert) => nowMs >= notBeforeMs
  const sending = book.outbox.filter(isDue).map(({ alert, tries }) => ({
    alert,
    tries: tries + 1,
    notBeforeMs: nowMs + retryWaitMs(tries),
  }))
  const outbox = [...book.outbox.filter((one) => !isDue(one)), ...sending]
  return { book: sending.length === 0 ? book : { ...book, outbox }, sending }
}

function retryWaitMs(tries: number): number {
  return alertRetryMs[Math.min(tries, alertRetryMs.length - 1)] ?? alertWindowMs
}

/** It was taken, or it is given up. */
export function dropAlert(book: AlertBook, id: string): AlertBook {
  return { ...book, outbox: book.outbox.filter(({ alert }) => alert.id !== id) }
}

export function isLastTry({ tries }: OutgoingAlert): boolean {
  return tries > alertRetryMs.length
}

/** When the book wants to be looked at again; Infinity when it has nothing to say. */
export function alertsDueMs(book: AlertBook): number {
  const tries = book.outbox.map(({ notBeforeMs }) => notBeforeMs)
  const held = Object.values(book.told).flatMap((told) =>
    told.held === null ? [] : [readyAtMs(told, told.held.payload.type)],
  )
  return Math.min(Infinity, ...tries, ...held)
}

function send(book: AlertBook, alert: Alert, nowMs: number): AlertBook {
  const { type } = alert.payload
  const atMs = { ...book.told[alert.subject]?.atMs, [type]: nowMs }
  return {
    told: { ...book.told, [alert.subject]: { last: type, atMs, held: null } },
    outbox: [...book.outbox, { alert, tries: 0, notBeforeMs: nowMs }].slice(-maxOutgoing),
  }
}

function readyAtMs({ atMs }: Told, type: AlertType): number {
  return (atMs[type] ?? Number.NEGATIVE_INFINITY) + alertWindowMs
}

function forgottenAtMs({ atMs }: Told): number {
  return Math.max(...Object.values(atMs)) + alertWindowMs
}
