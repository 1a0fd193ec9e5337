import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
import { Departures, outputLimitOf } from '../departures.ts'
import { describedSchema } from '../described-schema.ts'
import { noteProofs } from '../foreign-proof.ts'
import { objectOf, present, without } from '../json-values.ts'
import { messagesOf } from './messages.ts'

/** Fields that a caller's extensions never set: they decide who answers, in what form, and how much is billed. */
const reserved: readonly string[] = ['model', 'messages', 'stream', 'options']

/** The call of Ollama's own chat endpoint. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const departures = new Departures()
  for (const { content } of request.messages) noteProofs(content, departures)
  const options = optionsOf(request, outputLimitOf(request, target, departures))
  const body = {
    ...without(request.extensions?.ollama, reserved),
    ...present({
      model: target.upstreamModel,
      messages: messagesOf(request.messages),
      tools: toolsOf(request),
      format: formatOf(request),
      think: thinkSaid(request, target, departures),
      logprobs: request.sampling.logprobs,
      top_logprobs: request.sampling.topLogprobs,
      options: Object.keys(options).length === 0 ? undefined : options,
      stream: request.stream,
    }),
  }
  return { method: 'POST', path: '/api/chat', headers: noHeaders, body, ...departures.listed() }
}

function optionsOf(
  { sampling, stop, extensions }: CanonicalRequest,
  limit: number | undefined,
): JsonObject {
  return {
    ...without(objectOf(extensions?.ollama?.['options']), ['num_predict']),
    ...present({
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      min_p: sampling.minP,
      seed: sampling.seed,
      repeat_penalty: sampling.repetitionPenalty,
      presence_penalty: sampling.presencePenalty,
      frequency_penalty: sampling.frequencyPenalty,
      num_predict: limit,
      stop,
    }),
  }
}

/** There is no tool choice: `none` offers no tools. */
function toolsOf(request: CanonicalRequest): JsonObject[] | undefined {
  if (request.toolChoice?.type === 'none') return undefined
  const tools = (request.tools ?? []).flatMap((tool) =>
    tool.kind === 'function'
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

function formatOf({ responseFormat }: CanonicalRequest): unknown {
  switch (responseFormat?.type) {
    case undefined:
    case 'text':
      return undefined
    case 'json':
      return 'json'
    case 'jsonSchema':
      return describedSchema(responseFormat)
  }
}

function thinkSaid(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): unknown {
  const think = thinkOf(request, target)
  const { effort, budgetTokens } = request.reasoning ?? {}
  if (think === true && (effort ?? budgetTokens) !== undefined)
    departures.change('reasoning', 'thinking without a measure')
  if (typeof think === 'string' && think !== effort)
    departures.change('reasoning', `the effort "${think}"`)
  return think
}

/** Yes or no; gpt-oss takes a level instead and cannot stop (https://docs.ollama.com/capabilities/thinking, 2026-11-20). */
function thinkOf(request: CanonicalRequest, target: AdapterTarget): unknown {
  const { reasoning } = request
  if (reasoning === undefined || target.facts?.reasoning === false) return undefined
  const isOff = reasoning.enabled === false || reasoning.effort === 'none'
  if (!/gpt-oss/.test(target.upstreamModel)) return !isOff
  if (isOff || reasoning.effort === 'minimal') return 'low'
  const { effort } = reasoning
  return effort === undefined || ['low', 'medium', 'high'].includes(effort)
    ? (effort ?? true)
    : 'high'
}
