import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { Feature, ProviderAdapter } from '../adapter.ts'
import { objectOf, objectsOf } from '../json-values.ts'
import { GeminiDecoder } from './decoder.ts'
import { decodeFailure } from './failures.ts'
import { decodeCountTokens, encodeCountTokens, encodeRequest } from './request.ts'

/**
 * Not here: `singleToolCall` (no such setting), `minP`, `repetitionPenalty` and
 * `logitBias` (no such fields), `prefill` (a last turn of the model is refused by
 * thinking models), `cacheMarks` (caching is implicit, or by a `cachedContent`
 * made before), `userId`, `metadata`, `imageDetail`, `participantNames`,
 * `strictTools`, `documentTitles` and `documentContext` (no such fields).
 */
const features: ReadonlySet<Feature> = new Set([
  'tools',
  // 128 characters (FunctionDeclaration of the Vertex AI reference, read 2026-11-26).
  'longToolNames',
  'toolChoiceNone',
  'toolChoiceRequired',
  'toolChoiceNamed',
  'toolChoiceAllowed',
  'imageUrl',
  'imageBase64',
  'audioInput',
  'videoInput',
  'fileBase64',
  'fileUrl',
  'fileId',
  'fileText',
  'toolResultImages',
  'toolErrors',
  'thoughts',
  'hiddenReasoning',
  'jsonMode',
  'jsonSchema',
  'reasoning',
  'n',
  'logprobs',
  'audioOutput',
  'imageOutput',
  'stop',
  'temperature',
  'topP',
  'topK',
  'seed',
  'frequencyPenalty',
  'presencePenalty',
  'serviceTier',
])

/** Reads a whole answer; a list of chunks is what a stream without `alt=sse` gives. */
function decodeResponse(body: unknown): CanonicalEvent[] {
  const out: CanonicalEvent[] = []
  const chunks = Array.isArray(body) ? objectsOf(body) : [objectOf(body)]
  const decoder = new GeminiDecoder()
  for (const chunk of chunks) {
    if (chunk === undefined)
      return [{ type: 'failure', failure: failure('malformed', 'the answer is no JSON object') }]
    decoder.read(chunk, out)
  }
  decoder.endWhole(out)
  return out
}

/**
 * Google's generateContent, at https://generativelanguage.googleapis.com/v1beta
 * and, in the same form, at Vertex AI
 * (`https://{region}-aiplatform.googleapis.com/v1/projects/{p}/locations/{l}/publishers/google`).
 * After https://ai.google.dev/api/generate-content, read 2026-11-20.
 *
 * Not a relay: no dialect of ours speaks this form.
 */
export const geminiAdapter: ProviderAdapter = {
  id: 'gemini',
  wire: 'gemini',
  framing: 'sse',
  relay: false,
  features,
  // "The set of character sequences (up to 5)" (https://ai.google.dev/api/generate-content, read 2026-11-26).
  maxStopSequences: 5,
  encodeRequest,
  encodeCountTokens,
  decodeCountTokens,
  createDecoder: () => new GeminiDecoder(),
  decodeResponse,
  decodeFailure,
}
