import type { Ask } from '../ask.ts'
import { idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, numberOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Call, Problem, Reading, Vendor } from '../wire.ts'
import { problem } from '../wire.ts'
import {
  imageCount,
  lastUserText,
  messageText,
  promptParts,
  readToolChoice,
  readTools,
  toolOrderProblem,
  trailingToolResults,
} from './chat-messages.ts'
import { longStringProblem } from './openai-limits.ts'

/** Fields of `CreateChatCompletionRequest` in OpenAI's OpenAPI document (read 2026-11-20). */
const knownFields = new Set(
  `messages model modalities verbosity reasoning_effort max_completion_tokens frequency_penalty presence_penalty
  web_search_options top_logprobs response_format audio store stream stop logit_bias logprobs max_tokens n prediction
  seed stream_options tools tool_choice parallel_tool_calls function_call functions metadata temperature top_p user
  safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options service_tier moderation
  data_sources`.split(/\s+/),
)

const roles = new Set(['developer', 'system', 'user', 'assistant', 'tool', 'function'])
const partTypes = new Set(['text', 'image_url', 'input_audio', 'file', 'refusal'])

/** Reads a chat completion request, and refuses what OpenAI refuses. */
export function readChat(call: Call, vendor: Vendor): Reading {
  const deployment = /\/deployments\/([^/]+)\//.exec(call.path)?.[1]
  const model = textOr(call.body['model'], deployment ?? '')
  const found = requestProblem(call.body, model, vendor)
  if (found !== null) return { kind: 'problem', problem: found }
  return { kind: 'answer', ask: askOf(call.body, model, vendor) }
}

function askOf(body: JsonObject, model: string, vendor: Vendor): Ask {
  const messages = objectsOf(body['messages'])
  return {
    model,
    stream: body['stream'] === true,
    promptParts: promptParts(messages, body['tools']),
    markedParts: 0,
    images: imageCount(messages),
    lastUserText: lastUserText(messages),
    toolResults: trailingToolResults(messages),
    tools: readTools(body['tools']),
    toolChoice: readToolChoice(body['tool_choice']),
    parallelCalls: body['parallel_tool_calls'] !== false,
    json: readResponseFormat(body['response_format']),
    reasoning: asksForReasoning(body, model, vendor),
    stop: typeof body['stop'] === 'string' ? [body['stop']] : listOr(body['stop']).map(String),
    maxTokens: numberOr(body['max_completion_tokens'] ?? body['max_tokens'], null),
    choices: numberOr(body['n'], 1),
    // DeepSeek's have 43 characters (corpus deepseek/chat), more than OpenAI takes back.
    toolCallId: (sequence, index) =>
      vendor.id === 'deepseek'
        ? idOf('call_00_', sequence, index, 35)
        : idOf('call_', sequence, index, 24),
  }
}

export function readResponseFormat(format: Json | undefined): Ask['json'] {
  const { type, json_schema: described } = objectOr(format)
  if (type === 'json_object') return { kind: 'object' }
  if (type !== 'json_schema') return null
  return { kind: 'schema', schema: objectOr(described)['schema'] ?? described ?? {} }
}

function asksForReasoning(body: JsonObject, model: string, vendor: Vendor): boolean {
  const effort = body['reasoning_effort']
  if (typeof effort === 'string') return effort !== 'none'
  const reasoning = body['reasoning']
  if (isObject(reasoning)) return reasoning['enabled'] !== false && reasoning['effort'] !== 'none'
  const thinking = body['thinking']
  if (isObject(thinking)) return thinking['type'] !== 'disabled'
  if (objectOr(body['chat_template_kwargs'])['enable_thinking'] === true) return true
  if (body['reasoning_format'] !== undefined || body['enable_thinking'] === true) return true
  return vendor.reasoningField !== undefined && /reason|thinking|-r1/i.test(model)
}

function requestProblem(body: JsonObject, model: string, vendor: Vendor): Problem | null {
  if (model === '') return problem(400, 'you must provide a model parameter')
  return (
    unknownField(body, vendor) ??
    messagesProblem(body['messages']) ??
    (vendor.strict === true ? longStringProblem(body) : null) ??
    toolsProblem(body) ??
    numbersProblem(body, model, vendor) ??
    toolOrderProblem(objectsOf(body['messages']))
  )
}

function unknownField(body: JsonObject, vendor: Vendor): Problem | null {
  if (vendor.strict !== true) return null
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown === undefined) return null
  return problem(400, `Unrecognized request argument supplied: ${unknown}`)
}

function messagesProblem(messages: Json | undefined): Problem | null {
  if (messages === undefined) return missing('messages')
  if (!Array.isArray(messages)) return wrongType('messages', 'an array of objects')
  if (messages.length === 0) {
    return problem(
      400,
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      { param: 'messages', code: 'empty_array' },
    )
  }
  for (const [index, message] of messages.entries()) {
    const found = messageProblem(message, `messages[${index}]`)
    if (found !== null) return found
  }
  return null
}

function messageProblem(message: unknown, at: string): Problem | null {
  if (!isObject(message)) return wrongType(at, 'an object')
  const { role, content } = message
  if (typeof role !== 'string' || !roles.has(role)) {
    return problem(
      400,
      `Invalid value: '${String(role)}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.`,
      { param: `${at}.role`, code: 'invalid_value' },
    )
  }
  const calls = message['tool_calls']
  const mayBeEmpty = role === 'assistant' && (listOr(calls).length > 0 || 'refusal' in message)
  if ((content === null || content === undefined) && !mayBeEmpty && role !== 'function') {
    return problem(400, "Invalid value for 'content': expected a string, got null.", {
      param: `${at}.content`,
    })
  }
  if (role === 'tool' && typeof message['tool_call_id'] !== 'string') {
    return missing(`${at}.tool_call_id`)
  }
  return contentProblem(content, `${at}.content`) ?? callsProblem(calls, `${at}.tool_calls`)
}

