import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { Feature, ProviderAdapter } from '../adapter.ts'
import { objectOf } from '../json-values.ts'
import { CohereDecoder } from './decoder.ts'
import { decodeFailure } from './failures.ts'
import { encodeRequest } from './request.ts'

/**
 * Not here: `singleToolCall`, `n`, `minP`, `logitBias`, `userId`, `metadata`
 * (no such fields), `logprobs` (v2 answers with groups of token ids, which is
 * another thing), `fileBase64` and `fileUrl` (documents are text),
 * `toolResultImages`, `prefill`, `audioInput`.
 */
const features: ReadonlySet<Feature> = new Set([
  'tools',
  'longToolNames',
  'toolChoiceNone',
  'toolChoiceRequired',
  'toolChoiceNamed',
  'toolChoiceAllowed',
  'imageUrl',
  'imageBase64',
  'fileText',
  'imageDetail',
  'documentTitles',
  'thoughts',
  'strictTools',
  'jsonMode',
  'jsonSchema',
  'reasoning',
  'stop',
  'temperature',
  'topP',
  'topK',
  'seed',
  'frequencyPenalty',
  'presencePenalty',
  'citations',
])

function decodeResponse(body: unknown): CanonicalEvent[] {
  const answer = objectOf(body)
  if (answer === undefined)
    return [{ type: 'failure', failure: failure('malformed', 'the answer is no JSON object') }]
  const out: CanonicalEvent[] = []
  new CohereDecoder().readWhole(answer, out)
  return out
}

/**
 * Cohere's chat, version 2, at https://api.cohere.com/v2. Version 1 is retired
 * and not spoken here. After https://docs.cohere.com/reference/chat and
 * https://docs.cohere.com/v2/docs/streaming, read 2026-11-20.
 */
export const cohereAdapter: ProviderAdapter = {
  id: 'cohere',
  wire: 'cohere',
  framing: 'sse',
  relay: false,
  features,
  // "A list of up to 5 strings" (`stop_sequences` in the reference, read 2026-11-26).
  maxStopSequences: 5,
  encodeRequest,
  createDecoder: () => new CohereDecoder(),
  decodeResponse,
  decodeFailure,
}
