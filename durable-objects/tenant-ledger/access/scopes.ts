import type { ScopeId } from '../protocol.ts'
import type { KeyProfile } from './verify.ts'

export type Tags = Readonly<Record<string, string>>

/** Those of the key win. */
export function mergeTags(fixed: Tags, given: Tags): Tags {
  return { ...given, ...fixed }
}

/**
 * Everything a request counts in. A key counts in the budgets of the keys that made it. Of the tags, only those that
 * some budget or limit is kept by: a tag with a value of its own for each request would give every request a lease of
 * its own. What has no budget drops out in the ledger.
 *
 * Here, because the first request of a key has no profile: the object verifies it, and holds for it, in one call.
 */
export function scopesOf(
  { keyPath, grant, requiredTags }: KeyProfile,
  route: string | null,
  tags: Tags,
): readonly ScopeId[] {
  const scopes: ScopeId[] = ['tenant']
  if (grant.team !== null) scopes.push(`team:${grant.team}`)
  for (const id of keyPath) scopes.push(`key:${id}`)
  if (route !== null) scopes.push(`route:${route}`)
  for (const name of requiredTags) {
    const value = Object.hasOwn(tags, name) ? tags[name] : undefined
    if (value !== undefined) scopes.push(`tag:${name}=${value}`)
  }
  return scopes
}
