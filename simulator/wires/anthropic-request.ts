import type { Ask, ToolChoice } from '../ask.ts'
import { idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, numberOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Call, Problem, Reading } from '../wire.ts'
import { problem } from '../wire.ts'
import { blockListProblem, toolUseOrderProblem } from './anthropic-blocks.ts'

/** Fields of the Messages API (https://docs.anthropic.com/en/api/messages, and the SDK's types, 2026-11-20). */
const knownFields = new Set(
  `model messages max_tokens system stream temperature top_p top_k stop_sequences tools tool_choice metadata thinking
  service_tier container context_management mcp_servers output_config output_format cache_control inference_geo
  speed betas user_profile_id`.split(/\s+/),
)

/** Reads a Messages request, and refuses what Anthropic refuses. */
export function readMessages(call: Call, isCount: boolean): Reading {
  if (!call.headers.has('anthropic-version')) {
    return { kind: 'problem', problem: invalid('anthropic-version: header is required') }
  }
  const found = requestProblem(call.body, isCount)
  if (found !== null) return { kind: 'problem', problem: found }
  return { kind: isCount ? 'count' : 'answer', ask: askOf(call.body) }
}

function invalid(message: string): Problem {
  return problem(400, message)
}

function requestProblem(body: JsonObject, isCount: boolean): Problem | null {
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown !== undefined) return invalid(`${unknown}: Extra inputs are not permitted`)
  if (typeof body['model'] !== 'string') return invalid('model: Field required')
  if (body['messages'] === undefined) return invalid('messages: Field required')
  const messages = listOr(body['messages'])
  if (messages.length === 0) return invalid('messages: at least one message is required')
  return (
    (isCount ? null : limitsProblem(body)) ??
    systemProblem(body['system']) ??
    messagesProblem(messages) ??
    toolsProblem(body) ??
    thinkingProblem(body) ??
    cacheMarksProblem(body) ??
    toolUseOrderProblem(objectsOf(messages), listOr(body['mcp_servers']).length > 0)
  )
}

function limitsProblem(body: JsonObject): Problem | null {
  const most = body['max_tokens']
  if (most === undefined) return invalid('max_tokens: Field required')
  if (typeof most !== 'number' || !Number.isInteger(most)) {
    return invalid('max_tokens: Input should be a valid integer')
  }
  if (most < 1) return invalid('max_tokens: Input should be greater than or equal to 1')
  const temperature = numberOr(body['temperature'], 1)
  if (temperature < 0 || temperature > 1) return invalid('temperature: range: 0..1')
  if (listOr(body['stop_sequences']).some((one) => textOr(one).trim() === '')) {
    return invalid('stop_sequences: each stop sequence must contain non-whitespace')
  }
  return null
}

function systemProblem(system: Json | undefined): Problem | null {
  if (system === undefined || typeof system === 'string') return null
  if (!Array.isArray(system)) return invalid('system: Input should be a valid list')
  return system.some(
    (block) => objectOr(block)['type'] !== 'text' || objectOr(block)['text'] === '',
  )
    ? invalid('system: text content blocks must be non-empty')
    : null
}

function messagesProblem(messages: readonly Json[]): Problem | null {
  for (const [index, message] of messages.entries()) {
    const { role, content } = objectOr(message)
    if (role !== 'user' && role !== 'assistant') {
      return invalid(`messages.${index}.role: Input should be 'user' or 'assistant'`)
    }
    const isLast = index === messages.length - 1
    const found = blockListProblem(content, `messages.${index}`, role, isLast)
    if (found !== null) return invalid(found)
  }
  return null
}

function toolsProblem(body: JsonObject): Problem | null {
  const tools = objectsOf(body['tools'])
  const names = new Set<string>()
  for (const [index, tool] of tools.entries()) {
    const type = textOr(tool['type'], 'custom')
    if (type !== 'custom') continue
    const name = textOr(tool['name'])
    const at = `tools.${index}.custom`
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(name)) {
      return invalid(`${at}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`)
    }
    if (names.has(name)) return invalid('tools: Tool names must be unique.')
    names.add(name)
    if (!isObject(tool['input_schema'])) return invalid(`${at}.input_schema: Field required`)
    if (tool['input_schema']['type'] !== 'object') {
      return invalid(`${at}.input_schema.type: Input should be 'object'`)
    }
  }
  const choice = body['tool_choice']
  if (choice === undefined) return null
  const kind = textOr(objectOr(choice)['type'])
  if (!['auto', 'any', 'tool', 'none'].includes(kind))
    return invalid(
      "tool_choice: Input tag found using 'type' does not match any of the expected tags",
    )
  if (tools.length === 0 && kind !== 'none') {
    return invalid('tool_choice: may only be specified while providing tools')
  }
  const named = textOr(objectOr(choice)['name'])
  if (kind === 'tool' && !tools.some((tool) => tool['name'] === named)) {
    return invalid(`Tool '${named}' not found in provided tools`)
  }
  return null
}

