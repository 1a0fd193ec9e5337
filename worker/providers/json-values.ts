import type { JsonObject } from '../canonical/request.ts'

/*
 * What a provider sent is unknown until it is looked at. These answer the value
 * in the asked shape, or undefined, so that a decoder never trusts a field it
 * has not seen and never throws at one it did not expect.
 */

/** `value` as an object; undefined for null, lists and everything else. */
export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined
}

/** The items of `value`; an empty list when it is none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

/** The objects among the items of `value`. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  const objects: JsonObject[] = []
  for (const item of listOf(value)) {
    const object = objectOf(item)
    if (object !== undefined) objects.push(object)
  }
  return objects
}

export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** `value` as a text that says something; undefined when it is empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** `fields` without the absent ones, so that a body carries only what was asked for. */
export function present(fields: JsonObject): JsonObject {
  const kept: Record<string, unknown> = {}
  for (const name of Object.keys(fields)) {
    // Assigned, this name would set what the object inherits from.
    if (name === '__proto__') continue
    const value = fields[name]
    if (value !== undefined) kept[name] = value
  }
  return kept as JsonObject
}

/** `object` without the fields of these names. */
export function without(object: JsonObject | undefined, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object ?? {}).filter(([name]) => !names.includes(name)))
}
