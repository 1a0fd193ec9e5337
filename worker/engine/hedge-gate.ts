/**
 * Bounds what hedges add to the load of one route in one isolate (`reliability.md` 2): a token bucket that a request
 * that may hedge fills by 0.02, so that one in fifty does, and a stop while more than a tenth of them would: then
 * everybody is slow, a second call makes it worse, and the circuits act.
 */
export class HedgeGate {
  #tokens = firstTokens
  /** Of the windows that count, oldest first. */
  #slots: Slot[] = []

  /** A request that may hedge begins. */
  eligible(nowMs: number): void {
    this.#tokens = Math.min(mostTokens, this.#tokens + tokensPerRequest)
    this.#slot(nowMs).eligible += 1
  }

  /**
   * Its first target is late: takes a token, or answers false. Those that are held back count as late all the same, so
   * that the stop ends when lateness does.
   */
  take(nowMs: number): boolean {
    this.#slot(nowMs).late += 1
    if (this.isSystemic(nowMs) || this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** More than a tenth of the last 30 s was late. */
  isSystemic(nowMs: number): boolean {
    this.#slot(nowMs)
    let eligible = 0
    let late = 0
    for (const slot of this.#slots) {
      eligible += slot.eligible
      late += slot.late
    }
    return eligible >= leastEligible && late > eligible * systemicShare
  }

  #slot(nowMs: number): Slot {
    const number = Math.floor(nowMs / slotMs)
    const last = this.#slots.at(-1)
    if (last !== undefined && last.number >= number) return last
    const slot = { number, eligible: 0, late: 0 }
    this.#slots = [...this.#slots.filter((one) => one.number > number - slots), slot]
    return slot
  }
}

interface Slot {
  readonly number: number
  eligible: number
  late: number
}

const tokensPerRequest = 0.02
const mostTokens = 20
/** A fresh isolate has not earned a burst: many of them may start at once. */
const firstTokens = 2
/** 30 s in six parts. */
const slotMs = 5000
const slots = 6
const systemicShare = 0.1
/** Of fewer, two late ones are no tenth. */
const leastEligible = 50
