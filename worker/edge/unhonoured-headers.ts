/** Kept in the ledger of a tenant. */
const ofLedger = ['x-switchyard-tags', 'idempotency-key'] as const

/**
 * Optional request headers of the public face that this deployment does not honour, for `x-switchyard-warning`. Tags
 * that some rule may read (`readsTags`) are honoured without a ledger, too.
 */
export function unhonouredHeaders(
  headers: Headers,
  hasLedger: boolean,
  readsTags: boolean,
  asksForLater: boolean,
): string[] {
  const found: string[] = hasLedger
    ? []
    : ofLedger.filter((name) => headers.has(name) && !(readsTags && name === 'x-switchyard-tags'))
  // Whoever may be answered later has been, by now (`run-door.ts`): this tenant keeps nothing.
  if (asksForLater) found.push('prefer: respond-async')
  return found
}
