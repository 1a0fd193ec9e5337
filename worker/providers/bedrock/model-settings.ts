import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import type { AdapterTarget } from '../adapter.ts'
import type { ClaudeModel } from '../anthropic/claude-models.ts'
import type { Note } from '../anthropic/encode-blocks.ts'
import { maxTokensOf, samplingOf, thinkingOf } from '../anthropic/encode-request.ts'
import { present } from '../json-values.ts'
import type { BedrockModel } from './models.ts'

export interface ModelSettings {
  /** `inferenceConfig` without stop sequences. */
  readonly inference: JsonObject
  /** `additionalModelRequestFields`: what only the model's maker has a word for. */
  readonly modelFields?: JsonObject
}

/** Limit, sampling and thinking, each where this model's maker wants it. */
export function encodeModelSettings(
  request: CanonicalRequest,
  target: AdapterTarget,
  model: BedrockModel,
  note: Note,
): ModelSettings {
  if (model.claude !== undefined) return claudeSettings(request, target, model.claude, note)
  const { temperature, topP, topK } = request.sampling
  const warm = temperature !== undefined && temperature > 1
  if (warm) note('temperature')
  const limited = request.maxOutputTokens !== undefined
  return withModelFields(
    {
      maxTokens: limited ? maxTokensOf(request, target) : undefined,
      // 0 to 1 in InferenceConfiguration, where OpenAI's callers may say 2.
      temperature: warm ? 1 : temperature,
      topP,
    },
    { ...topKField(target.upstreamModel, topK), ...reasoningField(request, model, limited, note) },
  )
}

/** A Claude takes its own API's fields beside Converse's (user guide, "Anthropic Claude Messages API"; corpus bedrock/chat *thinking*). */
function claudeSettings(
  request: CanonicalRequest,
  target: AdapterTarget,
  claude: ClaudeModel,
  note: Note,
): ModelSettings {
  const maxTokens = maxTokensOf(request, target)
  const { thinking, effort, ...rest } = thinkingOf(request, claude, maxTokens, note)
  const sampling = samplingOf(
    request,
    claude,
    thinking === undefined ? rest : { ...rest, thinking },
    note,
  )
  return withModelFields(
    {
      maxTokens: request.maxOutputTokens === undefined ? undefined : maxTokens,
      temperature: sampling['temperature'],
      topP: sampling['top_p'],
    },
    {
      thinking,
      output_config: effort === undefined ? undefined : { effort },
      top_k: sampling['top_k'],
    },
  )
}

function withModelFields(inference: JsonObject, modelFields: JsonObject): ModelSettings {
  const fields = present(modelFields)
  return {
    inference: present(inference),
    ...(Object.keys(fields).length === 0 ? {} : { modelFields: fields }),
  }
}

function topKField(modelId: string, topK: number | undefined): JsonObject {
  if (topK === undefined) return {}
  if (/amazon\.nova/.test(modelId)) return { inferenceConfig: { topK } }
  return /cohere\./.test(modelId) ? { k: topK } : { top_k: topK }
}

/** Thinking in the words of the makers besides Anthropic; a model without any is asked without. */
function reasoningField(
  { reasoning }: CanonicalRequest,
  model: BedrockModel,
  limited: boolean,
  note: Note,
): JsonObject {
  if (reasoning === undefined) return {}
  const off = reasoning.enabled === false || reasoning.effort === 'none'
  const effort = plainEffort(reasoning.effort)
  const form = model.thinking
  if (form === undefined || form === 'claude') {
    if (!off) note('reasoning')
    return {}
  }
  switch (form) {
    case 'nova': {
      if (off) return { reasoningConfig: { type: 'disabled' } }
      // `high` refuses a token limit, and the limit is what the money is held for.
      const tooHigh = effort === 'high' && limited
      if (tooHigh) note('reasoning')
      return {
        reasoningConfig: { type: 'enabled', maxReasoningEffort: tooHigh ? 'medium' : effort },
      }
    }
    case 'gpt-oss':
      if (off) note('reasoning')
      return { reasoning_effort: off ? 'low' : effort }
    case 'qwen':
      return off ? {} : { reasoning_config: effort }
  }
}

/** The three efforts that every one of these models knows. */
function plainEffort(effort: string | undefined): 'low' | 'medium' | 'high' {
  if (effort === 'minimal' || effort === 'low') return 'low'
  return effort === 'high' || effort === 'xhigh' || effort === 'max' ? 'high' : 'medium'
}
