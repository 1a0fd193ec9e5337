import { nanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import type { BudgetRow } from '../../durable-objects/tenant-ledger/rows.ts'
import type { TenantLedgerStub } from '../../durable-objects/tenant-ledger/stub.ts'
import type { MoneyPort } from '../engine/money-port.ts'
import type { IsolateMemory } from '../engine/ports.ts'
import type { ShadowPort, ShadowRecord } from '../engine/shadow-port.ts'
import { logShadow } from './log.ts'

/** Caps that this isolate has seen in the ledger of a payer, nano-USD a day. */
const seenCaps = new WeakMap<IsolateMemory, Map<string, number>>()

/**
 * Shadows are paid for by ledgers of their own, one a route, whose only budget is what the configuration says: hard, of
 * a UTC day. So the cap holds over all isolates, as that of a tenant does, and no tenant's money is touched.
 */
export class EdgeShadows implements ShadowPort {
  readonly money: MoneyPort
  readonly #ledgerOf: (tenant: string) => TenantLedgerStub
  readonly #caps: Map<string, number>

  constructor(
    money: MoneyPort,
    ledgerOf: (tenant: string) => TenantLedgerStub,
    memory: IsolateMemory,
  ) {
    this.money = money
    this.#ledgerOf = ledgerOf
    let caps = seenCaps.get(memory)
    if (caps === undefined) seenCaps.set(memory, (caps = new Map()))
    this.#caps = caps
  }

  async open(payer: string, budgetUsdPerDay: number): Promise<boolean> {
    const cap = Math.floor(budgetUsdPerDay * 1e9)
    if (this.#caps.get(payer) === cap) return true
    try {
      const ledger = this.#ledgerOf(payer)
      const wanted = budgetRow(cap)
      const { budgets } = await ledger.budgets()
      const isThere = budgets.length === 1 && sameBudget(budgets[0]?.row ?? null, wanted)
      if (!isThere) {
        const call = { budgets: [wanted], limits: [], actor: 'routes.json' }
        const { refused } = await ledger.configure(call)
        if (refused !== null) return false
      }
    } catch {
      // Without its ledger nothing is spent: there is no shadow.
      return false
    }
    this.#caps.set(payer, cap)
    return true
  }

  compared(record: ShadowRecord): void {
    logShadow(record)
  }
}

function budgetRow(capNanoUsd: number): BudgetRow {
  return {
    id: 'shadow',
    scope: 'tenant',
    period: 'day',
    zone: 'UTC',
    capNanoUsd: nanoUsd(capNanoUsd),
    mode: 'hard',
    thresholds: [],
    failOpenNanoUsd: nanoUsd(0),
  }
}

function sameBudget(row: BudgetRow | null, wanted: BudgetRow): boolean {
  return (
    row !== null &&
    row.id === wanted.id &&
    row.scope === wanted.scope &&
    row.period === wanted.period &&
    row.mode === wanted.mode &&
    row.capNanoUsd === wanted.capNanoUsd
  )
}
