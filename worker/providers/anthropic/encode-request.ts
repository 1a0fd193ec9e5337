import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, JsonObject, ReasoningRequest } from '../../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from '../adapter.ts'
import { listOf, objectOf, stringOf, present } from '../json-values.ts'
import { describedSchema } from '../described-schema.ts'
import { Departures, type Leave, outputLimitOf } from '../departures.ts'
import { type ClaudeModel, claudeModel } from './claude-models.ts'
import { encodeMessages } from './encode-messages.ts'
import { encodeToolChoice, encodeTools, forcesTool, offeredTools } from './encode-tools.ts'
import { outputSchema } from './output-schema.ts'
import { encodeThinking, type Thinking } from './thinking.ts'

/** `max_tokens` is required; this is sent when neither caller nor catalog names a limit. Every Claude can give it. */
const fallbackMaxTokens = 4096

/** What the canonical request says for itself: an extension never speaks for it. */
const reserved = new Set([
  'model',
  'messages',
  'system',
  'stream',
  'max_tokens',
  'betas',
  'anthropic_beta',
])

/** Writes `POST /messages`. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const departures = new Departures()
  const { leave } = departures
  const model = claudeModel(target.upstreamModel)
  const maxTokens = maxTokensOf(request, target, departures)
  const thinking = thinkingOf(request, model, maxTokens, departures)
  const prompt = promptOf(request, target, model, departures)
  const stop = stopOf(request, departures)
  const sampling = samplingOf(request, model, thinking, departures)
  // Field by field: behind a spread each is a call into the engine's runtime.
  const body = withExtensions(request, {
    model: prompt.model,
    system: prompt.system,
    messages: prompt.messages,
    tools: prompt.tools,
    tool_choice: prompt.tool_choice,
    max_tokens: maxTokens,
    stop_sequences: stop,
    temperature: sampling.temperature,
    top_p: sampling.top_p,
    top_k: sampling.top_k,
    thinking: thinking.thinking,
    output_config: outputConfigOf(request, thinking),
    metadata: request.userId === undefined ? undefined : { user_id: request.userId },
    service_tier: serviceTierOf(request, leave),
    stream: request.stream ? true : undefined,
  })
  return {
    method: 'POST',
    path: '/messages',
    headers: headersOf(request),
    body,
    ...departures.listed(),
  }
}

/** Writes `POST /messages/count_tokens`: what the model would read, without how it should answer. */
export function encodeCountTokens(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const model = claudeModel(target.upstreamModel)
  const departures = new Departures()
  const maxTokens = maxTokensOf(request, target, departures)
  const thinking = thinkingOf(request, model, maxTokens, departures)
  const body = present({
    ...promptOf(request, target, model, departures),
    thinking: thinking.thinking,
    output_config: outputConfigOf(request, thinking),
  })
  return { method: 'POST', path: '/messages/count_tokens', headers: headersOf(request), body }
}

interface Prompt {
  readonly model: string
  readonly system: readonly JsonObject[] | undefined
  readonly messages: readonly JsonObject[]
  readonly tools: readonly JsonObject[] | undefined
  readonly tool_choice: JsonObject | undefined
}

function promptOf(
  request: CanonicalRequest,
  target: AdapterTarget,
  model: ClaudeModel,
  departures: Departures,
): Prompt {
  const { leave } = departures
  const { system, messages } = encodeMessages(request.messages, model, departures)
  const tools = encodeTools(offeredTools(request), leave)
  return {
    model: target.upstreamModel,
    system: system.length === 0 ? undefined : system,
    messages,
    tools: tools.length === 0 ? undefined : tools,
    tool_choice:
      tools.length === 0 ? undefined : encodeToolChoice(request, model.forcedTools, leave),
  }
}

/** The limit to send: the caller's within the model's, else the model's own. */
export function maxTokensOf(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): number {
  // A budget must be smaller than the limit, so an unknown limit makes room for both.
  const fallback = fallbackMaxTokens + (request.reasoning?.budgetTokens ?? 0)
  return outputLimitOf(request, target, departures) ?? target.maxOutputTokens ?? fallback
}

/** Thinking gives way to a forced tool: the API refuses both at once (extended thinking, "with tool use"). */
export function thinkingOf(
  request: CanonicalRequest,
  model: ClaudeModel,
  maxTokens: number,
  departures: Departures,
): Thinking {
  const reasoning = withinLimit(request, maxTokens, departures)
  const thinking = encodeThinking(reasoning, model, maxTokens)
  const { effort } = thinking
  const isOtherEffort = effort !== undefined && ![undefined, effort].includes(reasoning?.effort)
  if (isOtherEffort || (effort !== undefined && thinking.unhonoured.includes('reasoning')))
    departures.change('reasoning', `the effort "${effort}"`)
  else thinking.unhonoured.forEach(departures.leave)
  if (!thinking.derived || !forcesTool(request) || !model.forcedTools) return thinking
  departures.leave('reasoning')
  const { thinking: _dropped, ...rest } = thinking
  return rest
}

/**
 * A budget that fitted the caller's limit, and does not fit the model's, is cut
 * to fit. One that never did is the caller's own: with interleaved thinking it
 * may be larger than the limit (platform.claude.com, extended thinking, 2026-11-20).
 */
