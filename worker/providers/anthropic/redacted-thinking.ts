/**
 * Redacted thinking has two spellings of the same bytes: Anthropic's `data`
 * (text in base64) and Bedrock's `redactedContent` (that text in base64 once
 * more, because Converse carries it as bytes). Corpus: anthropic/messages and
 * bedrock/chat `*redacted-thinking*`. A conversation may come back through a
 * client of one wire to a provider of the other.
 */

/** `redacted` as Anthropic writes it. */
export function anthropicRedacted(redacted: string): string {
  return unwrapped(redacted) ?? redacted
}

/** `redacted` as Bedrock writes it. */
export function bedrockRedacted(redacted: string): string {
  return unwrapped(redacted) === undefined ? btoa(redacted) : redacted
}

/** The inner text when `redacted` is base64 of base64. */
function unwrapped(redacted: string): string | undefined {
  try {
    const inner = atob(redacted)
    return /^[A-Za-z0-9+/]{8,}={0,2}$/.test(inner) ? inner : undefined
  } catch {
    return undefined
  }
}
