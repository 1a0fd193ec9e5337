/** What a Worker gives its journals. */
export interface JournalComposition {
  log(entry: { readonly event: 'journal_fault'; readonly fault: unknown }): void
  /** The platform's, unless a test has its own. */
  readonly clock?: { nowMs(): number }
}

/**
 * How long a change is kept: databases can be taken back by 30 days
 * (developers.cloudflare.com/durable-objects/api/sqlite-storage-api, point in time recovery), and a day for clocks.
 */
export const keepChangesMs = 31 * 86_400_000
