export interface JsonLimits {
  readonly maxBodyDepth: number
  readonly maxBodyKeys: number
  /** Values that stand behind another one, in all lists and objects together. */
  readonly maxBodyItems: number
}

export type GuardedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly rule: string }

/**
 * Parses JSON after a look at its structure: nesting, keys and items are
 * counted before a single object is made. Strings are skipped with `indexOf`,
 * so that a long prompt costs next to nothing.
 */
export function parseGuarded(text: string, limits: JsonLimits): GuardedJson {
  const rule = structureRule(text, limits)
  if (rule !== null) return { ok: false, rule }
  let forbiddenKey = false
  // A reviver is slow; it runs only where the name can occur at all, spelled out or escaped.
  const suspicious =
    text.includes('__proto__') || (text.includes('\\u00') && escapedLetter.test(text))
  try {
    const value: unknown = suspicious
      ? JSON.parse(text, (key, inner: unknown) => {
          if (key === '__proto__') forbiddenKey = true
          return inner
        })
      : JSON.parse(text)
    return forbiddenKey
      ? { ok: false, rule: 'the body must not hold a key named "__proto__"' }
      : { ok: true, value }
  } catch (cause) {
    return { ok: false, rule: `the body is not valid JSON${positionOf(cause)}` }
  }
}

/** `_`, `o`, `p`, `r` or `t`, spelled as an escape: any of them may hide the name. */
const escapedLetter = /\\u00(?:5f|6f|7[024])/i

const quote = 34
const backslash = 92

function structureRule(
  text: string,
  { maxBodyDepth, maxBodyKeys, maxBodyItems }: JsonLimits,
): string | null {
  let depth = 0
  let keys = 0
  let items = 0
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case quote: {
        index = stringEnd(text, index + 1)
        if (index === -1) return null // JSON.parse says it better.
        break
      }
      case 123: // {
      case 91: // [
        depth += 1
        if (depth > maxBodyDepth) return `the body is nested deeper than ${maxBodyDepth} levels`
        break
      case 125: // }
      case 93: // ]
        depth -= 1
        break
      case 58: // :
        keys += 1
        if (keys > maxBodyKeys) return `the body has more than ${maxBodyKeys} keys`
        break
      case 44: // ,
        items += 1
        if (items > maxBodyItems)
          return `the body has more than ${maxBodyItems} items in its lists and objects`
    }
  }
  return null
}

/** Index of the quote that ends the string beginning at `from`, or -1. */
function stringEnd(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === backslash && end - 1 - slashes >= from)
      slashes += 1
    if (slashes % 2 === 0) return end
  }
  return -1
}

/** V8 names the position; the text around it, which it also quotes, is the caller's and stays out. */
function positionOf(cause: unknown): string {
  const position =
    cause instanceof SyntaxError
      ? /position \d+( \(line \d+ column \d+\))?/.exec(cause.message)?.[0]
      : undefined
  return position === undefined ? '' : ` (${position})`
}
