import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import { problemsOf } from '../../durable-objects/tenant-ledger/access/problems.ts'
import { nanoUsdOfText, usdText } from '../../durable-objects/tenant-ledger/access/key-request.ts'
import { zeroNanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import type { BilledPeriod, RewindRefusal } from '../../durable-objects/tenant-ledger/rpc.ts'
import { gatewayError, invalidRequest, type GatewayError } from '../canonical/errors.ts'
import { claimOf } from './claim.ts'
import { jsonOf, jsonOrNothing, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'
import { timeOf } from './usd.ts'

/** A ledger is taken back, or what was taken back is put in order (`docs/ledger.md`, restores). */
export const recoveryRoutes: readonly TenantRoute[] = [
  { method: 'post', path: '/ledger/rewind', action: 'ledger_rewind', handle: rewind },
  { method: 'post', path: '/ledger/restore', action: 'ledger_restore', handle: restore },
  { method: 'post', path: '/ledger/release', action: 'ledger_release', handle: release },
]

export const rewindBody = lazily(() =>
  z
    .strictObject({
      to: described(
        z.optional(z.iso.datetime({ offset: true, error: 'a time of RFC 3339 with its zone' })),
        toolText('The moment that the ledger is taken back to: within the last 30 days.'),
      ),
      toMs: described(
        z.optional(z.int().check(z.minimum(0))),
        toolText('The same, in ms since 1970.'),
      ),
    })
    .check(
      z.refine(({ to, toMs }) => (to === undefined) !== (toMs === undefined), {
        path: ['to'],
        error: 'give one of to and toMs',
      }),
    ),
)

/**
 * Planned point-in-time recovery: the database as it was, and all that was written since read on from the journal. Said
 * twice it comes to the same, and an idempotency key would be taken back with the ledger: none is kept.
 */
async function rewind(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = rewindBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)))
  const { to, toMs } = read.data
  const atMs = toMs ?? Date.parse(to ?? '')
  const param = toMs === undefined ? 'to' : 'toMs'
  // Beyond what a date can be; the ledger knows the rest.
  if (atMs < 0 || atMs > call.nowMs)
    return refused(invalidRequest(`${param}: lies in the past, and after 1970`, param))
  const { actor } = call
  const subject = `to ${timeOf(atMs)}`
  const reply = await call.ask((ledger) => ledger.rewind({ atMs, actor }))
  if (reply.refused !== null) return refused(rewindError(reply.code, reply.refused, param), subject)
  return answered({ rewoundTo: timeOf(atMs) }, subject)
}

/** `code` is left out by an object of the version before. */
function rewindError(code: RewindRefusal | undefined, why: string, param: string): GatewayError {
  switch (code) {
    case 'out_of_window':
      return invalidRequest(`${param}: ${why}`, param)
    case 'no_recovery':
      return gatewayError('not_implemented', 501, `the ledger was not rewound: ${why}`)
    case 'journal_away':
      return gatewayError('ledger_unavailable', 503, `the ledger was not rewound: ${why}`, {
        retryAfterMs: 5000,
      })
    case 'no_journal':
    case 'other_history':
    case undefined:
      return conflicts(`the ledger was not rewound: ${why}`)
  }
}

export const restoreBody = lazily(() =>
  z.strictObject({
    complete: described(
      z._default(z.boolean(), false),
      toolText(
        'Somebody vouches that nothing that was granted is missing. Otherwise nothing is granted for 16 minutes, and nothing of hard budgets before a release.',
      ),
    ),
  }),
)

/**
 * Says that the ledger as it is now is the one that counts: the journal begins anew behind it. Rows of a copy are
 * handed in over RPC only: what is not a row of this very ledger would be taken for money.
 */
async function restore(call: TenantCall): Promise<Outcome> {
  const body = await jsonOrNothing(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = restoreBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)))
  const { complete } = read.data
  const subject = complete ? 'complete' : 'incomplete'
  const claim = await claimOf(call, body.value)
  if (claim.kind === 'refused') return refused(claim.error, subject)
  if (claim.kind === 'done') return answered(await standingOf(call), subject)
  const outcome = await restoreNow(call, complete, subject)
  await claim.end(outcome.kind === 'refused' ? 'refused' : 'done')
  return outcome
}

async function restoreNow(call: TenantCall, complete: boolean, subject: string): Promise<Outcome> {
  const { journal } = await call.ask((ledger) => ledger.budgets())
  // It would stop a tenant for 16 minutes, and throw away the copy of its ledger.
  if (journal !== undefined && journal.isForked !== true)
    return refused(
      conflicts('the journal has the history of this ledger: there is nothing to restore'),
      subject,
    )
  const { actor } = call
  const reply = await call.ask((ledger) =>
    ledger.restore({ journal: [], isComplete: complete, actor }),
  )
  if (reply.refused !== null) return refused(conflicts(reply.refused), subject)
  return answered(await standingOf(call), subject)
}

export const releaseBody = lazily(() =>
  z.strictObject({
    billedUsd: described(
      z._default(z.record(z.string(), usdText()), {}),
      toolText(
        'What providers billed in the period of an uncertain budget, by its id. What the ledger has not firmly charged of it, it charges for good. Without it: nothing that was granted is missing.',
      ),
    ),
  }),
)

/** Everything that was granted before the last restore is accounted for: hard budgets grant again. */
async function release(call: TenantCall): Promise<Outcome> {
  const body = await jsonOrNothing(call.request)
  if ('refused' in body) return refused(body.refused)
  const read = releaseBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)))
  const billed = await billedOf(call, Object.entries(read.data.billedUsd))
  if ('param' in billed)
    return refused(invalidRequest(`${billed.param}: no uncertain budget has this id`, billed.param))
  const { actor } = call
  const reply = await call.ask((ledger) => ledger.release({ actor, billed: billed.periods }))
  if (reply.refused !== null) return refused(conflicts(reply.refused))
  return answered(await standingOf(call))
}

async function billedOf(
  { ask }: TenantCall,
  bills: readonly (readonly [string, string])[],
): Promise<{ readonly periods: readonly BilledPeriod[] } | { readonly param: string }> {
  if (bills.length === 0) return { periods: [] }
  const { budgets } = await ask((ledger) => ledger.budgets())
  const periods: BilledPeriod[] = []
  for (const [id, usd] of bills) {
    const found = budgets.find(({ budgetId, isUncertain }) => isUncertain && budgetId === id)
    if (found === undefined) return { param: `billedUsd.${id}` }
    const amountNanoUsd = nanoUsdOfText(usd) ?? zeroNanoUsd
    periods.push({ budgetId: id, startsAtMs: found.startsAtMs, amountNanoUsd })
  }
  return { periods }
}

async function standingOf({ ask }: TenantCall) {
  const { epoch, frozenForMs, budgets } = await ask((ledger) => ledger.budgets())
  const uncertain = budgets.flatMap(({ budgetId, isUncertain }) => (isUncertain ? budgetId : []))
  return { epoch, restoringForMs: frozenForMs, uncertain }
}

function conflicts(message: string): GatewayError {
  return gatewayError('invalid_request', 409, message)
}
