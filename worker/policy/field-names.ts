import type { Field } from '../canonical/features.ts'
import type { CanonicalRequest } from '../canonical/request.ts'

/** OpenAI's names; a caller whose format has others brings them along (`CanonicalRequest.fields`). */
const openAiNames: Readonly<Partial<Record<Field, string>>> = {
  toolChoiceNone: 'tool_choice',
  toolChoiceRequired: 'tool_choice',
  toolChoiceNamed: 'tool_choice',
  toolChoiceAllowed: 'tool_choice',
  singleToolCall: 'parallel_tool_calls',
  parallelTools: 'parallel_tool_calls',
  jsonMode: 'response_format',
  jsonSchema: 'response_format',
  reasoning: 'reasoning_effort',
  audioOutput: 'modalities',
  imageOutput: 'modalities',
  topP: 'top_p',
  topK: 'top_k',
  minP: 'min_p',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  repetitionPenalty: 'repetition_penalty',
  logitBias: 'logit_bias',
  maxOutputTokens: 'max_tokens',
  audioSettings: 'audio',
  userId: 'user',
  serviceTier: 'service_tier',
  promptCacheKey: 'prompt_cache_key',
}

/** What the caller calls `field`. A field without a name of its own is called as we call it. */
export function nameOf(
  { fields }: Pick<CanonicalRequest, 'fields'>,
  field: Field,
  otherwise: string = openAiNames[field] ?? field,
): string {
  return fields?.[field] ?? otherwise
}
