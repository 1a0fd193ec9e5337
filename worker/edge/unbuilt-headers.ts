const unbuilt = ['x-switchyard-resume'] as const

/** Optional request headers of the public face that this version does not honour, for `x-switchyard-warning`. */
export function unbuiltHeaders(headers: Headers): string[] {
  const found: string[] = unbuilt.filter((name) => headers.has(name))
  if (/\brespond-async\b/i.test(headers.get('prefer') ?? '')) found.push('prefer: respond-async')
  return found
}
