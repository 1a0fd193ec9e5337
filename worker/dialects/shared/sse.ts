/**
 * Line separators of Unicode that are not separators of SSE. JSON leaves them
 * bare, and readers that split text as Python's `str.splitlines` does (httpx)
 * cut an event in two there; escaped they are harmless to all.
 */
const looseSeparators = /[\u0085\u2028\u2029]/g
const hasLooseSeparator = /[\u0085\u2028\u2029]/

/** `text` as a JSON string that no reader of lines can cut. CR, LF and lone surrogates are escaped by JSON itself. */
export function quote(text: string): string {
  const json = JSON.stringify(text)
  return hasLooseSeparator.test(json) ? escapeSeparators(json) : json
}

/** `value` as JSON on one line that no reader of lines can cut. */
export function json(value: unknown): string {
  const text = JSON.stringify(value)
  return hasLooseSeparator.test(text) ? escapeSeparators(text) : text
}

function escapeSeparators(text: string): string {
  return text.replace(
    looseSeparators,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The comment that follows a stream's end mark; readers of the dialect skip it. */
export function costComment(costUsd: number | null): string {
  return costUsd === null ? '' : `: cost-usd ${decimalUsd(costUsd)}\n\n`
}

/** USD without exponent, to the nano-dollar. */
export function decimalUsd(usd: number): string {
  return usd.toFixed(9).replace(/\.?0+$/, '')
}
