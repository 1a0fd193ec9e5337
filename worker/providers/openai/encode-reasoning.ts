import type { CanonicalRequest, JsonObject, ReasoningRequest } from '../../canonical/request.ts'
import type { AdapterTarget } from '../adapter.ts'
import type { Departures } from '../departures.ts'
import type { OpenAiQuirks } from './quirks.ts'

/** How the request for thinking is written for this vendor; nothing where it has no words for it. */
export function encodeReasoning(
  request: CanonicalRequest,
  target: AdapterTarget,
  quirks: OpenAiQuirks,
  departures: Departures,
): JsonObject {
  const { reasoning } = request
  if (reasoning === undefined) return {}
  // A model that cannot think refuses the parameter, whatever it says (OpenAI: 400 unsupported_parameter).
  if (target.facts?.reasoning === false) return {}
  const isOff = isTurnedOff(reasoning)
  if (quirks.reasoning === undefined || !quirks.features.has('reasoning')) {
    // It thinks as it likes, and cannot be told not to either.
    departures.leave('reasoning')
    return {}
  }
  switch (quirks.reasoning) {
    case 'effort':
      return effortField(isOff ? 'none' : asEffort(reasoning, departures))
    case 'object':
      return { reasoning: reasoningObject(reasoning, isOff) }
    case 'thinking':
      // An effort alone leaves the switch to the model's default, as recorded (corpus deepseek, zai).
      if (isOff) return { thinking: { type: 'disabled' } }
      if (reasoning.budgetTokens !== undefined)
        departures.change('reasoning', 'thinking without a budget')
      return reasoning.effort === undefined || reasoning.enabled === true
        ? { thinking: { type: 'enabled' }, ...effortField(reasoning.effort) }
        : effortField(reasoning.effort)
    case 'enable-thinking':
      if (!isOff && reasoning.effort !== undefined)
        departures.change('reasoning', 'thinking without an effort')
      return {
        enable_thinking: !isOff,
        ...(reasoning.budgetTokens === undefined || isOff
          ? {}
          : { thinking_budget: reasoning.budgetTokens }),
      }
  }
}

function effortField(effort: string | undefined): JsonObject {
  return effort === undefined ? {} : { reasoning_effort: effort }
}

function isTurnedOff(reasoning: ReasoningRequest): boolean {
  return reasoning.enabled === false || reasoning.effort === 'none'
}

/** OpenRouter takes effort or a token budget, not both. */
function reasoningObject(reasoning: ReasoningRequest, isOff: boolean): JsonObject {
  if (isOff) return { enabled: false }
  const { effort, budgetTokens } = reasoning
  return {
    ...(budgetTokens !== undefined
      ? { max_tokens: budgetTokens }
      : effort !== undefined
        ? { effort }
        : { enabled: true }),
    ...(reasoning.hidden === true ? { exclude: true } : {}),
  }
}

/** A budget is said as the step that comes closest; thinking without a measure is the model's own default. */
function asEffort(reasoning: ReasoningRequest, departures: Departures): string | undefined {
  const effort = effortOf(reasoning)
  if (effort === undefined) {
    const asked = reasoning.enabled === true || reasoning.adaptive === true
    if (asked) departures.change('reasoning', "the model's own default")
  } else if (reasoning.effort === undefined)
    departures.change('reasoning', `the effort "${effort}"`)
  return effort
}

/**
 * The effort asked for, or the step that a token budget comes closest to.
 * The borders are the ones OpenRouter uses the other way round (openrouter.ai
 * reasoning tokens: low 20 %, medium 50 %, high 80 % of the answer), taken at
 * an answer of 16k tokens.
 */
function effortOf(reasoning: ReasoningRequest): string | undefined {
  if (reasoning.effort !== undefined) return reasoning.effort
  const { budgetTokens } = reasoning
  if (budgetTokens === undefined) return undefined
  if (budgetTokens <= 4096) return 'low'
  return budgetTokens <= 12_288 ? 'medium' : 'high'
}
