import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import type { KeyProfile } from '../../durable-objects/tenant-ledger/access/verify.ts'

/** Whether all that a provider declares lies where a tenant is pinned to. One that declares nothing may be anywhere. */
export function isInside(regions: readonly string[], residency: string): boolean {
  return regions.length > 0 && regions.every((one) => one === residency)
}

/** Why a target is left out of the plan of a key that may not call it. */
export function exclusionReason({ residency }: KeyProfile, regions: readonly string[]): string {
  return residency === null || isInside(regions, residency)
    ? 'the key that asks may not use it'
    : `it does not process in "${residency}" alone`
}

/** The refusal when no target of a name may be called: for want of the right, or of one in the tenant's region. */
export function forbiddenTargets(
  name: string,
  profile: KeyProfile | null,
  regionsOfAll: readonly (readonly string[])[],
): GatewayError {
  const residency = profile?.residency ?? null
  if (residency === null || regionsOfAll.some((regions) => isInside(regions, residency))) {
    const message = `this key may use no target of "${name}"`
    return gatewayError('route_forbidden', 403, message, { param: 'model' })
  }
  const message = `this tenant is pinned to "${residency}", and no target of "${name}" processes there alone`
  return gatewayError('region_unavailable', 451, message, { param: 'model' })
}
