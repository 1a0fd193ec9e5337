import * as z from 'zod/mini'
import { lazily } from '../../durable-objects/lazily.ts'
import { nanoUsdOfText, usdText } from '../../durable-objects/tenant-ledger/access/key-request.ts'
import { problemsOf } from '../../durable-objects/tenant-ledger/access/problems.ts'
import { zeroNanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import type { LeaseId } from '../../durable-objects/tenant-ledger/protocol.ts'
import { invalidRequest } from '../canonical/errors.ts'
import { claimOf } from './claim.ts'
import { jsonOf, notFound, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'
import { usdOf } from './usd.ts'

export const reconcileRoutes: readonly TenantRoute[] = [
  { method: 'post', path: '/reconcile', action: 'reconcile', handle: reconcile },
]

export const reconcileBody = lazily(() =>
  z.strictObject({
    leaseId: z.string().check(z.regex(/^\d{1,16}\.\d{1,16}$/, 'the id of a lease, such as "1.17"')),
    finalUsd: usdText().check(
      z.describe('What it cost, as somebody can prove: at most what it is charged.'),
    ),
  }),
)

/** Closes a lost lease for what somebody can prove; the rest of its charge comes back. */
async function reconcile(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = reconcileBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)))
  const leaseId = read.data.leaseId as LeaseId
  const finalNanoUsd = nanoUsdOfText(read.data.finalUsd) ?? zeroNanoUsd
  const claim = await claimOf(call, body.value)
  if (claim.kind === 'refused') return refused(claim.error, leaseId)
  const finalUsd = usdOf(finalNanoUsd)
  const done = answered({ leaseId, finalUsd }, `${leaseId} for ${finalUsd} USD`)
  // A second time would be refused: the lease is closed.
  if (claim.kind === 'done') return done
  const { actor } = call
  const reply = await call.ask((ledger) => ledger.reconcile({ leaseId, finalNanoUsd, actor }))
  await claim.end(reply.refused === null ? 'done' : 'refused')
  if (reply.refused === null) return done
  if (reply.refused === 'unknown lease')
    return refused(notFound('leaseId: no lease that is remembered has this id', 'leaseId'), leaseId)
  const param = reply.refused.startsWith('more than') ? 'finalUsd' : 'leaseId'
  return refused(invalidRequest(`${param}: ${reply.refused}`, param), leaseId)
}
