import type { Priority, Turn } from '../../engine/health-port.ts'
import { LearnedLimit } from './learned-limit.ts'

/** How many calls one target takes at once from this isolate, and how many it has. */
export interface Capacity {
  readonly limit: number
  readonly inFlight: number
}

/** How much a new duration says of the average. */
const weightOfNew = 0.1
/** Until a call has ended nobody knows how long one takes, ms. */
const unknownMs = 1000

/**
 * Whose calls of one target are on their way, and whether there is room for more of them. Premium work is never kept
 * back. Standard work leaves a reserve of the limit to it, whether that is used now or not. Batch work has a share of
 * what interactive work leaves free, and takes its place within what standard work may use.
 */
export class CapacityShares {
  /** Where nobody has declared how many the target takes. */
  readonly learned = new LearnedLimit()
  readonly #counts: Record<Priority, number> = { premium: 0, standard: 0, batch: 0 }
  #callMs: number | null = null

  began(priority: Priority): void {
    this.#counts[priority] += 1
  }

  ended(priority: Priority, durationMs: number): void {
    this.#counts[priority] -= 1
    const before = this.#callMs ?? durationMs
    this.#callMs = before + weightOfNew * (durationMs - before)
  }

  /**
   * 0: there is room for one more. Otherwise in how many ms there is likely to be: when the next of those on their way
   * ends, and for batch work a whole call later, because others go first.
   */
  roomInMs({ priority, premiumReserve, batchShare }: Turn, capacity: Capacity): number {
    if (priority === 'premium') return 0
    const limit = Math.max(1, Math.floor(capacity.limit))
    const { standard, batch } = this.#counts
    const callMs = this.#callMs ?? unknownMs
    const shared = Math.max(1, Math.floor(limit * (1 - premiumReserve)))
    const isFull = capacity.inFlight >= limit || standard + batch >= shared
    if (priority === 'standard') {
      if (!isFull) return 0
      return Math.max(1, callMs / Math.max(1, standard + batch))
    }
    const interactive = capacity.inFlight - batch
    const own = Math.floor(batchShare * Math.max(0, limit - interactive))
    // Where a target takes so few that no share is a whole call, batch work has one while nobody else is there.
    const most = interactive === 0 ? Math.max(1, own) : own
    return isFull || batch >= most ? Math.max(1, callMs) : 0
  }
}
