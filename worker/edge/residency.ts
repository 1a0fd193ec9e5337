import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { type Jurisdiction, jurisdictions } from '../../durable-objects/provider-health/place.ts'
import type { Caller } from '../engine/caller.ts'

/** Where a tenant can be pinned to: regions that objects can be pinned to as well. */
export const residencies = jurisdictions
export type Residency = Jurisdiction

export function isResidency(word: string): word is Residency {
  return (residencies as readonly string[]).includes(word)
}

/** Of a tenant in `routes.json`. */
export const residencyFields = {
  residency: described(
    z.optional(z.enum(residencies)),
    toolText(
      'Its requests are read, planned, sent, kept and booked there and nowhere else; providers have to declare this region and no other.',
    ),
  ),
  strict: described(
    z._default(z.boolean(), false),
    toolText(
      'With `residency`: refuse requests that reach Cloudflare in a data centre outside of it (`worker/edge/colos.ts`).',
    ),
  ),
  storage: described(
    z._default(z.boolean(), true),
    toolText('`false`: no answer and no event of a stream is kept, not even encrypted.'),
  ),
}

/** The configuration and the ledger differ in where a tenant is pinned to, or it is a place that nobody knows. */
export class PlaceConflict extends Error {
  override readonly name = 'PlaceConflict'
}

/** What the configuration says of one tenant. */
export interface DeclaredTenant {
  /** Null: not pinned. */
  readonly residency: Residency | null
  readonly isStrict: boolean
  readonly storesAnswers: boolean
}

/**
 * Where tenants are pinned to. A tenant of `routes.json` is where that says. Any other is where its ledger says, which
 * is told once and never changes; until then nobody knows, and nothing of it is processed.
 */
export class Residencies {
  readonly #declared: ReadonlyMap<string, DeclaredTenant>
  /** Pinned tenants that a ledger told of. */
  readonly #learned = new Map<string, Residency>()
  /** Of which two places are told: they are not served. */
  readonly #conflicts = new Set<string>()

  constructor(declared: ReadonlyMap<string, DeclaredTenant>) {
    this.#declared = declared
  }

  /** Null: as far as is known it is not pinned. Throws where nobody can say. */
  of(tenant: string): Residency | null {
    if (this.#conflicts.size > 0 && this.#conflicts.has(tenant)) throw new PlaceConflict()
    return this.#learned.get(tenant) ?? this.#declared.get(tenant)?.residency ?? null
  }

  declared(tenant: string): DeclaredTenant | null {
    return this.#declared.get(tenant) ?? null
  }

  /**
   * Its ledger outside of any jurisdiction says that it is pinned. Throws where the configuration says otherwise:
   * neither is believed then, and the tenant is not served.
   */
  learn(tenant: string, residency: string): Residency {
    const declared = this.#declared.get(tenant)
    const differs = declared !== undefined && declared.residency !== residency
    if (!isResidency(residency) || differs) {
      this.#conflicts.add(tenant)
      throw new PlaceConflict()
    }
    this.#learned.set(tenant, residency)
    return residency
  }

  /** Where the requests of a caller have to be processed; null: anywhere. */
  ofCaller({ tenant, profile }: Caller): Residency | null {
    const said = profile?.residency ?? null
    const known = this.of(tenant)
    if (said === null || said === known) return known
    return this.learn(tenant, said)
  }

  isStrict({ tenant, profile }: Caller): boolean {
    return this.#declared.get(tenant)?.isStrict === true || profile?.isStrict === true
  }

  /** Whether anything of its answers may be kept. */
  storesAnswers({ tenant, profile }: Caller): boolean {
    if (this.#declared.get(tenant)?.storesAnswers === false) return false
    return profile === null || profile.storesAnswers
  }
}

/** What `routes.json` says of each tenant. */
export function declaredTenants(
  tenants: Readonly<Record<string, z.infer<z.ZodMiniObject<typeof residencyFields>>>>,
): ReadonlyMap<string, DeclaredTenant> {
  return new Map(
    Object.entries(tenants).map(([tenant, { residency = null, strict, storage }]) => [
      tenant,
      { residency, isStrict: strict, storesAnswers: storage },
    ]),
  )
}
