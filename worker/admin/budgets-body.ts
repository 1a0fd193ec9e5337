import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import { nanoUsdOfText, usdText } from '../../durable-objects/tenant-ledger/access/key-request.ts'
import {
  isKeyId,
  isTagName,
  isTagValue,
  isTeamId,
  tagNameRule,
  tagValueRule,
  teamRule,
} from '../../durable-objects/tenant-ledger/access/names.ts'
import { type Problem, problemsOf } from '../../durable-objects/tenant-ledger/access/problems.ts'
import { maxBudgets, maxLimits } from '../../durable-objects/tenant-ledger/border.ts'
import { zeroNanoUsd } from '../../durable-objects/tenant-ledger/money.ts'
import type { ScopeId } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { BudgetRow, LimitRow } from '../../durable-objects/tenant-ledger/rows.ts'
import { isZone } from '../../durable-objects/tenant-ledger/rules/zone.ts'

/** Names of routes in `routes.json`. */
const routeForm = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** What is wrong with a scope; null when nothing is. */
function scopeRule(scope: string): string | null {
  if (scope === 'tenant') return null
  const colon = scope.indexOf(':')
  const [kind, name] = [scope.slice(0, colon), scope.slice(colon + 1)]
  switch (kind) {
    case 'team':
      return isTeamId(name) ? null : `the id of a team is ${teamRule}`
    case 'key':
      return isKeyId(name) ? null : 'the id of a key is 8 letters and digits'
    case 'route':
      return routeForm.test(name) ? null : 'no route can have this name'
    case 'tag':
      return tagRule(name)
    default:
      return 'must be tenant, team:ID, key:ID, route:NAME or tag:NAME=VALUE'
  }
}

function tagRule(tag: string): string | null {
  const equals = tag.indexOf('=')
  if (equals < 0) return 'must be tag:NAME=VALUE'
  if (!isTagName(tag.slice(0, equals))) return `the name of a tag is ${tagNameRule}`
  return isTagValue(tag.slice(equals + 1)) ? null : `the value of a tag is ${tagValueRule}`
}

export const scopeText = lazily(() =>
  described(
    z.string().check(
      z.maxLength(256),
      z.superRefine((scope, context) => {
        const rule = scopeRule(scope)
        if (rule !== null) context.addIssue({ code: 'custom', message: rule })
      }),
    ),
    toolText('`tenant`, `team:ID`, `key:ID`, `route:NAME` or `tag:NAME=VALUE`.'),
  ),
)

const thresholdBody = lazily(() =>
  z.strictObject({
    percent: described(z.int().check(z.minimum(1), z.maximum(100)), toolText('Of the limit.')),
    actions: z.array(z.enum(['warn', 'degrade', 'clamp', 'block'])).check(
      z.minLength(1),
      z.maxLength(4),
      z.refine((all) => new Set(all).size === all.length, 'names each action once'),
    ),
  }),
)

const budgetBody = lazily(() =>
  z
    .strictObject({
      scope: scopeText(),
      period: z.enum(['hour', 'day', 'week', 'month', 'total']),
      limitUsd: usdText(),
      mode: z.enum(['hard', 'soft']),
      zone: described(
        z._default(
          z
            .string()
            .check(
              z.maxLength(64),
              z.refine(isZone, 'an IANA name of a time zone, such as "Europe/Berlin"'),
            ),
          'UTC',
        ),
        toolText(
          'Where days, weeks and months begin. Another zone is another budget, with nothing spent.',
        ),
      ),
      thresholds: z._default(
        z.array(thresholdBody()).check(
          z.maxLength(4),
          z.refine(
            (all) => new Set(all.map(({ percent }) => percent)).size === all.length,
            'one threshold for each percent',
          ),
        ),
        [],
      ),
      failOpenUsd: described(
        z.optional(usdText()),
        toolText('What one isolate may spend while it cannot reach the ledger; soft budgets only.'),
      ),
    })
    .check(
      z.refine(({ mode, failOpenUsd }) => mode === 'soft' || failOpenUsd === undefined, {
        path: ['failOpenUsd'],
        message: 'a hard budget does not fail open',
      }),
    ),
)

