/**
 * `fields` without the absent ones, so that `exactOptionalPropertyTypes` and
 * equality both see what is there. The wire's `null` is absent too.
 */
export function compact<T extends object>(fields: {
  readonly [K in keyof T]: T[K] | null | undefined
}): T {
  const kept: Record<string, unknown> = {}
  for (const key in fields) {
    const value = fields[key]
    if (value !== undefined && value !== null) kept[key] = value
  }
  return kept as T
}
