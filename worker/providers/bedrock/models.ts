import type { Feature } from '../../canonical/features.ts'
import type { AdapterTarget } from '../adapter.ts'
import { type ClaudeModel, claudeModel, isClaude } from '../anthropic/claude-models.ts'

/** How a model's maker wants to be told to think; Converse itself has no word for it. */
export type ThinkingForm = 'claude' | 'nova' | 'gpt-oss' | 'qwen'

/** What differs between the makers behind Converse. */
export interface BedrockModel {
  readonly claude?: ClaudeModel
  readonly thinking?: ThinkingForm
  /** Takes `cachePoint` in prompts. */
  readonly caches: boolean
  /** Takes `cachePoint` among the tools. */
  readonly cachesTools: boolean
  readonly strictTools: boolean
  readonly stopSequences: boolean
}

const plain: BedrockModel = {
  caches: false,
  cachesTools: false,
  strictTools: false,
  stopSequences: true,
}

/** Claudes whose copy of the Messages schema on Bedrock refuses `strict` (`@ai-sdk/amazon-bedrock` 5.0.101, 2026-11-20). */
const withoutStrict = /claude-(?:opus-4-[78]|opus-5|fable-5|sonnet-5)/

/**
 * How `target` wants to be asked. An application inference profile hides the
 * maker in its ARN; `modelFamily` in the provider's options names it then.
 *
 * Sources, 2026-11-20: `@ai-sdk/amazon-bedrock` 5.0.101 for thinking and stop
 * sequences; the Bedrock user guide, "Prompt caching", for cache points.
 */
export function bedrockModel({ upstreamModel, options }: AdapterTarget): BedrockModel {
  const family = options['modelFamily']
  if (family === 'anthropic' || isClaude(upstreamModel))
    return {
      claude: claudeModel(upstreamModel),
      thinking: 'claude',
      caches: true,
      cachesTools: true,
      strictTools: !withoutStrict.test(upstreamModel),
      stopSequences: true,
    }
  if (/amazon\.nova/.test(upstreamModel))
    return { ...plain, caches: true, ...(/nova-2/.test(upstreamModel) ? { thinking: 'nova' } : {}) }
  if (/openai\.gpt-oss/.test(upstreamModel))
    return { ...plain, thinking: 'gpt-oss', stopSequences: false }
  if (/qwen\./.test(upstreamModel)) return { ...plain, thinking: 'qwen' }
  return plain
}

/** What Converse has a word for and this model does not take. */
export function lacksOf(model: BedrockModel): readonly Feature[] {
  const lacks: Feature[] = []
  if (!model.caches) lacks.push('cacheMarks')
  if (!model.strictTools) lacks.push('strictTools')
  if (!model.stopSequences) lacks.push('stop')
  // Only a Claude is told whether to show its thinking.
  if (model.claude === undefined) lacks.push('hiddenReasoning')
  return lacks
}
