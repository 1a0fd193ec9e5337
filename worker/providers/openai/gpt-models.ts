import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest } from '../../canonical/request.ts'

/** How one of OpenAI's own models takes sampling. */
interface GptModel {
  /** Penalties, biases and the like are refused, whatever else is asked. */
  readonly lacks: readonly Feature[]
  /** `temperature`, `top_p` and `logprobs`: taken, refused, or taken when thinking is turned off in so many words. */
  readonly sampling: 'taken' | 'refused' | 'without-thinking'
}

const plain: GptModel = { lacks: [], sampling: 'taken' }
const thinking: GptModel = {
  lacks: ['frequencyPenalty', 'presencePenalty', 'logitBias', 'logprobs', 'stop'],
  sampling: 'refused',
}
/** Takes log probabilities, and perhaps stop sequences, when it does not think. */
const mayThink: GptModel = {
  lacks: ['frequencyPenalty', 'presencePenalty', 'logitBias'],
  sampling: 'without-thinking',
}

/**
 * First match wins; gateways put the maker in front (`openai/gpt-5`).
 *
 * Sources: for sampling the model rules of `@ai-sdk/openai` 4.0.118
 * (`openai-model-catalog.ts`, `openai-chat-language-model.ts`, read
 * 2026-11-26); for stop sequences the vendor's OpenAPI document 2.3.0 (`stop`:
 * "not supported with latest reasoning models o3 and o4-mini") and the recorded
 * refusal openai/chat/err400-openai-gpt-5-mini-completions-7e2534.
 */
const rules: readonly (readonly [RegExp, GptModel])[] = [
  [/^(?:openai\/)?gpt-5-chat/, plain],
  [/^(?:openai\/)?o\d/, thinking],
  [/^(?:openai\/)?gpt-5(?:-|$)/, thinking],
  [/^(?:openai\/)?gpt-5\.\d/, mayThink],
  [/^(?:openai\/)?gpt-6(?:-(?:luna|sol)|\.1-terra)/, mayThink],
  [/^(?:openai\/)?gpt-(?:[6-9]|\d\d)/, { ...thinking, lacks: mayThink.lacks }],
]

function gptModel(modelId: string): GptModel {
  return rules.find(([pattern]) => pattern.test(modelId))?.[1] ?? plain
}

/** What `modelId` refuses whatever else is asked. */
export function gptLacks(modelId: string): readonly Feature[] {
  return gptModel(modelId).lacks
}

/** True when `modelId` takes `temperature` and `top_p` beside what `request` asks of its thinking. */
export function gptSamples(modelId: string, { reasoning }: CanonicalRequest): boolean {
  const { sampling } = gptModel(modelId)
  if (sampling !== 'without-thinking') return sampling === 'taken'
  return reasoning?.effort === 'none' || reasoning?.enabled === false
}
