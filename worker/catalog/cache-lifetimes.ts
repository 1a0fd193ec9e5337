import { toolText } from '../canonical/tool-text.ts'

interface CacheLifetimeRow {
  /** How long what nobody asks for stays in the prompt cache, ms; the shortest that the page gives. */
  readonly lifetimeMs: number
  /** The page the row was read from. */
  readonly source: string | undefined
  /** The day it was read, YYYY-MM-DD. */
  readonly readOn: string
}

const minuteMs = 60_000
const readOn = '2026-11-26'

const claude: CacheLifetimeRow = {
  // Five minutes, or an hour where a cache mark asks for it; each hit begins it anew.
  lifetimeMs: 5 * minuteMs,
  source: toolText('https://platform.claude.com/docs/en/build-with-claude/prompt-caching'),
  readOn,
}

const azure: CacheLifetimeRow = {
  // "Typically cleared within 5-10 minutes of inactivity", always within an hour.
  lifetimeMs: 5 * minuteMs,
  source: toolText('https://learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching'),
  readOn,
}

/**
 * How long providers keep a prompt in their cache, by provider id: whether a session that comes back finds its prompt
 * there. Only what a page of the vendor, or of who documents it, puts in numbers; xAI says in so many words that it
 * promises nothing, and Gemini's implicit cache has no number either.
 */
export const cacheLifetimeByProvider: Readonly<Record<string, CacheLifetimeRow>> = {
  anthropic: claude,
  'azure-openai': azure,
  bedrock: {
    lifetimeMs: 5 * minuteMs,
    source: toolText('https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html'),
    readOn,
  },
  groq: {
    // "All cached data automatically expires after 2 hours without use."
    lifetimeMs: 120 * minuteMs,
    source: toolText('https://console.groq.com/docs/prompt-caching'),
    readOn,
  },
  openai: {
    // In memory; `prompt_cache_retention: 24h` keeps it for longer. The numbers are those of Azure's page on the same models.
    lifetimeMs: 5 * minuteMs,
    source: toolText('https://developers.openai.com/api/docs/guides/prompt-caching'),
    readOn,
  },
}

/** Null for a provider without a row: nothing is assumed to be in its cache. */
export function cacheLifetimeMsOf(provider: string): number | null {
  return Object.hasOwn(cacheLifetimeByProvider, provider)
    ? (cacheLifetimeByProvider[provider]?.lifetimeMs ?? null)
    : null
}
