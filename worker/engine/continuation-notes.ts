import type { Usage } from '../canonical/usage.ts'
import type { Continued } from './record.ts'

/** Why this target goes on: one sentence for the ledger line of its call, in front of the plan's own. */
export function reasonOf({ from, because, mode }: Continued, planned: string): string {
  const how = mode === 'prefill' ? 'handed its beginning' : 'told of it in a turn of the user'
  return `goes on with the answer of ${from} (${because}), ${how}; ${planned}`
}

/** What the client is told: an SSE comment, which every client of both dialects passes over, and a program that looks for it can read. */
export function markerOf(
  { from, because, mode }: Continued,
  to: string,
  { usage, isEstimated }: { readonly usage: Usage; readonly isEstimated: boolean },
): string {
  const told = {
    from,
    to,
    because,
    mode,
    // Of the first part; its provider may have said nothing of it.
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    estimated: isEstimated,
  }
  return `: switchyard-resume ${JSON.stringify(told)}\n\n`
}
