import { invariant } from '../kernel/broken.ts'

interface LeaseTruth {
  readonly accounts: readonly string[]
  billed: number
  /** Billed beyond the worst case, and the ledger cannot know it yet. */
  surprise: number
}

/**
 * What providers really bill, which no part of the system can see. A call is billed in full the moment it is sent,
 * whatever becomes of the isolate that sent it.
 */
export class Truth {
  readonly leases = new Map<string, LeaseTruth>()
  readonly accounts = new Map<string, { billed: number; surprise: number }>()
  /** By attempt: sent, and how much of its bill was beyond its worst case. */
  readonly attempts = new Map<
    string,
    { readonly leaseId: string; readonly surprise: number; isTold: boolean; isUnknown: boolean }
  >()

  bill(
    attemptId: string,
    leaseId: string,
    accounts: readonly string[],
    bill: number,
    worst: number,
  ): void {
    invariant(!this.attempts.has(attemptId), 'S5 an attempt is sent once', () => attemptId)
    const surprise = Math.max(0, bill - worst)
    this.attempts.set(attemptId, { leaseId, surprise, isTold: false, isUnknown: false })
    const lease = this.leases.get(leaseId) ?? { accounts, billed: 0, surprise: 0 }
    lease.billed += bill
    lease.surprise += surprise
    this.leases.set(leaseId, lease)
    for (const id of accounts) {
      const account = this.accounts.get(id) ?? { billed: 0, surprise: 0 }
      account.billed += bill
      account.surprise += surprise
      this.accounts.set(id, account)
    }
  }

  /** The ledger has the line: a surprise is none any more. */
  told(attemptId: string): void {
    const attempt = this.attempts.get(attemptId)
    if (attempt === undefined || attempt.isTold) return
    attempt.isTold = true
    this.#shift(attempt.leaseId, -attempt.surprise)
  }

  /** A restore has lost the line. */
  untold(attemptId: string): void {
    const attempt = this.attempts.get(attemptId)
    if (attempt === undefined || !attempt.isTold) return
    attempt.isTold = false
    this.#shift(attempt.leaseId, attempt.surprise)
  }

  /** The provider's bill was never heard of: its surprise stays one. */
  unknown(attemptId: string): void {
    const attempt = this.attempts.get(attemptId)
    if (attempt === undefined) return
    attempt.isUnknown = true
    attempt.isTold = true
  }

  #shift(leaseId: string, by: number): void {
    const lease = this.leases.get(leaseId)
    if (lease === undefined || by === 0) return
    lease.surprise += by
    for (const id of lease.accounts) {
      const account = this.accounts.get(id)
      if (account !== undefined) account.surprise += by
    }
  }

  /** What the ledger must have charged for a lease at least. */
  ofLease(id: string): number {
    const lease = this.leases.get(id)
    return lease === undefined ? 0 : lease.billed - lease.surprise
  }

  ofAccount(id: string): number {
    const account = this.accounts.get(id)
    return account === undefined ? 0 : account.billed - account.surprise
  }
}
