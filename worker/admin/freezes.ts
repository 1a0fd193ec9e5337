import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import { problemsOf } from '../../durable-objects/tenant-ledger/access/problems.ts'
import type { ScopeId } from '../../durable-objects/tenant-ledger/protocol.ts'
import { invalidRequest } from '../canonical/errors.ts'
import { scopeText } from './budgets-body.ts'
import { jsonOrNothing, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'

export const freezeRoutes: readonly TenantRoute[] = [
  { method: 'post', path: '/freeze', action: 'freeze', handle: (call) => freeze(call, true) },
  { method: 'post', path: '/thaw', action: 'thaw', handle: (call) => freeze(call, false) },
]

export const freezeBody = lazily(() =>
  z.strictObject({
    scope: described(z._default(scopeText(), 'tenant'), toolText('Left out: all of the tenant.')),
  }),
)

/** Nothing is granted to a frozen scope from that moment; what runs is finished and charged. */
async function freeze(call: TenantCall, frozen: boolean): Promise<Outcome> {
  const body = await jsonOrNothing(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = freezeBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)))
  const scope = read.data.scope as ScopeId
  const { actor } = call
  const reply = await call.ask((ledger) =>
    frozen ? ledger.freeze({ scope, reason: 'frozen', actor }) : ledger.thaw({ scope, actor }),
  )
  if (reply.refused !== null) return refused(invalidRequest(reply.refused, 'scope'), scope)
  return answered({ scope, frozen }, scope)
}