function thinkingProblem(body: JsonObject): Problem | null {
  const thinking = objectOr(body['thinking'])
  if (!['enabled', 'adaptive'].includes(textOr(thinking['type']))) return null
  const forced = ['any', 'tool'].includes(textOr(objectOr(body['tool_choice'])['type']))
  if (forced) return invalid('Thinking may not be enabled when tool_choice forces tool use.')
  if (numberOr(body['temperature'], 1) !== 1) {
    return invalid('`temperature` may only be set to 1 when thinking is enabled.')
  }
  if (thinking['type'] !== 'enabled') return null
  const budget = thinking['budget_tokens']
  if (typeof budget !== 'number') return invalid('thinking.enabled.budget_tokens: Field required')
  if (budget < 1024) {
    return invalid('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024')
  }
  const most = numberOr(body['max_tokens'], Number.POSITIVE_INFINITY)
  return budget >= most
    ? invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
    : null
}

function cacheMarksProblem(body: JsonObject): Problem | null {
  const marks = JSON.stringify([body['system'], body['messages'], body['tools']]).match(
    /"cache_control":\{/g,
  )
  const count = (marks ?? []).length
  return count > 4
    ? invalid(`A maximum of 4 blocks with cache_control may be provided. Found ${count}.`)
    : null
}

function askOf(body: JsonObject): Ask {
  const messages = objectsOf(body['messages'])
  const last = messages.at(-1) ?? {}
  const results = objectsOf(last['content']).filter((block) => block['type'] === 'tool_result')
  const thinking = textOr(objectOr(body['thinking'])['type'])
  return {
    model: textOr(body['model']),
    stream: body['stream'] === true,
    ...promptOf(body, messages),
    images: (JSON.stringify(messages).match(/"type":"(image|document)"/g) ?? []).length,
    lastUserText: lastUserText(messages),
    toolResults: results.map((block) => blockText(block['content'])),
    tools: objectsOf(body['tools']).flatMap((tool) =>
      isObject(tool['input_schema'])
        ? [{ name: textOr(tool['name']), schema: tool['input_schema'] }]
        : [],
    ),
    toolChoice: readChoice(body['tool_choice']),
    parallelCalls: objectOr(body['tool_choice'])['disable_parallel_tool_use'] !== true,
    json: readFormat(objectOr(body['output_config'])['format'] ?? body['output_format']),
    reasoning: thinking === 'enabled' || thinking === 'adaptive',
    stop: listOr(body['stop_sequences']).map(String),
    maxTokens: numberOr(body['max_tokens'], null),
    choices: 1,
    toolCallId: (sequence, index) => idOf('toolu_', sequence, index, 24),
  }
}

/** Tools, then system, then messages: the order in which Anthropic caches a prefix. */
function promptOf(
  body: JsonObject,
  messages: readonly JsonObject[],
): Pick<Ask, 'promptParts' | 'markedParts'> {
  const tools = body['tools'] === undefined ? [] : [body['tools']]
  const system = body['system'] === undefined ? [] : [body['system']]
  const raw: readonly Json[] = [...tools, ...system, ...messages]
  const marked = raw.findLastIndex((part) => JSON.stringify(part).includes('"cache_control":{'))
  const isWhole = isObject(body['cache_control'])
  return {
    promptParts: raw.map((part) => (isObject(part) ? messageText(part) : partText(part))),
    markedParts: isWhole ? raw.length : marked + 1,
  }
}

function partText(part: Json): string {
  if (typeof part === 'string') return part
  return objectsOf(part)
    .map((block) => textOr(block['text']) || JSON.stringify({ ...block, cache_control: null }))
    .join('')
}

function messageText(message: JsonObject): string {
  return `${textOr(message['role'])} ${blockText(message['content'])}`
}

/** Text of a content list; media count as images, not by the length of their data. */
function blockText(content: Json | undefined): string {
  if (typeof content === 'string') return content
  return objectsOf(content)
    .map((block) => {
      if (block['type'] === 'tool_result') return blockText(block['content'])
      if (block['type'] === 'tool_use') return JSON.stringify(block['input'] ?? {})
      return textOr(block['text']) || textOr(block['thinking'])
    })
    .join('')
}

function lastUserText(messages: readonly JsonObject[]): string {
  const asks = (message: JsonObject): boolean =>
    message['role'] === 'user' &&
    (typeof message['content'] === 'string' ||
      objectsOf(message['content']).some((block) => block['type'] !== 'tool_result'))
  const last = messages.findLast(asks)
  if (last === undefined) return ''
  if (typeof last['content'] === 'string') return last['content']
  return blockText(objectsOf(last['content']).filter((block) => block['type'] === 'text'))
}

function readChoice(choice: Json | undefined): ToolChoice {
  const { type, name } = objectOr(choice)
  if (type === 'tool') return { kind: 'named', name: textOr(name) }
  if (type === 'any') return { kind: 'required' }
  return { kind: type === 'none' ? 'none' : 'auto' }
}

function readFormat(format: Json | undefined): Ask['json'] {
  const { type, schema } = objectOr(format)
  return type === 'json_schema' ? { kind: 'schema', schema: schema ?? {} } : null
}
