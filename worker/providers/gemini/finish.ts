import type { FinishReason } from '../../canonical/events.ts'

/*
 * `finishReason`, https://ai.google.dev/api/generate-content#FinishReason and
 * Vertex's `Candidate.FinishReason`, 2026-11-20. `CONTINUATION` is in
 * @ai-sdk/google: the answer reached the limit of one request.
 */
const reasons: Readonly<Record<string, FinishReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'contentFilter',
  RECITATION: 'contentFilter',
  BLOCKLIST: 'contentFilter',
  PROHIBITED_CONTENT: 'contentFilter',
  SPII: 'contentFilter',
  MODEL_ARMOR: 'contentFilter',
  IMAGE_SAFETY: 'contentFilter',
  IMAGE_PROHIBITED_CONTENT: 'contentFilter',
  IMAGE_RECITATION: 'contentFilter',
}

/**
 * Proto numbers, where JSON was written with enums as integers (corpus
 * vertex/chat/stream-gemini-token-counts-streaming-68a79a). The two APIs agree
 * on these five only.
 */
const namesByNumber: readonly string[] = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
]

export interface Ending {
  readonly reason: FinishReason
  readonly raw?: string
}

/** Why a candidate ended; undefined while it goes on. */
export function endingOf(finishReason: unknown): Ending | undefined {
  const name =
    typeof finishReason === 'number'
      ? (namesByNumber[finishReason] ?? String(finishReason))
      : finishReason
  if (typeof name !== 'string' || name === '' || name === 'FINISH_REASON_UNSPECIFIED')
    return undefined
  const reason = reasons[name] ?? 'other'
  return name === 'STOP' || name === 'MAX_TOKENS' ? { reason } : { reason, raw: name }
}
