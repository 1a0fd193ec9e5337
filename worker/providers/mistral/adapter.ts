import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { Feature, ProviderAdapter } from '../adapter.ts'
import { objectOf } from '../json-values.ts'
import { MistralDecoder } from './decoder.ts'
import { decodeFailure } from './failures.ts'
import { encodeRequest } from './request.ts'

/**
 * Not here: `logprobs` (the field exists and the models refuse it, corpus
 * err400-blocking-ministral-3b-196b95), `topK`, `minP`, `logitBias`, `userId`,
 * `videoInput`, `cacheMarks` (no such fields), `toolResultImages` (a tool's
 * result is text in Mistral's documentation).
 */
const features: ReadonlySet<Feature> = new Set([
  'tools',
  'toolChoiceNone',
  'toolChoiceRequired',
  'toolChoiceNamed',
  'toolChoiceAllowed',
  'singleToolCall',
  'imageUrl',
  'imageBase64',
  'audioInput',
  'fileBase64',
  'fileUrl',
  'fileId',
  'fileText',
  'imageDetail',
  'documentTitles',
  'thoughts',
  'strictTools',
  'jsonMode',
  'jsonSchema',
  'reasoning',
  'n',
  'prefill',
  'stop',
  'temperature',
  'topP',
  'seed',
  'frequencyPenalty',
  'presencePenalty',
  'metadata',
  'promptCacheKey',
])

function decodeResponse(body: unknown): CanonicalEvent[] {
  const answer = objectOf(body)
  if (answer === undefined)
    return [{ type: 'failure', failure: failure('malformed', 'the answer is no JSON object') }]
  const out: CanonicalEvent[] = []
  const decoder = new MistralDecoder()
  decoder.read(answer, out)
  decoder.finish(out)
  return out
}

/**
 * Mistral's chat completion, at https://api.mistral.ai/v1. Near OpenAI's, but
 * content may be a list of chunks both ways (thinking, references, documents),
 * and ids, seeds and tool choices are spelled differently.
 * After https://docs.mistral.ai/api/endpoint/chat, read 2026-11-20.
 */
export const mistralAdapter: ProviderAdapter = {
  id: 'mistral',
  wire: 'mistral',
  framing: 'sse',
  relay: false,
  features,
  encodeRequest,
  createDecoder: () => new MistralDecoder(),
  decodeResponse,
  decodeFailure,
}
