import type { Feature, ProviderAdapter } from './adapter.ts'
import { decodeFailure } from './openai/decode-failure.ts'
import { decodeResponse } from './openai/decode-response.ts'
import { OpenAiDecoder } from './openai/decoder.ts'
import { encodeRequest, lacksOf } from './openai/encode-request.ts'
import type { OpenAiQuirks } from './openai/quirks.ts'

/** Makes the adapter of a vendor that speaks OpenAI's Chat Completions, more or less: `quirks` says how much. */
export function createOpenAiAdapter(quirks: OpenAiQuirks): ProviderAdapter {
  return {
    id: quirks.id,
    wire: 'openai-chat',
    framing: 'sse',
    relay: quirks.relay === true,
    features: featuresOf(quirks),
    lacks: (target) => lacksOf(quirks, target),
    ...(quirks.maxStopSequences === undefined ? {} : { maxStopSequences: quirks.maxStopSequences }),
    encodeRequest: (request, target) => encodeRequest(quirks, request, target),
    createDecoder: () => new OpenAiDecoder(quirks),
    decodeResponse: (body) => decodeResponse(quirks, body),
    decodeFailure: (status, headers, body) => decodeFailure(quirks, status, headers, body),
  }
}

/** What the row names, and what follows from how it thinks. */
function featuresOf({ features, reasoning, reasoningEcho }: OpenAiQuirks): ReadonlySet<Feature> {
  const all = new Set(features)
  if (reasoningEcho !== undefined) all.add('thoughts')
  // OpenRouter's `exclude`.
  if (reasoning === 'object') all.add('hiddenReasoning')
  return all
}
