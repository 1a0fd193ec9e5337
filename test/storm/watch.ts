import type { BudgetStanding } from '../../durable-objects/tenant-ledger/rpc.ts'
import type { Fleet } from '../support/start-fleet.ts'
import { Bill, nanoOf } from './bill.ts'

export interface Sample {
  readonly atMs: number
  readonly billedNanoUsd: number
  readonly chargedNanoUsd: number
  readonly heldNanoUsd: number
  readonly spentNanoUsd: number
  readonly lostNanoUsd: number
  readonly openLeases: number
}

const everyMs = 300

/** Looks at bill and ledger all the time, and says so when the one is more than the other knows of. */
export class Watch {
  readonly bill: Bill
  readonly samples: Sample[] = []
  /** The first violation; the storm is over then. */
  violation: string | null = null
  readonly #fleet: Fleet
  readonly #capNanoUsd: number
  #isOver = false
  readonly #ended: Promise<void>

  constructor(fleet: Fleet, capNanoUsd: number) {
    this.#fleet = fleet
    this.#capNanoUsd = capNanoUsd
    this.bill = new Bill(fleet.simulator)
    this.#ended = this.#run()
  }

  get last(): Sample | undefined {
    return this.samples.at(-1)
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#ended
  }

  /**
   * The bill is read first: it only rises, so what it was then is no more than what it is when the ledger is asked,
   * and that is no more than what is charged by then.
   */
  async sample(): Promise<Sample> {
    await this.bill.read()
    const billedNanoUsd = nanoOf(this.bill.pico)
    const { budgets, openLeases } = await this.#fleet.ledger.budgets()
    const budget = budgetOf(budgets)
    const { spentNanoUsd, heldNanoUsd, lostNanoUsd } = budget
    const sample: Sample = {
      atMs: Date.now(),
      billedNanoUsd,
      chargedNanoUsd: spentNanoUsd + heldNanoUsd + lostNanoUsd,
      heldNanoUsd,
      spentNanoUsd,
      lostNanoUsd,
      openLeases,
    }
    this.samples.push(sample)
    this.#judge(sample, budget)
    return sample
  }

  #judge({ billedNanoUsd, chargedNanoUsd }: Sample, { overrunNanoUsd }: BudgetStanding): void {
    const cap = this.#capNanoUsd
    if (billedNanoUsd > chargedNanoUsd)
      this.violation ??= `billed ${billedNanoUsd} n$, charged only ${chargedNanoUsd} n$`
    if (chargedNanoUsd > cap)
      this.violation ??= `charged ${chargedNanoUsd} n$ of a cap of ${cap} n$`
    if (overrunNanoUsd > 0)
      this.violation ??= `an attempt cost ${overrunNanoUsd} n$ more than was set aside for it`
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.sample()
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
}

export function budgetOf(budgets: readonly BudgetStanding[]): BudgetStanding {
  const [budget] = budgets
  if (budget === undefined) throw new Error('the budget of the storm is gone')
  return budget
}
