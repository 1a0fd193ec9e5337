/** Kept in the ledger of a tenant. */
const ofLedger = ['x-switchyard-tags', 'idempotency-key'] as const
/** Of later versions. */
const unbuilt = ['x-switchyard-resume'] as const

/** Optional request headers of the public face that this deployment does not honour, for `x-switchyard-warning`. */
export function unhonouredHeaders(headers: Headers, hasLedger: boolean): string[] {
  const names = hasLedger ? unbuilt : [...ofLedger, ...unbuilt]
  const found: string[] = names.filter((name) => headers.has(name))
  if (/\brespond-async\b/i.test(headers.get('prefer') ?? '')) found.push('prefer: respond-async')
  return found
}