function contentProblem(content: Json | undefined, at: string): Problem | null {
  if (content === null || content === undefined || typeof content === 'string') return null
  if (!Array.isArray(content)) return wrongType(at, 'a string or an array of objects')
  for (const [index, part] of content.entries()) {
    const type = textOr(objectOr(part)['type'])
    if (!partTypes.has(type)) {
      return problem(
        400,
        `Invalid value: '${type}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', and 'file'.`,
        { param: `${at}[${index}].type`, code: 'invalid_value' },
      )
    }
    if (type === 'text' && typeof objectOr(part)['text'] !== 'string') {
      return missing(`${at}[${index}].text`)
    }
    const url = objectOr(objectOr(part)['image_url'])['url']
    if (type === 'image_url' && (typeof url !== 'string' || !/^(https?:|data:)/.test(url))) {
      return problem(400, 'Invalid image URL: it must be a http(s) or data URL.', {
        param: `${at}[${index}].image_url.url`,
        code: 'invalid_image_url',
      })
    }
  }
  return null
}

function callsProblem(calls: Json | undefined, at: string): Problem | null {
  if (calls === undefined || calls === null) return null
  if (!Array.isArray(calls)) return wrongType(at, 'an array of objects')
  if (calls.length === 0) {
    return problem(
      400,
      `Invalid '${at}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
      { param: at, code: 'empty_array' },
    )
  }
  for (const [index, call] of calls.entries()) {
    const { id, type, function: called } = objectOr(call)
    if (typeof id !== 'string' || id === '') return missing(`${at}[${index}].id`)
    if (type === 'custom') continue
    if (type !== 'function') return missing(`${at}[${index}].type`)
    if (typeof objectOr(called)['name'] !== 'string')
      return missing(`${at}[${index}].function.name`)
    if (typeof objectOr(called)['arguments'] !== 'string') {
      return wrongType(`${at}[${index}].function.arguments`, 'a string')
    }
  }
  return null
}

function toolsProblem(body: JsonObject): Problem | null {
  const { tools } = body
  if (tools === undefined) {
    if (body['tool_choice'] === undefined || body['tool_choice'] === 'none') return null
    return problem(
      400,
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
      { param: 'tool_choice' },
    )
  }
  if (!Array.isArray(tools)) return wrongType('tools', 'an array of objects')
  if (tools.length === 0) {
    return problem(
      400,
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      { param: 'tools', code: 'empty_array' },
    )
  }
  for (const [index, tool] of tools.entries()) {
    const { type, function: described } = objectOr(tool)
    if (typeof type !== 'string') return missing(`tools[${index}].type`)
    if (type !== 'function') continue
    const name = objectOr(described)['name']
    if (typeof name !== 'string') return missing(`tools[${index}].function.name`)
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
      return problem(
        400,
        `Invalid 'tools[${index}].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
        { param: `tools[${index}].function.name`, code: 'invalid_value' },
      )
    }
  }
  return null
}

function numbersProblem(body: JsonObject, model: string, vendor: Vendor): Problem | null {
  const isReasoningModel = vendor.strict === true && /^(o\d|gpt-5(?!.*chat))/.test(model)
  if (isReasoningModel && body['max_tokens'] !== undefined) {
    return problem(
      400,
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { param: 'max_tokens', code: 'unsupported_parameter' },
    )
  }
  for (const param of ['max_tokens', 'max_completion_tokens', 'n']) {
    const value = body[param]
    if (value === undefined || value === null) continue
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType(param, 'an integer')
    if (value < 1) {
      return problem(
        400,
        `Invalid '${param}': integer below minimum value. Expected a value >= 1, but got ${value} instead.`,
        { param, code: 'integer_below_min_value' },
      )
    }
  }
  const temperature = numberOr(body['temperature'], 1)
  if (temperature < 0 || temperature > 2) {
    return problem(
      400,
      `Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got ${temperature} instead.`,
      { param: 'temperature', code: 'decimal_above_max_value' },
    )
  }
  return formatProblem(body)
}

function formatProblem(body: JsonObject): Problem | null {
  if (isObject(body['stream_options']) && body['stream'] !== true) {
    return problem(
      400,
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      { param: 'stream_options' },
    )
  }
  const format = body['response_format']
  if (!isObject(format) || format['type'] !== 'json_schema') return null
  if (!isObject(format['json_schema'])) return missing('response_format.json_schema')
  if (typeof format['json_schema']['name'] !== 'string') {
    return missing('response_format.json_schema.name')
  }
  return null
}

/** OpenAI wants the word "json" in the prompt when JSON mode is asked for. */
export function lacksJsonWord(body: JsonObject): boolean {
  if (objectOr(body['response_format'])['type'] !== 'json_object') return false
  return !objectsOf(body['messages']).some((message) => /json/i.test(messageText(message)))
}

function missing(param: string): Problem {
  return problem(400, `Missing required parameter: '${param}'.`, {
    param,
    code: 'missing_required_parameter',
  })
}

function wrongType(param: string, wanted: string): Problem {
  return problem(400, `Invalid type for '${param}': expected ${wanted}.`, {
    param,
    code: 'invalid_type',
  })
}
