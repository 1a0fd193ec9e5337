import { type Calibration, newCalibration } from './calibration.ts'
import { defaultHolderSettings, type HolderSettings } from './holder-settings.ts'
import { type HolderState, newHolder } from './lease-holder.ts'

/** What an isolate holds of one tenant's money. Plain data: no request shares a promise with another. */
export interface TenantCredit {
  readonly state: HolderState
  /** The errand that carries statements now, and when it will end, epoch ms. */
  errand: number
  errandUntilMs: number
}

/** Nobody is forgotten while an isolate still owes their ledger a word; beyond this no new tenant is served, tenants. */
const maxTenants = 4096

/** The credit of every tenant that this isolate has served, and what it learned of prompts. */
export class LedgerBook {
  readonly calibration: Calibration = newCalibration()
  readonly #holder: string
  readonly #settings: HolderSettings
  readonly #tenants = new Map<string, TenantCredit>()
  #born = 0

  /** `isolate` must never come twice: ids of asks are made of it. */
  constructor(isolate: string, settings: HolderSettings = defaultHolderSettings) {
    this.#holder = isolate
    this.#settings = settings
  }

  credit(tenant: string): TenantCredit {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    this.#forgetSettled()
    // A tenant that comes back after it was forgotten must not use ids of before again.
    this.#born += 1
    const fresh: TenantCredit = {
      state: newHolder(this.#settings, `${this.#holder}.${this.#born}`),
      errand: 0,
      errandUntilMs: -Infinity,
    }
    this.#tenants.set(tenant, fresh)
    return fresh
  }

  #forgetSettled(): void {
    if (this.#tenants.size < maxTenants) return
    for (const [tenant, { state, errandUntilMs }] of this.#tenants) {
      const owes =
        state.leases.size + state.pending.size + state.voids.size + state.bookings.size > 0
      if (owes || errandUntilMs !== -Infinity) continue
      this.#tenants.delete(tenant)
      if (this.#tenants.size < maxTenants) return
    }
  }
}
