import type { GatewayError } from '../../canonical/errors.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { destinationIn } from './destinations.ts'
import type { BodyNotes } from './body-notes.ts'

export type Extensions =
  | { readonly ok: true; readonly fields: JsonObject | undefined }
  | { readonly ok: false; readonly error: GatewayError }

/**
 * The fields of `body` that only its own wire format knows, kept as they are.
 * A destination or credential among them, or inside one of `settings`, is an error.
 *
 * @param known fields that the canonical request holds itself
 * @param settings those of `known` whose inside is searched as well
 */
export function readExtensions(
  body: JsonObject,
  known: ReadonlySet<string>,
  settings: ReadonlySet<string>,
  notes: BodyNotes,
): Extensions {
  let fields: Record<string, unknown> | undefined
  for (const key of Object.keys(body)) {
    const isKnown = known.has(key)
    if (isKnown && !settings.has(key)) continue
    const value = body[key]
    const error = destinationIn(key, value)
    if (error !== null) return { ok: false, error }
    if (isKnown || value === null || value === undefined) continue
    // An own `__proto__` would set the prototype of the copy instead of a field of it.
    if (key === '__proto__') notes.add(key)
    else (fields ??= {})[key] = value
  }
  return { ok: true, fields }
}
