import * as z from 'zod/mini'

export { toolText } from '../worker/canonical/tool-text.ts'

/**
 * Tells editors and readers of the admin plane's document what a field is (`npm run schema`), with `id` for a shape that
 * stands in many places. `schema` is marked as it is: `z.describe()` makes a copy that the first read of a config walks
 * through again, and 170 copies are a tenth of a start. So describe what is made on the spot; what is used elsewhere too
 * is copied: `shared.check(z.describe(...))`.
 *
 * The text is given as `toolText(...)`: what is deployed goes without.
 *
 * @throws {Error} `schema` is described already.
 */
export function described<Schema extends z.core.$ZodType>(
  schema: Schema,
  description: string | undefined,
  id?: string,
): Schema {
  if (description === undefined) return schema
  if (z.globalRegistry.has(schema)) throw new Error(`is described already, not as: ${description}`)
  z.globalRegistry.add(schema, id === undefined ? { description } : { description, id })
  return schema
}
