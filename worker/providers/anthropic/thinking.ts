import type { Feature } from '../../canonical/features.ts'
import type { JsonObject, ReasoningRequest } from '../../canonical/request.ts'
import { present } from '../json-values.ts'
import type { ClaudeModel } from './claude-models.ts'

/** How a Claude is told to think. */
export interface Thinking {
  /** The `thinking` object; absent leaves the model's own default. */
  readonly thinking?: JsonObject
  /** `output_config.effort`. */
  readonly effort?: string
  /** True when the model thinks and the caller did not spell out how: such thinking may give way to a forced tool. */
  readonly derived: boolean
  readonly unhonoured: readonly Feature[]
}

/** Smallest `budget_tokens` (platform.claude.com, extended thinking, 2026-11-20). */
const minBudgetTokens = 1024

/** Share of the answer's limit that an effort may think with; the ratios OpenRouter documents for the same translation. */
const effortShares: Readonly<Record<string, number>> = {
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.95,
  max: 0.95,
}

/**
 * Translates a wish to reason into what `model` accepts.
 *
 * The answer's limit is never raised to make room for thinking: money is held
 * for that limit. A budget is taken out of it, and where it is too small to
 * think in (1024 tokens) the model answers without.
 *
 * An effort that came as Anthropic's own clients send it stays an effort on models
 * that know the word; one that asks for thinking itself (OpenAI's) also turns it on.
 */
export function encodeThinking(
  reasoning: ReasoningRequest | undefined,
  model: ClaudeModel,
  maxTokens: number,
): Thinking {
  if (reasoning === undefined) return { derived: false, unhonoured: [] }
  if (reasoning.enabled === false || reasoning.effort === 'none') return turnedOff(reasoning, model)
  const display =
    reasoning.hidden === undefined ? undefined : reasoning.hidden ? 'omitted' : 'summarized'
  const effort = effortFor(reasoning.effort, model)
  const withEffort = effort === undefined ? {} : { effort }
  const explicit = reasoning.adaptive === true || reasoning.budgetTokens !== undefined
  const asked = reasoning.enabled === true || reasoning.effortAsksToThink === true
  const on = explicit || asked || display !== undefined
  if (!on && (effort !== undefined || reasoning.effort === undefined))
    return { ...withEffort, derived: false, unhonoured: [] }
  const budgetTokens = reasoning.budgetTokens ?? budgetFor(reasoning.effort ?? 'medium', maxTokens)
  const wantsBudget = reasoning.budgetTokens !== undefined && reasoning.adaptive !== true
  if (model.adaptive && !(wantsBudget && model.budget))
    return {
      thinking: present({ type: 'adaptive', display }),
      ...withEffort,
      derived: !explicit,
      unhonoured: [],
    }
  if (budgetTokens === undefined)
    return { ...withEffort, derived: false, unhonoured: ['reasoning'] }
  return {
    thinking: present({ type: 'enabled', budget_tokens: budgetTokens, display }),
    ...withEffort,
    derived: !explicit,
    unhonoured: [],
  }
}

/** Thinking turned off: said aloud, because newer models think unless told not to. */
function turnedOff(reasoning: ReasoningRequest, model: ClaudeModel): Thinking {
  // These models always think; the lowest effort is the nearest they come.
  if (!model.canDisable) return { effort: 'low', derived: false, unhonoured: ['reasoning'] }
  const wanted = reasoning.effort === 'none' ? undefined : effortFor(reasoning.effort, model)
  const tooHigh = !model.canDisableAboveHigh && (wanted === 'xhigh' || wanted === 'max')
  const effort = tooHigh ? 'high' : wanted
  return {
    thinking: { type: 'disabled' },
    ...(effort === undefined ? {} : { effort }),
    derived: false,
    unhonoured: tooHigh ? ['reasoning'] : [],
  }
}

/** The nearest word `model` knows for `effort`; undefined when it knows none. */
function effortFor(effort: string | undefined, model: ClaudeModel): string | undefined {
  if (effort === undefined || !model.effort) return undefined
  if (effort === 'minimal') return 'low'
  if (effort === 'xhigh' && !model.xhighEffort) return 'high'
  return effort
}

/** Tokens of `maxTokens` to think with; undefined when that leaves no room for thinking or for an answer. */
function budgetFor(effort: string, maxTokens: number): number | undefined {
  if (maxTokens <= minBudgetTokens) return undefined
  const share = effortShares[effort] ?? effortShares['medium'] ?? 0.5
  return Math.max(minBudgetTokens, Math.floor(maxTokens * share))
}
