import { toolText } from '../../canonical/tool-text.ts'
import type { OpenAiQuirks } from '../openai/quirks.ts'
import { features, featureSets } from '../rows/feature-sets.ts'

/**
 * What Workers AI's chat models take, in OpenAI's words: newer models speak Chat
 * Completions under `/ai/run/` too, older ones their own subset of it
 * (`ChatCompletionsInput` and `AiTextGenerationInput` in @cloudflare/workers-types,
 * 2026-11-20).
 *
 * Not here: `imageUrl` (data URIs only: "HTTP URL will not be accepted").
 */
export const workersAiQuirks: OpenAiQuirks = {
  id: 'workers-ai',
  page: toolText('https://developers.cloudflare.com/workers-ai/models/'),
  readOn: '2026-11-20',
  verified: 'recorded',
  baseUrl: toolText('https://api.cloudflare.com/client/v4/accounts/{account}'),
  features: features(
    [featureSets.common, featureSets.sampling],
    ['topK', 'repetitionPenalty'],
    ['imageUrl', 'toolChoiceAllowed'],
  ),
  reasoning: 'effort',
  // Older models give no finish reason at all, and newer ones say `stop` over a call.
  toolCallsOverStop: true,
}
