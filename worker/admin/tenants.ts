import type { TenantRow } from '../../durable-objects/tenant-ledger/access/rows.ts'
import { plainTenant, readTenant } from '../../durable-objects/tenant-ledger/access/tenant.ts'
import { invalidRequest } from '../canonical/errors.ts'
import { placeTenant } from './place-tenant.ts'
import { jsonOf, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'
import { timeOf } from './usd.ts'

export const tenantRoutes: readonly TenantRoute[] = [
  { method: 'put', path: '', action: 'tenant_put', creates: true, handle: putTenant },
  { method: 'get', path: '', action: null, handle: getTenant },
]

async function putTenant(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = readTenant(call.tenantId, body.value, call.nowMs)
  if (read.kind === 'invalid') return refused(problemsError(read.problems))
  const place = await placeTenant(call, read.tenant.residency)
  if (typeof place === 'object' && place !== null) return refused(place)
  const { actor } = call
  const tenant = place === null ? body.value : { ...(body.value as object), residency: place }
  const reply = await call.ask((ledger) => ledger.putTenant({ tenant, actor }))
  if (reply.problems.length > 0) return refused(problemsError(reply.problems))
  if (reply.refused !== null || reply.tenant === null)
    return refused(invalidRequest(`the ledger refuses this: ${reply.refused ?? 'no reason'}`))
  return answered(tenantView(reply.tenant))
}

async function getTenant(call: TenantCall): Promise<Outcome> {
  const [tenant, standing] = await Promise.all([
    call.ask((ledger) => ledger.tenant()),
    call.ask((ledger) => ledger.budgets()),
  ])
  const frozen = standing.kills.flatMap(({ scope, reason }) => (reason === 'frozen' ? scope : []))
  return answered({
    ...tenantView(tenant ?? plainTenant(call.tenantId)),
    frozen,
    restoringForMs: standing.frozenForMs,
    openLeases: standing.openLeases,
  })
}

export function tenantView(row: TenantRow) {
  const { tenantId, residency, isStrict, routes, tier, tags, storesAnswers, changedAtMs } = row
  return {
    id: tenantId,
    residency,
    strict: isStrict,
    routes,
    tier,
    tags,
    storesAnswers,
    // One that the configuration names, and nobody has put.
    changedAt: changedAtMs === 0 ? null : timeOf(changedAtMs),
  }
}
