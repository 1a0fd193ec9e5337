import type { CanonicalRequest, JsonObject, Tool, ToolChoice } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
import { Departures, type Leave, outputLimitOf } from '../departures.ts'
import { describedSchema } from '../described-schema.ts'
import { noteProofs } from '../foreign-proof.ts'
import { listOf, present, without } from '../json-values.ts'
import { documentsOf, messagesOf } from './messages.ts'

/** Fields that a caller's extensions never set: they decide who answers, in what form, and how much is billed. */
const reserved: readonly string[] = ['model', 'messages', 'stream', 'max_tokens']

/** The call of Cohere's v2 chat. `safety_mode`, `citation_options` and the like come from the caller's extensions. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const { sampling } = request
  const own = without(request.extensions?.cohere, reserved)
  const tools = toolsOf(request)
  const departures = new Departures()
  for (const { content } of request.messages) noteProofs(content, departures)
  const documents = documentsOf(request.messages, departures.leave)
  const body = {
    ...own,
    ...present({
      model: target.upstreamModel,
      messages: messagesOf(request.messages),
      tools,
      strict_tools: strictOf(request, departures.leave),
      tool_choice: tools === undefined ? undefined : toolChoiceOf(request.toolChoice),
      documents: documents === undefined ? undefined : [...listOf(own['documents']), ...documents],
      response_format: formatOf(request),
      thinking: thinkingOf(request, target, departures),
      temperature: sampling.temperature,
      p: sampling.topP,
      k: sampling.topK,
      seed: sampling.seed,
      frequency_penalty: sampling.frequencyPenalty,
      presence_penalty: sampling.presencePenalty,
      max_tokens: outputLimitOf(request, target, departures),
      stop_sequences: request.stop,
      stream: request.stream,
    }),
  }
  return { method: 'POST', path: '/chat', headers: noHeaders, body, ...departures.listed() }
}

/** There is no choice by name: the tools that may not be called are not shown. */
function toolsOf(request: CanonicalRequest): JsonObject[] | undefined {
  const tools = (request.tools ?? []).flatMap((tool) =>
    tool.kind === 'function' && isAllowed(tool, request.toolChoice)
      ? {
          type: 'function',
          function: present({
            name: tool.name,
            description: tool.description,
            parameters: tool.parameters ?? { type: 'object', properties: {} },
          }),
        }
      : [],
  )
  return tools.length === 0 ? undefined : tools
}

function isAllowed(tool: Tool, choice: ToolChoice | undefined): boolean {
  if (choice?.type === 'tool') return tool.name === choice.name
  return choice?.type === 'allowed' ? choice.names.includes(tool.name) : true
}

/** `strict_tools` is for all tools or none (https://docs.cohere.com/v2/docs/tool-use-parameters, 2026-11-20). */
function strictOf(request: CanonicalRequest, leave: Leave): true | undefined {
  const functions = (request.tools ?? []).filter((tool) => tool.kind === 'function')
  const strict = functions.filter((tool) => tool.strict === true)
  if (strict.length > 0 && strict.length < functions.length) leave('strictTools')
  return functions.length > 0 && strict.length === functions.length ? true : undefined
}

function toolChoiceOf(choice: ToolChoice | undefined): string | undefined {
  switch (choice?.type) {
    case undefined:
    case 'auto':
      return undefined
    case 'none':
      return 'NONE'
    case 'required':
    case 'tool':
      return 'REQUIRED'
    case 'allowed':
      return choice.mode === 'required' ? 'REQUIRED' : undefined
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
    case 'jsonSchema':
      return { type: 'json_object', json_schema: describedSchema(responseFormat) }
  }
}

/** Reasoning is on or off, with a budget if the caller names one. */
function thinkingOf(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): JsonObject | undefined {
  const { reasoning } = request
  if (reasoning === undefined || target.facts?.reasoning === false) return undefined
  if (reasoning.enabled === false || reasoning.effort === 'none') return { type: 'disabled' }
  if (reasoning.effort !== undefined) departures.change('reasoning', 'thinking without an effort')
  return present({ type: 'enabled', token_budget: reasoning.budgetTokens })
}
