import * as z from 'zod/mini'
import { described, toolText } from '../../described.ts'
import { lazily } from '../../lazily.ts'
import { isNanoUsd, type NanoUsd } from '../money.ts'
import type { Asked } from './grant.ts'
import { isTeamId, teamRule } from './names.ts'
import { type Problem, problemsOf } from './problems.ts'
import { allIfStar, nameList, regionName, tagsSchema } from './tenant.ts'

/** Money as contract and operators write it, exact to the nano-USD. */
export const usdText = lazily(() =>
  z
    .string()
    .check(
      z.regex(
        /^\d{1,6}(\.\d{1,9})?$/,
        'USD as a decimal string, such as "12.50", at most nine decimals',
      ),
    ),
)

/** Exact: digits are moved, nothing is multiplied. Null for what is no amount of at most six digits before the point. */
export function nanoUsdOfText(text: string): NanoUsd | null {
  if (!usdText().safeParse(text).success) return null
  const [whole = '0', fraction = ''] = text.split('.')
  const value = Number(`${whole}${fraction.padEnd(9, '0')}`)
  return isNanoUsd(value) ? value : null
}

const budgetBody = lazily(() =>
  z.strictObject({
    period: z.enum(['hour', 'day', 'week', 'month', 'total']),
    limitUsd: usdText(),
    mode: z._default(z.enum(['hard', 'soft']), 'hard'),
  }),
)

/** Body of `POST /admin/v1/tenants/{id}/keys`. What is left out is what the maker has. */
export const keyBody = lazily(() =>
  z.strictObject({
    name: z.string().check(z.minLength(1), z.maxLength(64)),
    routes: z.optional(nameList()),
    models: described(z.optional(nameList()), toolText('Model ids, or `model@provider`.')),
    operations: z.optional(nameList()),
    regions: z.optional(z.array(regionName()).check(z.minLength(1), z.maxLength(32))),
    environments: z.optional(nameList()),
    tags: described(
      z.optional(tagsSchema()),
      toolText("On every request of the key; they win over the caller's."),
    ),
    team: z.optional(z.string().check(z.refine(isTeamId, teamRule))),
    expiresAt: z.optional(
      z.iso.datetime({ offset: true, message: 'a time of ISO 8601 with its zone' }),
    ),
    budgets: z.optional(
      z.array(budgetBody()).check(
        z.maxLength(5),
        z.refine(
          (all) => new Set(all.map(({ period }) => period)).size === all.length,
          'one budget for each period',
        ),
      ),
    ),
  }),
)

export type KeyRequestRead =
  | { readonly kind: 'read'; readonly name: string; readonly asked: Asked }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }

export function readKeyRequest(body: unknown, nowMs: number): KeyRequestRead {
  const parsed = keyBody().safeParse(body)
  if (!parsed.success) return { kind: 'invalid', problems: problemsOf(parsed.error.issues) }
  const { name, expiresAt, budgets, tags, team, ...lists } = parsed.data
  const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt)
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs)
    return { kind: 'invalid', problems: [{ field: 'expiresAt', rule: 'lies in the past' }] }
  const asked: { -readonly [Name in keyof Asked]: Asked[Name] } = {}
  for (const [dimension, list] of Object.entries(lists))
    if (list !== undefined) asked[dimension as keyof typeof lists] = allIfStar(list)
  if (tags !== undefined) asked.tags = tags
  if (team !== undefined) asked.team = team
  if (expiresAtMs !== undefined) asked.expiresAtMs = expiresAtMs
  if (budgets !== undefined)
    asked.budgets = budgets.flatMap(({ period, limitUsd, mode }) => {
      const capNanoUsd = nanoUsdOfText(limitUsd)
      return capNanoUsd === null ? [] : [{ period, capNanoUsd, mode }]
    })
  return { kind: 'read', name, asked }
}
