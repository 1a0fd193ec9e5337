import type {
  AccountRow,
  BudgetRow,
  LeaseRow,
  LineRow,
  RowChange,
} from '../../../durable-objects/tenant-ledger/rows.ts'
import { invariant } from '../kernel/broken.ts'
import type { Truth } from './truth.ts'

/** What a lease counts for, by the words of the specification and none of the ledger's code. */
export function chargedOf(lease: LeaseRow): number {
  return Math.max(lease.limitNanoUsd, lease.netNanoUsd) + lease.overNanoUsd
}

function overrunOf(lease: LeaseRow): number {
  const beyond = Math.max(0, lease.netNanoUsd - lease.limitNanoUsd)
  return beyond + lease.cameBackNanoUsd + lease.overNanoUsd
}

interface Sums {
  charged: number
  posted: number
  phantom: number
  /** Of the lines. */
  attempts: number
  lost: number
}

const noSums = (): Sums => ({ charged: 0, posted: 0, phantom: 0, attempts: 0, lost: 0 })

/**
 * Keeps the ledger's books a second time, from the rows it writes, and compares after every step: the invariants
 * I1 to I5, I13 to I16 and I23 of `reliability.md` 3.6. What is bounded by the books is bounded by the truth as well.
 */
export class BookKeeper {
  readonly leases = new Map<string, LeaseRow>()
  readonly accounts = new Map<string, AccountRow>()
  readonly budgets = new Map<string, BudgetRow>()
  readonly #lines = new Map<string, LineRow>()
  readonly #ofLease = new Map<string, { attempts: number; lost: number }>()
  readonly #sums = new Map<string, Sums>()
  readonly #attempts = new Map<string, string>()
  /** Ever, by budget. */
  readonly #largestCaps = new Map<string, number>()
  readonly #truth: Truth
  /** The bounded policy takes back what was lost: then truth may be above the books by as much. */
  readonly #isBounded: boolean

  constructor(truth: Truth, isBounded: boolean) {
    this.#truth = truth
    this.#isBounded = isBounded
  }

  /** Everything anew, after a restore. */
  restart(rows: Iterable<RowChange>, lines: Iterable<LineRow>): void {
    for (const attemptId of this.#attempts.keys()) this.#truth.untold(attemptId)
    for (const map of [this.leases, this.accounts, this.budgets, this.#lines, this.#ofLease])
      map.clear()
    this.#sums.clear()
    this.#attempts.clear()
    for (const change of rows) this.#take(change, true)
    for (const line of lines) this.#line(line)
    this.audit()
  }

  /** Takes the rows of one step in and checks what they say. */
  step(changes: readonly RowChange[]): void {
    const before = new Map<string, AccountRow | undefined>()
    for (const change of changes)
      if (change.table === 'accounts') before.set(change.id, this.accounts.get(change.id))
    for (const change of changes) {
      if (change.table === 'lines') this.#line(change.row)
      else this.#take(change, false)
    }
    for (const change of changes) {
      if (change.table === 'leases' && change.row !== null) this.#checkLease(change.row)
      if (change.table === 'accounts' && change.row !== null)
        this.#checkAccount(change.row, before.get(change.id))
    }
  }

  #take(change: RowChange, isLoading: boolean): void {
    if (change.row !== null) checkIntegers(change.row)
    switch (change.table) {
      case 'leases':
        this.#lease(change.id, change.row, isLoading)
        return
      case 'accounts':
        if (change.row === null) this.accounts.delete(change.id)
        else this.accounts.set(change.id, change.row)
        return
      case 'budgets':
        if (change.row === null) this.budgets.delete(change.id)
        else this.#budget(change.row)
        return
      default:
    }
  }

  #budget(row: BudgetRow): void {
    this.budgets.set(row.id, row)
    const largest = Math.max(this.#largestCaps.get(row.id) ?? 0, row.capNanoUsd)
    this.#largestCaps.set(row.id, largest)
  }

  #lease(id: string, after: LeaseRow | null, isLoading: boolean): void {
    const before = this.leases.get(id)
    if (before !== undefined && after !== null) checkMove(before, after)
    // What is adopted or booked may have moved on within the step.
    if (before === undefined && after?.state === 'active' && !isLoading)
      invariant(
        chargedOf(after) >= after.grantNanoUsd,
        'I2 a grant is charged in full',
        () => after,
      )
    if (after === null) {
      // Forgotten: its money stays in the account.
      this.leases.delete(id)
      return
    }
    for (const account of after.accounts) {
      const sums = this.#sumsOf(account)
      sums.charged += chargedOf(after) - (before === undefined ? 0 : chargedOf(before))
      sums.posted += postedOf(after) - (before === undefined ? 0 : postedOf(before))
      sums.phantom += after.phantomNanoUsd - (before?.phantomNanoUsd ?? 0)
    }
    this.leases.set(id, after)
  }

  #line(line: LineRow): void {
    checkIntegers(line)
    invariant(!this.#lines.has(line.id), 'I13 a line is written once', () => line.id)
    this.#lines.set(line.id, line)
    const { attempt } = line
    if (attempt !== null) {
      const twice = this.#attempts.get(attempt.attemptId)
      invariant(twice === undefined, 'I13 an attempt has one line', () => attempt.attemptId)
      this.#attempts.set(attempt.attemptId, line.id)
      const known = this.#truth.attempts.get(attempt.attemptId)
      invariant(known !== undefined, 'I11 what has a line was sent', () => line)
      if (known.isUnknown)
        invariant(
          attempt.amountNanoUsd === attempt.worstNanoUsd && attempt.basis === 'worst_case',
          'I12 an unknown outcome costs its worst case',
          () => attempt,
        )
      this.#truth.told(attempt.attemptId)
    }
    const sign = line.kind === 'found' ? -1 : 1
    const of = this.#ofLease.get(line.leaseId) ?? { attempts: 0, lost: 0 }
    if (line.kind === 'attempt') of.attempts += line.amountNanoUsd
    else of.lost += sign * line.amountNanoUsd
    this.#ofLease.set(line.leaseId, of)
    for (const account of line.accounts) {
      const sums = this.#sumsOf(account)
      if (line.kind === 'attempt') sums.attempts += line.amountNanoUsd
      else sums.lost += sign * line.amountNanoUsd
    }
  }

  #sumsOf(account: string): Sums {
    const known = this.#sums.get(account)
    if (known !== undefined) return known
    const fresh = noSums()
    this.#sums.set(account, fresh)
    return fresh
  }

