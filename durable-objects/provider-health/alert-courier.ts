import {
  alertsDueMs,
  isLastTry,
  noteAlert,
  releaseAlerts,
  takeOutgoing,
  type AlertBook,
  type OutgoingAlert,
} from './alert-book.ts'
import type { Alert, AlertSettings } from './alerts.ts'
import { sendAlert } from './webhook.ts'

/** Told of an alert that its receiver did not take. */
export type Unsent = (alertId: string, status: number | null, givenUp: boolean) => void

/** Brings alerts out of an object. The book stays with the object, which stores it before anything leaves. */
export class AlertCourier {
  readonly #settings: AlertSettings | null
  readonly #unsent: Unsent

  /** Without settings nobody is told. */
  constructor(settings: AlertSettings | null, unsent: Unsent) {
    this.#settings = settings
    this.#unsent = unsent
  }

  /** Takes new alerts into the book, and says which are to be sent once it is stored. */
  pack(
    book: AlertBook,
    alerts: readonly Alert[],
    nowMs: number,
  ): { readonly book: AlertBook; readonly sending: readonly OutgoingAlert[] } {
    if (this.#settings === null) return { book, sending: [] }
    const noted = alerts.reduce((before, one) => noteAlert(before, one, nowMs), book)
    return takeOutgoing(releaseAlerts(noted, nowMs), nowMs)
  }

  /** True when the alert is done with: taken, or given up. */
  async send(outgoing: OutgoingAlert, nowMs: number): Promise<boolean> {
    if (this.#settings === null) return false
    const { taken, status } = await sendAlert(outgoing.alert, this.#settings, nowMs)
    const givenUp = !taken && isLastTry(outgoing)
    if (!taken) this.#unsent(outgoing.alert.id, status, givenUp)
    return taken || givenUp
  }

  /** When the book wants to be looked at again. */
  dueMs(book: AlertBook): number {
    return this.#settings === null ? Infinity : alertsDueMs(book)
  }
}
