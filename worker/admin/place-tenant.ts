import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { isResidency, residencies, type Residency } from '../edge/residency.ts'
import type { TenantCall } from './tenant-door.ts'

/**
 * Where a tenant is, before anything of it is written: inside the jurisdiction that is asked for when it is made, and
 * from then on there. What is left out stays as it is, because it cannot change. Null: it is not pinned.
 */
export async function placeTenant(
  call: TenantCall,
  asked: string | null,
): Promise<Residency | null | GatewayError> {
  if (asked !== null && !isResidency(asked))
    return invalidRequest(
      `residency: objects can be pinned to ${residencies.join(', ')} and nowhere else`,
      'residency',
    )
  const declared = call.residencies.declared(call.tenantId)
  if (declared !== null) {
    if (asked === null || asked === declared.residency) return declared.residency
    return differs('routes.json names this tenant, and says where it is: change it there')
  }
  const known = await call.askOutside((ledger) => ledger.pinned())
  if (known !== null) {
    if (asked !== null && asked !== known)
      return differs(`the tenant is pinned to "${known}" for good: make another one`)
    return call.residencies.learn(call.tenantId, known)
  }
  if (asked === null) return null
  const { actor } = call
  const pinned = await call.askOutside((ledger) => ledger.pin({ residency: asked, actor }))
  if (pinned.refused !== null) return differs(`${pinned.refused}: make another one`)
  return call.residencies.learn(call.tenantId, asked)
}

function differs(message: string): GatewayError {
  return gatewayError('invalid_request', 409, `residency: ${message}`, { param: 'residency' })
}
