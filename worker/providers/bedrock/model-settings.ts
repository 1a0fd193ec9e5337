import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import type { AdapterTarget } from '../adapter.ts'
import type { ClaudeModel } from '../anthropic/claude-models.ts'
import { maxTokensOf, samplingOf, thinkingOf } from '../anthropic/encode-request.ts'
import { type Departures, outputLimitOf } from '../departures.ts'
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
  departures: Departures,
): ModelSettings {
  if (model.claude !== undefined) return claudeSettings(request, target, model.claude, departures)
  const { temperature, topP, topK } = request.sampling
  const warm = temperature !== undefined && temperature > 1
  if (warm) departures.change('temperature', '1')
  const limited = request.maxOutputTokens !== undefined
  return withModelFields(
    {
      maxTokens: outputLimitOf(request, target, departures),
      // 0 to 1 in InferenceConfiguration, where OpenAI's callers may say 2.
      temperature: warm ? 1 : temperature,
      topP,
    },
    {
      ...topKField(target.upstreamModel, topK),
      ...reasoningField(request, model, limited, target.facts?.reasoning, departures),
    },
  )
}

/** A Claude takes its own API's fields beside Converse's (user guide, "Anthropic Claude Messages API"; corpus bedrock/chat *thinking*). */
function claudeSettings(
  request: CanonicalRequest,
  target: AdapterTarget,
  claude: ClaudeModel,
  departures: Departures,
): ModelSettings {
  const maxTokens = maxTokensOf(request, target, departures)
  const { thinking, effort, ...rest } = thinkingOf(request, claude, maxTokens, departures)
  const sampling = samplingOf(
    request,
    claude,
    thinking === undefined ? rest : { ...rest, thinking },
    departures,
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
  reasons: boolean | undefined,
  departures: Departures,
): JsonObject {
  if (reasoning === undefined) return {}
  const off = reasoning.enabled === false || reasoning.effort === 'none'
  const effort = plainEffort(reasoning.effort)
  const form = model.thinking
  if (form === undefined || form === 'claude') {
    if (!off || reasons !== false) departures.leave('reasoning')
    return {}
  }
  const noteEffort = (sent: string) => {
    const isMeasured = (reasoning.effort ?? reasoning.budgetTokens) !== undefined
    if (off || (isMeasured && sent !== reasoning.effort))
      departures.change('reasoning', `the effort "${sent}"`)
  }
  switch (form) {
    case 'nova': {
      if (off) return { reasoningConfig: { type: 'disabled' } }
      // `high` refuses a token limit, and the limit is what the money is held for.
      const most = effort === 'high' && limited ? 'medium' : effort
      noteEffort(most)
      return { reasoningConfig: { type: 'enabled', maxReasoningEffort: most } }
    }
    case 'gpt-oss':
      noteEffort(off ? 'low' : effort)
      return { reasoning_effort: off ? 'low' : effort }
    case 'qwen':
      if (!off) noteEffort(effort)
      return off ? {} : { reasoning_config: effort }
  }
}

/** The three efforts that every one of these models knows. */
function plainEffort(effort: string | undefined): 'low' | 'medium' | 'high' {
  if (effort === 'minimal' || effort === 'low') return 'low'
  return effort === 'high' || effort === 'xhigh' || effort === 'max' ? 'high' : 'medium'
}
