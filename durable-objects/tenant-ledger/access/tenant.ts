import * as z from 'zod/mini'
import { described, toolText } from '../../described.ts'
import { lazily } from '../../lazily.ts'
import type { ScopeId } from '../protocol.ts'
import { everything, type Grant } from './grant.ts'
import {
  isTagName,
  isTagValue,
  isTenantId,
  maxTags,
  tagNameRule,
  tagValueRule,
  tenantRule,
} from './names.ts'
import { type Problem, problemsOf } from './problems.ts'
import type { Done, Refused, TenantRow } from './rows.ts'

export const nameList = lazily(() =>
  z
    .array(z.string().check(z.minLength(1), z.maxLength(256)))
    .check(z.minLength(1, 'names at least one; leave it out for all'), z.maxLength(256)),
)

export const tagsSchema = lazily(() =>
  z
    .record(
      z.string().check(z.refine(isTagName, tagNameRule)),
      z.string().check(z.refine(isTagValue, tagValueRule)),
    )
    .check(z.refine((tags) => Object.keys(tags).length <= maxTags, `at most ${maxTags} tags`)),
)

export const regionName = lazily(() =>
  z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/, 'a region in lower case, such as "eu"')),
)

/** Body of `PUT /admin/v1/tenants/{id}`: it replaces, so what is left out is at its default. */
export const tenantBody = lazily(() =>
  z.strictObject({
    residency: described(
      z.optional(regionName()),
      toolText('Requests are processed there and nowhere else.'),
    ),
    strict: described(
      z._default(z.boolean(), false),
      toolText('Refuse what has no bound, and count bytes, also where all budgets are soft.'),
    ),
    routes: described(
      z.optional(nameList()),
      toolText('Routes it may name; left out, or "*", is all.'),
    ),
    tier: z.optional(
      z
        .string()
        .check(
          z.regex(
            /^[a-z0-9][a-z0-9._-]{0,31}$/,
            'lower-case letters, digits, ".", "_" and "-", at most 32',
          ),
        ),
    ),
    tags: described(
      z._default(tagsSchema(), {}),
      toolText('On every request; no key and no caller changes them.'),
    ),
    storesAnswers: described(
      z._default(z.boolean(), true),
      toolText('Answers may be kept 24 h for retries with the same idempotency key.'),
    ),
  }),
)

export type TenantRead =
  | { readonly kind: 'read'; readonly tenant: TenantRow }
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }

export function readTenant(tenantId: string, body: unknown, nowMs: number): TenantRead {
  if (!isTenantId(tenantId))
    return { kind: 'invalid', problems: [{ field: 'id', rule: tenantRule }] }
  const parsed = tenantBody().safeParse(body)
  if (!parsed.success) return { kind: 'invalid', problems: problemsOf(parsed.error.issues) }
  const { residency, strict, routes, tier, tags, storesAnswers } = parsed.data
  const tenant: TenantRow = {
    id: 'tenant',
    tenantId,
    residency: residency ?? null,
    isStrict: strict,
    routes: allIfStar(routes),
    tier: tier ?? null,
    tags,
    storesAnswers,
    changedAtMs: nowMs,
  }
  return { kind: 'read', tenant }
}

/** `*` is how `routes.json` says "all". */
export function allIfStar(list: readonly string[] | undefined): readonly string[] | null {
  return list === undefined || list.includes('*') ? null : list
}

/** Puts a tenant's row in place of the one before. An object belongs to one tenant for good. */
export function putTenant(
  before: TenantRow | null,
  tenant: TenantRow,
  actor: string,
): Done<TenantRow> | Refused {
  if (before !== null && before.tenantId !== tenant.tenantId)
    return {
      kind: 'refused',
      code: 'invalid_request',
      field: 'id',
      message: `this is the ledger of ${before.tenantId}`,
    }
  return {
    kind: 'done',
    value: tenant,
    changes: [{ table: 'tenant', id: tenant.id, row: tenant }],
    effects: [{ kind: 'audit', action: 'tenant_changed', actor, subject: tenant.tenantId }],
  }
}

/** A tenant that nobody has described: it may what the configuration says. */
export function plainTenant(tenantId: string): TenantRow {
  return {
    id: 'tenant',
    tenantId,
    residency: null,
    isStrict: false,
    routes: null,
    tier: null,
    tags: {},
    storesAnswers: true,
    changedAtMs: 0,
  }
}

/** No key of the tenant has more than this. */
export function grantOfTenant({ routes, residency, tags }: TenantRow): Grant {
  return { ...everything, routes, regions: residency === null ? null : [residency], tags }
}

/**
 * Tags that some budget or limit is kept by. A request must carry them, or it would be spent outside of every one of
 * these budgets.
 */
export function requiredTagsOf(rows: Iterable<{ readonly scope: ScopeId }>): readonly string[] {
  const names = new Set<string>()
  for (const { scope } of rows) {
    const equals = scope.indexOf('=')
    if (scope.startsWith('tag:') && equals > 4) names.add(scope.slice(4, equals))
  }
  return [...names].sort()
}