  #checkLease(lease: LeaseRow): void {
    const charged = chargedOf(lease)
    const lines = this.#ofLease.get(lease.id) ?? { attempts: 0, lost: 0 }
    invariant(lines.attempts <= charged, 'I13 lines are within the charge', () => lease)
    if (lease.state === 'closed' || lease.state === 'lost')
      invariant(
        lines.attempts + lines.lost === charged,
        'I13 the lines of an ended lease are its charge',
        () => ({ lease, lines }),
      )
    this.checkTruth(lease.id)
  }

  /** I2: the provider has billed no more than is charged. */
  checkTruth(leaseId: string): void {
    const lease = this.leases.get(leaseId)
    if (lease === undefined) return
    const slack = this.#isBounded ? lease.refundedNanoUsd : 0
    const truth = this.#truth.ofLease(leaseId)
    invariant(truth <= chargedOf(lease) + slack, 'I2 truth is within the charge', () => ({
      truth,
      lease,
    }))
  }

  #checkAccount(account: AccountRow, before: AccountRow | undefined): void {
    const budget = this.budgets.get(account.budgetId)
    const sums = this.#sumsOf(account.id)
    invariant(account.chargedNanoUsd === sums.charged, 'I14 an account is its leases', () => ({
      account,
      sums,
    }))
    invariant(
      account.postedNanoUsd === sums.posted && account.postedNanoUsd === sums.attempts,
      'I13 what is billed is the attempt lines',
      () => ({ account, sums }),
    )
    invariant(
      account.phantomNanoUsd === sums.phantom && account.phantomNanoUsd === sums.lost,
      'I13 what nobody accounts for is the lost lines',
      () => ({ account, sums }),
    )
    if (budget?.mode === 'hard' && account.chargedNanoUsd > budget.capNanoUsd) {
      // Above the cap only by overruns (what was given back and had been spent is one), a cap that came down, or leases
      // adopted after a restore: never by a grant.
      const grew = account.chargedNanoUsd - (before?.chargedNanoUsd ?? 0)
      const overran = account.overrunNanoUsd - (before?.overrunNanoUsd ?? 0)
      const adopted = this.adoptedNanoUsd
      invariant(grew <= overran + adopted, 'I1 the charge is within the cap', () => ({
        account,
        budget,
      }))
    }
  }

  /** Of the step that is being checked: charged for what a restore lost, whatever the cap is. */
  adoptedNanoUsd = 0

  /** S1 for a whole account. An uncertain one has lost leases to a restore, but they were granted within its cap. */
  checkAccountTruth(id: string): void {
    const account = this.accounts.get(id)
    if (account === undefined || this.budgets.get(account.budgetId)?.mode !== 'hard') return
    const slack = this.#isBounded ? account.refundedNanoUsd : 0
    const mostNanoUsd = this.#largestCaps.get(account.budgetId) ?? 0
    const covered = account.isUncertain
      ? mostNanoUsd + account.overrunNanoUsd
      : account.chargedNanoUsd + slack
    const truth = this.#truth.ofAccount(id)
    invariant(truth <= covered, 'I24 truth is within the charge, or the cap', () => ({
      truth,
      account,
      mostNanoUsd,
    }))
  }

  /** Counts everything from nothing. */
  audit(): void {
    for (const account of this.accounts.values()) {
      this.#checkAccount(account, account)
      this.checkAccountTruth(account.id)
    }
    for (const lease of this.leases.values()) this.#checkLease(lease)
  }
}

function postedOf({ netNanoUsd, overNanoUsd }: LeaseRow): number {
  return netNanoUsd + overNanoUsd
}

/** I3, I4, I5 and I15: what one lease may become. */
function checkMove(before: LeaseRow, after: LeaseRow): void {
  const values = () => ({ before, after })
  const rose = chargedOf(after) - chargedOf(before)
  const overran = overrunOf(after) - overrunOf(before)
  invariant(rose <= Math.max(0, overran), 'I3 a charge does not rise', values)
  invariant(after.limitNanoUsd <= after.grantNanoUsd, 'I4 final <= sealed <= granted', values)
  invariant(after.grantNanoUsd === before.grantNanoUsd, 'I4 a grant does not change', values)
  invariant(after.accounts === before.accounts, 'I15 a lease stays in its period', values)
  if (before.state === 'closed')
    invariant(
      after.state === 'closed' && chargedOf(after) === chargedOf(before),
      'I5 closed is the end',
      values,
    )
  if (before.state === 'lost')
    invariant(
      after.state === 'lost' || after.state === 'closed',
      'I5 lost is not taken back',
      values,
    )
}

/** I23. */
function checkIntegers(row: object): void {
  for (const [name, value] of Object.entries(row)) {
    if (name.endsWith('NanoUsd') && value !== null)
      invariant(Number.isSafeInteger(value) && value >= 0, 'I23 money is an integer', () => row)
  }
}
