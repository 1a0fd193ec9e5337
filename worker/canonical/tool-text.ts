/** Set by `[define]` in `wrangler.toml`, so in what is deployed and nowhere else. */
declare const SWITCHYARD_TOOL_TEXTS: boolean | undefined

/**
 * A text that is written for tools and tests alone: what a field is for (`npm run schema`), the page a row was read from.
 * The bundle of the Worker is built without them, and 6 kB smaller for it, compressed: there it is undefined.
 */
export function toolText(text: string): string | undefined {
  if (typeof SWITCHYARD_TOOL_TEXTS === 'undefined' || SWITCHYARD_TOOL_TEXTS) return text
  return undefined
}
