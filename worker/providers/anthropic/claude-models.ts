/** What differs between Claude models in the way they want to be asked. */
export interface ClaudeModel {
  /** `thinking: {type: 'adaptive'}`. */
  readonly adaptive: boolean
  /** `thinking: {type: 'enabled', budget_tokens}`. */
  readonly budget: boolean
  /** `thinking: {type: 'disabled'}`. */
  readonly canDisable: boolean
  /** The same beside an effort above `high`. */
  readonly canDisableAboveHigh: boolean
  /** `output_config.effort`. */
  readonly effort: boolean
  readonly xhighEffort: boolean
  /** `temperature`, `top_p` and `top_k` other than their defaults. */
  readonly sampling: boolean
  /** `temperature` and `top_p` in one request. */
  readonly temperatureWithTopP: boolean
  /** `tool_choice` of `any` or `tool`. */
  readonly forcedTools: boolean
  /** `role: 'system'` after the first turn. */
  readonly laterSystem: boolean
}

const early: ClaudeModel = {
  adaptive: false,
  budget: true,
  canDisable: true,
  canDisableAboveHigh: true,
  effort: false,
  xhighEffort: false,
  sampling: true,
  temperatureWithTopP: true,
  forcedTools: true,
  laterSystem: false,
}
const fourFive: ClaudeModel = { ...early, temperatureWithTopP: false }
const fourSix: ClaudeModel = { ...fourFive, adaptive: true, effort: true }
const fourSeven: ClaudeModel = { ...fourSix, sampling: false, xhighEffort: true }
const five: ClaudeModel = { ...fourSeven, canDisableAboveHigh: false }
const alwaysThinking: ClaudeModel = { ...five, canDisable: false, budget: false }

/**
 * First match wins; ids are matched by a part of them because Bedrock, Vertex
 * and dated snapshots wrap the same name.
 *
 * Sources, read 2026-11-20: the model rules of `@ai-sdk/anthropic` 4.0.105
 * (`anthropic-model-catalog.ts`); `@anthropic-ai/sdk` 1.11.0 types; for later
 * system messages platform.claude.com "Mid-conversation system messages" and
 * the 400s quoted in gproxy issue 209 and claude-agent-sdk issue 350 (Opus 4.8
 * and Opus 5 take them, Haiku 4.5 does not; a model nobody has shown to take
 * them is treated as one that does not).
 */
const rules: readonly (readonly [RegExp, ClaudeModel])[] = [
  [/claude-sonnet-5-5/, { ...alwaysThinking, forcedTools: false }],
  [/claude-opus-5-5/, { ...alwaysThinking, forcedTools: false, laterSystem: true }],
  [/claude-haiku-5-5/, { ...five, budget: false }],
  [/claude-opus-5/, { ...five, laterSystem: true }],
  [/claude-fable-5-[12]/, { ...alwaysThinking, canDisableAboveHigh: true, forcedTools: false }],
  [/claude-fable-5/, { ...alwaysThinking, canDisableAboveHigh: true }],
  [/claude-opus-4-8/, { ...fourSeven, laterSystem: true }],
  [/claude-opus-4-7|claude-sonnet-5/, fourSeven],
  [/claude-(?:sonnet|opus)-4-6/, fourSix],
  [/claude-opus-4-5/, { ...fourFive, effort: true }],
  [/claude-(?:sonnet-4-5|haiku-4-5|opus-4-1)/, fourFive],
  [/claude-(?:instant|v?2|3|(?:sonnet|opus)-4(?:[-@]|$))/, early],
  // A Claude that is newer than this table.
  [/claude-/, five],
]

/** True for a Claude, under any cloud's spelling of its id. */
export function isClaude(modelId: string): boolean {
  return /claude|(?:^|[./])anthropic\./.test(modelId)
}

/** Thirteen patterns for each request are 2 us; the models of a configuration are few. */
const remembered = new Map<string, ClaudeModel>()
const mostRemembered = 256

/** How `modelId` wants to be asked. Models of other makers behind an Anthropic-like API get the oldest rules. */
export function claudeModel(modelId: string): ClaudeModel {
  const known = remembered.get(modelId)
  if (known !== undefined) return known
  const found = rules.find(([pattern]) => pattern.test(modelId))?.[1] ?? early
  if (remembered.size === mostRemembered) remembered.clear()
  remembered.set(modelId, found)
  return found
}
