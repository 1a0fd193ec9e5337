import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { Feature, ProviderAdapter } from '../adapter.ts'
import { objectOf } from '../json-values.ts'
import { OllamaDecoder } from './decoder.ts'
import { decodeFailure } from './failures.ts'
import { encodeRequest } from './request.ts'

/**
 * Not here: `toolChoiceRequired`, `toolChoiceNamed` and `singleToolCall` (no tool
 * choice at all), `imageUrl` (base64 only), `n`, `logitBias`.
 */
const features: ReadonlySet<Feature> = new Set([
  'tools',
  'longToolNames',
  'toolChoiceNone',
  'imageBase64',
  'toolResultImages',
  'fileText',
  'thoughts',
  'jsonMode',
  'jsonSchema',
  'reasoning',
  'logprobs',
  'stop',
  'temperature',
  'topP',
  'topK',
  'minP',
  'seed',
  'frequencyPenalty',
  'presencePenalty',
  'repetitionPenalty',
])

function decodeResponse(body: unknown): CanonicalEvent[] {
  const answer = objectOf(body)
  if (answer === undefined)
    return [{ type: 'failure', failure: failure('malformed', 'the answer is no JSON object') }]
  const out: CanonicalEvent[] = []
  const decoder = new OllamaDecoder()
  decoder.read(answer, out)
  decoder.end(out)
  return out
}

/**
 * Ollama's own API, at http://localhost:11434 or https://ollama.com. Its
 * OpenAI-shaped endpoint is the row `ollama-openai`.
 * After https://docs.ollama.com/api/chat, read 2026-11-20.
 */
export const ollamaAdapter: ProviderAdapter = {
  id: 'ollama',
  wire: 'ollama',
  framing: 'json-lines',
  relay: false,
  features,
  encodeRequest,
  createDecoder: () => new OllamaDecoder(),
  decodeResponse,
  decodeFailure,
}
