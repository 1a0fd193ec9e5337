import { type Calibration, newCalibration } from './calibration.ts'
import { defaultHolderSettings, type HolderSettings } from './holder-settings.ts'
import { type HolderState, isClean, newHolder, sawKillVersion } from './lease-holder.ts'
import { ScopeLists } from './scopes.ts'

/** What an isolate holds of one tenant's money. Plain data: no request shares a promise with another. */
export interface TenantCredit {
  readonly tenant: string
  readonly state: HolderState
  /** The errand that carries statements now, and when it will end, epoch ms. */
  errand: number
  errandUntilMs: number
}

/** Beyond this whoever owes their ledger no word is forgotten, tenants. */
const maxTenants = 4096

/** The credit of every tenant that this isolate serves, and what it learned of prompts. */
export class LedgerBook {
  readonly calibration: Calibration = newCalibration()
  readonly scopes = new ScopeLists()
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
    if (this.#tenants.size >= maxTenants) this.#forgetSettled()
    // A tenant that comes back after it was forgotten must not use ids of before again.
    this.#born += 1
    const fresh: TenantCredit = {
      tenant,
      state: newHolder(this.#settings, `${this.#holder}.${this.#born}`),
      errand: 0,
      errandUntilMs: -Infinity,
    }
    this.#tenants.set(tenant, fresh)
    return fresh
  }

  /** The latest that is known here; -1: nothing is. */
  killVersionOf(tenant: string): number {
    return this.#tenants.get(tenant)?.state.killVersion ?? -1
  }

  /** What somebody else was told by a ledger: whether anybody was revoked, as of `atMs`. */
  sawKillVersion(tenant: string, killVersion: number, atMs: number): void {
    const credit = this.#tenants.get(tenant)
    if (credit !== undefined) sawKillVersion(credit.state, killVersion, atMs)
  }

  #forgetSettled(): void {
    for (const [tenant, { state, errandUntilMs }] of this.#tenants) {
      if (!isClean(state) || isAway(state) || errandUntilMs !== -Infinity) continue
      this.#tenants.delete(tenant)
      if (this.#tenants.size < maxTenants) return
    }
  }
}

/** Something was let through without the ledger, and its allowance is not there again. */
function isAway({ sets }: HolderState): boolean {
  for (const { awayNanoUsd } of sets.values()) if (awayNanoUsd > 0) return true
  return false
}