function withinLimit(
  { reasoning, maxOutputTokens }: CanonicalRequest,
  maxTokens: number,
  departures: Departures,
): ReasoningRequest | undefined {
  const budgetTokens = reasoning?.budgetTokens
  if (budgetTokens === undefined || maxOutputTokens === undefined) return reasoning
  if (maxOutputTokens <= maxTokens || budgetTokens < maxTokens) return reasoning
  const fitting = Math.floor(maxTokens * largestThinkingShare)
  departures.change('reasoning', `a budget of ${fitting} tokens`)
  return { ...reasoning, budgetTokens: fitting }
}

/** What is left of an answer when the model may think as much as it likes: the share of the highest effort. */
const largestThinkingShare = 0.95

/** Whitespace alone is refused as a stop sequence. */
function stopOf(
  { stop = [] }: CanonicalRequest,
  departures: Departures,
): readonly string[] | undefined {
  const sequences = stop.filter((sequence) => sequence.trim() !== '')
  if (sequences.length === 0) {
    if (stop.length > 0) departures.leave('stop')
    return undefined
  }
  if (sequences.length < stop.length)
    departures.change('stop', 'those that are more than whitespace')
  return sequences
}

/**
 * Sampling as far as the model takes it. Thinking fixes temperature and top_k
 * and leaves top_p from 0.95; Claude 4.7 and later fix all three; 4.1 and
 * later take one of temperature and top_p. (platform.claude.com, extended
 * thinking, "Feature compatibility", and the migration guides, 2026-11-20.)
 */
export function samplingOf(
  { sampling }: CanonicalRequest,
  model: ClaudeModel,
  { thinking }: Thinking,
  departures: Departures,
): {
  readonly temperature: number | undefined
  readonly top_p: number | undefined
  readonly top_k: number | undefined
} {
  const thinks = thinking !== undefined && thinking['type'] !== 'disabled'
  const keep = <Value>(value: Value | undefined, allowed: boolean, feature: Feature) => {
    if (value !== undefined && !allowed) departures.leave(feature)
    return allowed ? value : undefined
  }
  const free = model.sampling && !thinks
  const temperature = keep(sampling.temperature, sampling.temperature === 1 || free, 'temperature')
  const both = model.temperatureWithTopP
  const alone = temperature === undefined || temperature === 1 || both
  const topP = keep(
    sampling.topP,
    sampling.topP === 1 || (alone && (free || (model.sampling && (sampling.topP ?? 0) >= 0.95))),
    'topP',
  )
  const warm = temperature !== undefined && temperature > 1
  if (warm) departures.change('temperature', '1')
  return {
    // 1 is the default: said only where both words are free, or the other is not said.
    temperature: warm
      ? 1
      : temperature === 1 && !(free && (both || topP === undefined))
        ? undefined
        : temperature,
    top_p: topP === 1 && !(free && both) ? undefined : topP,
    top_k: keep(sampling.topK, free, 'topK'),
  }
}

function outputConfigOf(
  { responseFormat }: CanonicalRequest,
  { effort }: Thinking,
): JsonObject | undefined {
  const schema = responseFormat?.type === 'jsonSchema' ? describedSchema(responseFormat) : undefined
  if (schema === undefined && effort === undefined) return undefined
  return present({
    effort,
    format:
      schema === undefined ? undefined : { type: 'json_schema', schema: outputSchema(schema) },
  })
}

/** OpenAI's `default` is Anthropic's `standard_only`; the wire has no word for the others. */
function serviceTierOf({ serviceTier }: CanonicalRequest, leave: Leave): string | undefined {
  if (serviceTier === undefined || serviceTier === 'auto' || serviceTier === 'standard_only')
    return serviceTier
  if (serviceTier === 'default') return 'standard_only'
  leave('serviceTier')
  return undefined
}

/** Lays `body` over the caller's own Anthropic fields; objects that both have are joined (`output_config.task_budget` beside our `effort`). */
function withExtensions(request: CanonicalRequest, body: JsonObject): JsonObject {
  const own = present(body)
  const extensions = request.extensions?.['anthropic-messages']
  if (extensions === undefined) return own
  const result: Record<string, unknown> = { ...own }
  for (const [key, value] of Object.entries(extensions)) {
    if (reserved.has(key)) continue
    const [theirs, ours] = [objectOf(value), objectOf(own[key])]
    if (own[key] === undefined) result[key] = value
    else if (theirs !== undefined && ours !== undefined) result[key] = { ...theirs, ...ours }
  }
  return result
}

const versionHeader = Object.freeze({ 'anthropic-version': '2023-06-01' })

function headersOf(request: CanonicalRequest): Readonly<Record<string, string>> {
  const extensions = request.extensions?.['anthropic-messages']
  if (extensions === undefined) return versionHeader
  const betas = [extensions['anthropic_beta'], extensions['betas']].flatMap((value) =>
    typeof value === 'string'
      ? value.split(',')
      : listOf(value).flatMap((one) => stringOf(one) ?? []),
  )
  const named = [...new Set(betas.map((beta) => beta.trim()))].filter((beta) => beta !== '')
  return {
    ...versionHeader,
    ...(named.length === 0 ? {} : { 'anthropic-beta': named.join(',') }),
  }
}
