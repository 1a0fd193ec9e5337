/** Whether two JSON values are the same value. As deep as the first of them, which is the schema's own. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  return names.every(
    (name) =>
      Object.hasOwn(b, name) &&
      equalJson((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  )
}
