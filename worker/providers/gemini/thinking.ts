import type { ReasoningRequest } from '../../canonical/request.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { AdapterTarget } from '../adapter.ts'
import { present } from '../json-values.ts'

/*
 * Gemini 3 and later take a level and cannot be told not to think; 2.5 takes a
 * budget in tokens, and 2.5 Pro cannot go below 128; older models know neither
 * (https://ai.google.dev/gemini-api/docs/thinking, 2026-11-20).
 */

/** Major version in a Gemini model's name; undefined for `gemini-flash-latest` and other families. */
export function generationOf(upstreamModel: string): number | undefined {
  const version = /gemini-(\d+(?:\.\d+)?)/.exec(upstreamModel)?.[1]
  return version === undefined ? undefined : Number(version)
}

/** True for Gemini 3 and later, and for names without a version, which point at the newest. */
export function isThirdGeneration(upstreamModel: string): boolean {
  const generation = generationOf(upstreamModel)
  return generation === undefined ? /gemini-/.test(upstreamModel) : generation >= 3
}

/** Budgets that Google's own OpenAI endpoint uses (https://ai.google.dev/gemini-api/docs/openai#thinking, 2026-11-20). */
const budgetByEffort: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576,
}

/** `generationConfig.thinkingConfig`; undefined when nothing was asked, or the model cannot think. */
export function thinkingConfig(
  reasoning: ReasoningRequest | undefined,
  target: AdapterTarget,
): JsonObject | undefined {
  if (reasoning === undefined || target.facts?.reasoning === false) return undefined
  const generation = generationOf(target.upstreamModel)
  if (generation !== undefined && generation < 2.5) return undefined
  const off = reasoning.enabled === false || reasoning.effort === 'none'
  const amount = isThirdGeneration(target.upstreamModel)
    ? levelOf(reasoning, off, target.upstreamModel)
    : { thinkingBudget: budgetOf(reasoning, off, target.upstreamModel) }
  const includeThoughts = reasoning.hidden === true ? false : off ? undefined : true
  return present({ ...amount, includeThoughts })
}

function levelOf(reasoning: ReasoningRequest, off: boolean, model: string): JsonObject {
  // A budget is still understood, but never beside a level.
  if (!off && reasoning.effort === undefined && reasoning.budgetTokens !== undefined)
    return { thinkingBudget: reasoning.budgetTokens }
  const effort = off ? 'minimal' : reasoning.effort
  if (effort === undefined) return {}
  // Pro models have no `minimal`.
  if (effort === 'minimal') return { thinkingLevel: /flash/.test(model) ? 'minimal' : 'low' }
  const level = ['low', 'medium', 'high'].includes(effort) ? effort : 'high'
  // The first Gemini 3 Pro knew `low` and `high` only.
  return { thinkingLevel: level === 'medium' && /gemini-3-pro/.test(model) ? 'high' : level }
}

function budgetOf(reasoning: ReasoningRequest, off: boolean, model: string): number | undefined {
  const isPro = /2\.5-pro/.test(model)
  if (off) return isPro ? 128 : 0
  if (reasoning.budgetTokens !== undefined) return reasoning.budgetTokens
  if (reasoning.effort !== undefined) return budgetByEffort[reasoning.effort] ?? -1
  return reasoning.adaptive === true ? -1 : undefined
}

/** What a wish was sent as, where Google has no word for it; undefined where it has. */
export function thinkingChange(
  reasoning: ReasoningRequest | undefined,
  config: JsonObject | undefined,
): string | undefined {
  if (reasoning === undefined || config === undefined) return undefined
  const { thinkingLevel: level, thinkingBudget: budget } = config
  const off = reasoning.enabled === false || reasoning.effort === 'none'
  const asked = off ? 'none' : reasoning.effort
  if (level !== undefined && level !== asked) return `the level "${String(level)}"`
  return off && typeof budget === 'number' && budget > 0
    ? `a budget of ${budget} tokens`
    : undefined
}
