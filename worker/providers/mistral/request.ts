import type { CanonicalRequest, JsonObject, ToolChoice } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
import { Departures, outputLimitOf } from '../departures.ts'
import { noteProofs } from '../foreign-proof.ts'
import { objectOf, present, without } from '../json-values.ts'
import { messagesOf } from './messages.ts'

/** Fields that a caller's extensions never set: they decide who answers, in what form, and how much is billed. */
const reserved: readonly string[] = ['model', 'messages', 'stream', 'n', 'max_tokens']

/** The call of Mistral's chat completion. Streams bring their usage without being asked. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const { sampling } = request
  const tools = toolsOf(request)
  const departures = new Departures()
  for (const { content } of request.messages) noteProofs(content, departures)
  const body = {
    ...without(request.extensions?.mistral, reserved),
    ...present({
      model: target.upstreamModel,
      messages: messagesOf(request.messages, departures),
      tools,
      tool_choice: tools === undefined ? undefined : toolChoiceOf(request.toolChoice),
      parallel_tool_calls: tools === undefined ? undefined : request.parallelToolCalls,
      response_format: formatOf(request),
      temperature: sampling.temperature,
      top_p: sampling.topP,
      random_seed: sampling.seed,
      presence_penalty: sampling.presencePenalty,
      frequency_penalty: sampling.frequencyPenalty,
      n: sampling.n,
      max_tokens: outputLimitOf(request, target, departures),
      stop: request.stop,
      reasoning_effort: effortSaid(request, target, departures),
      metadata: request.metadata,
      prompt_cache_key: request.promptCacheKey,
      stream: request.stream,
    }),
  }
  return {
    method: 'POST',
    path: '/chat/completions',
    headers: noHeaders,
    body,
    ...departures.listed(),
  }
}

function toolsOf(request: CanonicalRequest): JsonObject[] | undefined {
  const allowed =
    request.toolChoice?.type === 'allowed' ? new Set(request.toolChoice.names) : undefined
  const tools = (request.tools ?? []).map((tool): JsonObject | undefined => {
    // Mistral has no list of allowed tools: the others are not shown.
    if (allowed !== undefined && !allowed.has(tool.name)) return undefined
    if (tool.kind === 'native')
      return tool.raw.wire === 'mistral' ? objectOf(tool.raw.value) : undefined
    const declared = present({
      name: tool.name,
      description: tool.description,
      // Required here, unlike at OpenAI.
      parameters: tool.parameters ?? { type: 'object', properties: {} },
      strict: tool.strict,
    })
    return { type: 'function', function: declared }
  })
  const shown = tools.filter((tool) => tool !== undefined)
  return shown.length === 0 ? undefined : shown
}

function toolChoiceOf(choice: ToolChoice | undefined): unknown {
  switch (choice?.type) {
    case undefined:
      return undefined
    case 'auto':
    case 'none':
      return choice.type
    case 'required':
      return 'any'
    case 'tool':
      return { type: 'function', function: { name: choice.name } }
    case 'allowed':
      return choice.mode === 'required' ? 'any' : 'auto'
  }
}

function formatOf({ responseFormat }: CanonicalRequest): JsonObject | undefined {
  switch (responseFormat?.type) {
    case undefined:
      return undefined
    case 'text':
      return { type: 'text' }
    case 'json':
      return { type: 'json_object' }
    case 'jsonSchema': {
      const { name, schema, description, strict } = responseFormat
      return { type: 'json_schema', json_schema: present({ name, schema, description, strict }) }
    }
  }
}

/** A budget, or an effort that the model has no word for, is said as the step that comes closest. */
function effortSaid(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): string | undefined {
  const effort = effortOf(request, target)
  const { reasoning } = request
  const asked = reasoning?.enabled === false ? 'none' : reasoning?.effort
  const isMeasured = (asked ?? reasoning?.budgetTokens) !== undefined
  if (isMeasured && target.facts?.reasoning !== false && (effort ?? '') !== asked)
    departures.change(
      'reasoning',
      effort === undefined ? "the model's own default" : `the effort "${effort}"`,
    )
  return effort
}

/**
 * Most models know `none` and `high`; Large 4 and the GLM models it hosts know
 * more and cannot stop thinking (docs.mistral.ai/studio/conversations/reasoning,
 * as @ai-sdk/mistral's catalog cites it, 2026-11-20).
 */
function effortOf(request: CanonicalRequest, target: AdapterTarget): string | undefined {
  const { reasoning } = request
  if (reasoning === undefined || target.facts?.reasoning === false) return undefined
  const isGraded = /^(?:mistral-large-4|zai-glm-(?:latest|5(?:-3.*)?)$)/.test(target.upstreamModel)
  if (reasoning.enabled === false || reasoning.effort === 'none') return isGraded ? 'low' : 'none'
  if (!isGraded) return 'high'
  switch (reasoning.effort) {
    case undefined:
      return undefined
    case 'minimal':
    case 'low':
      return 'low'
    case 'medium':
      return target.upstreamModel.startsWith('zai-') ? 'high' : 'medium'
    default:
      return 'high'
  }
}