/** Body of `PUT .../budgets`: all budgets of the tenant that do not come with a key. */
export const budgetsBody = lazily(() => z.array(budgetBody()).check(z.maxLength(maxBudgets)))

const longestWindowMs = 86_400_000

const limitBody = lazily(() =>
  z
    .strictObject({
      scope: scopeText(),
      kind: z.enum(['requests', 'tokens', 'concurrency']),
      limit: z.int().check(z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER)),
      windowMs: described(
        z.optional(z.int().check(z.minimum(1000), z.maximum(longestWindowMs))),
        toolText('Of `requests` and `tokens`; 60,000 when it is left out.'),
      ),
    })
    .check(
      z.refine(({ kind, windowMs }) => kind !== 'concurrency' || windowMs === undefined, {
        path: ['windowMs'],
        message: 'concurrency has no window',
      }),
    ),
)

/** Body of `PUT .../limits`: all limits of the tenant. */
export const limitsBody = lazily(() => z.array(limitBody()).check(z.maxLength(maxLimits)))

export type Read<Rows> =
  | { readonly kind: 'read'; readonly rows: readonly Rows[] }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }

export function readBudgets(body: unknown): Read<BudgetRow> {
  const parsed = budgetsBody().safeParse(body)
  if (!parsed.success) return { kind: 'invalid', problems: problemsOf(parsed.error.issues) }
  return withIds(
    parsed.data.map((one): BudgetRow => {
      const { period, zone, mode, limitUsd, failOpenUsd, thresholds } = one
      const scope = one.scope as ScopeId
      return {
        id: budgetId(scope, period, zone),
        scope,
        period,
        zone,
        capNanoUsd: nanoUsdOfText(limitUsd) ?? zeroNanoUsd,
        mode,
        thresholds: thresholds.flatMap(({ percent, actions }) =>
          actions.map((action) => ({ basisPoints: percent * 100, action })),
        ),
        failOpenNanoUsd:
          (failOpenUsd === undefined ? null : nanoUsdOfText(failOpenUsd)) ?? zeroNanoUsd,
      }
    }),
    'one budget for each scope and period',
    ({ scope, period }) => `${period} ${scope}`,
  )
}

export function readLimits(body: unknown): Read<LimitRow> {
  const parsed = limitsBody().safeParse(body)
  if (!parsed.success) return { kind: 'invalid', problems: problemsOf(parsed.error.issues) }
  return withIds(
    parsed.data.map((one): LimitRow => {
      const { kind, limit, windowMs = kind === 'concurrency' ? 0 : 60_000 } = one
      const scope = one.scope as ScopeId
      return { id: limitId(scope, kind, windowMs), scope, kind, limit, windowMs }
    }),
    'one limit for each scope, kind and window',
    ({ id }) => id,
  )
}

/**
 * Of what makes it this budget, so that its history goes on whatever else of it changes. Not as the ids of budgets
 * that come with keys, which stand beside these (`budgetsOfKeys`).
 */
export function budgetId(scope: ScopeId, period: BudgetRow['period'], zone: string): string {
  return zone === 'UTC' ? `${period}/${scope}` : `${period}(${zone})/${scope}`
}

/** The window is in the id: the ledger does not tell it beside. Null for concurrency, which has none. */
export function windowOfLimit(id: string): number | null {
  const windowMs = /^[a-z]+\((\d+)\)\//.exec(id)?.[1]
  return windowMs === undefined ? null : Number(windowMs)
}

function limitId(scope: ScopeId, kind: LimitRow['kind'], windowMs: number): string {
  return kind === 'concurrency' ? `${kind}/${scope}` : `${kind}(${windowMs})/${scope}`
}

function withIds<Row>(rows: readonly Row[], rule: string, nameOf: (row: Row) => string): Read<Row> {
  const names = rows.map(nameOf)
  const problems = names.flatMap((name, index) =>
    names.indexOf(name) < index ? [{ field: `[${index}]`, rule }] : [],
  )
  return problems.length === 0 ? { kind: 'read', rows } : { kind: 'invalid', problems }
}
