import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import type { Caller } from '../../engine/caller.ts'
import type { NameSpace } from '../../policy/resolve.ts'
import { type Runtime, nameSpace } from '../runtime.ts'

/** A profile is the same object until it is asked for again. */
const narrowed = new WeakMap<KeyProfile, NameSpace>()

/**
 * What `model` can mean for this caller: what the configuration gives its tenant, and no more than its key has. A
 * tenant that only its ledger knows is given everything its key has. Null: nobody knows the tenant.
 */
export function nameSpaceOf(runtime: Runtime, { tenant, profile }: Caller): NameSpace | null {
  const configured = nameSpace(runtime, tenant)
  if (profile === null) return configured
  const known = narrowed.get(profile)
  if (known !== undefined) return known
  const space = narrow(configured ?? runtime.names, profile)
  narrowed.set(profile, space)
  return space
}

function narrow(space: NameSpace, { grant }: KeyProfile): NameSpace {
  const { routes, models } = grant
  if (routes === null) return space
  const all = space.allowedRoutes.includes('*')
  return {
    ...space,
    allowedRoutes: all ? routes : space.allowedRoutes.filter((route) => routes.includes(route)),
    // What is named past all routes is not in a list of routes.
    directTargets: space.directTargets && models !== null,
  }
}
