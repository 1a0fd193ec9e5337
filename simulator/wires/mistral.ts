import type { Ask, Choice, Finish } from '../ask.ts'
import { corruptText, dataFrame, doneFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, listOr, numberOr, objectsOf, textOr } from '../json.ts'
import type { Call, ErrorAnswer, Frame, Problem, Reading, WireFormat, Writing } from '../wire.ts'
import { problem } from '../wire.ts'
import {
  imageCount,
  lastUserText,
  promptParts,
  readToolChoice,
  readTools,
  trailingToolResults,
} from './chat-messages.ts'
import { bearerOf, isBadKey } from './openai.ts'
import { readResponseFormat } from './openai-request.ts'

/** Mistral chat completions: OpenAI's shape with its own content chunks, checks and errors. */
export const mistralWire: WireFormat = {
  authenticate,
  read,
  streamType: () => 'text/event-stream; charset=utf-8',
  writeJson,
  writeCount: () => null,
  writeStream,
  writeError,
  writeErrorFrames: (found) => [dataFrame(writeError(found).body)],
  corrupt: corruptText,
  responseHeaders: (sequence) => ({ 'mistral-correlation-id': idOf('sim-', sequence, 0, 12) }),
}

/** https://docs.mistral.ai/api/endpoint/chat, read 2026-11-20; anything else is answered 422 (corpus: `unprocessable-422`). */
const knownFields = new Set(
  `model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice
  presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode reasoning_effort guardrails
  safe_prompt prompt_cache_key logprobs top_logprobs document_image_limit document_page_limit`.split(
    /\s+/,
  ),
)

function authenticate(call: Call): Problem | null {
  return isBadKey(bearerOf(call)) ? problem(401, 'Invalid API Key', { type: 'detail' }) : null
}

function read(call: Call): Reading {
  if (call.method !== 'POST' || !call.path.endsWith('/chat/completions')) {
    const message = 'no Route matched with those values'
    return { kind: 'problem', problem: problem(404, message, { type: 'route' }) }
  }
  const found = requestProblem(call.body)
  if (found !== null) return { kind: 'problem', problem: found }
  return { kind: 'answer', ask: askOf(call.body) }
}

function requestProblem(body: JsonObject): Problem | null {
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown !== undefined) return extra(unknown)
  const messages = objectsOf(body['messages'])
  if (textOr(body['model']) === '') return unprocessable('model', 'Field required')
  if (messages.length === 0) {
    return unprocessable('messages', 'List should have at least 1 item after validation')
  }
  for (const message of messages) {
    const found = messageProblem(message)
    if (found !== null) return found
  }
  return orderProblem(messages)
}

function unprocessable(field: string, message: string): Problem {
  return problem(422, message, { type: 'unprocessable', param: field })
}

function extra(field: string): Problem {
  return unprocessable(field, 'Extra inputs are not permitted')
}

function messageProblem(message: JsonObject): Problem | null {
  const role = textOr(message['role'])
  if (!['system', 'user', 'assistant', 'tool'].includes(role)) {
    return unprocessable(
      'messages',
      "Input tag does not match any of the expected tags: 'system', 'user', 'assistant', 'tool'",
    )
  }
  const calls = objectsOf(message['tool_calls'])
  const ids = [
    ...calls.map((one) => textOr(one['id'])),
    ...(role === 'tool' ? [textOr(message['tool_call_id'])] : []),
  ]
  const bad = ids.find((id) => !/^[a-zA-Z0-9]{9}$/.test(id))
  if (bad !== undefined) {
    return problem(400, `Tool call id was ${bad} but must be a-z, A-Z, 0-9, with a length of 9.`, {
      code: '3280',
    })
  }
  return null
}

/** The last turn asks; results answer calls, each of them. */
function orderProblem(messages: readonly JsonObject[]): Problem | null {
  const last = messages.at(-1) ?? {}
  const role = textOr(last['role'])
  if (role !== 'user' && role !== 'tool' && last['prefix'] !== true) {
    return problem(
      400,
      `Expected last role User or Tool (or Assistant with prefix True) for serving but got ${role}`,
      { code: '3230' },
    )
  }
  let open = 0
  for (const message of messages) {
    if (message['role'] === 'tool') {
      if (open === 0) {
        return problem(400, "Unexpected role 'tool' without a preceding tool call", {
          code: '3230',
        })
      }
      open -= 1
      continue
    }
    if (open > 0) return unbalanced
    open = listOr(message['tool_calls']).length
  }
  return open > 0 ? unbalanced : null
}

const unbalanced = problem(400, 'Not the same number of function calls and responses', {
  code: '3230',
})

function askOf(body: JsonObject): Ask {
  const messages = objectsOf(body['messages'])
  const model = textOr(body['model'])
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
    reasoning: asksForReasoning(body, model),
    stop: typeof body['stop'] === 'string' ? [body['stop']] : listOr(body['stop']).map(String),
    maxTokens: numberOr(body['max_tokens'], null),
    choices: numberOr(body['n'], 1),
    toolCallId: (sequence, index) => idOf('', sequence, index, 9),
  }
}

function asksForReasoning(body: JsonObject, model: string): boolean {
  const effort = body['reasoning_effort']
  if (typeof effort === 'string') return effort !== 'none'
  return model.startsWith('magistral') || body['prompt_mode'] === 'reasoning'
}

/** Shapes of the recorded corpus: a bare `detail` for keys, pydantic's list for 422, an error object for the rest. */
function writeError(found: Problem): ErrorAnswer {
  const { status, message } = found
  if (found.type === 'detail') return { status, headers: {}, body: { detail: message } }
  if (found.type === 'route') return { status, headers: {}, body: { message } }
  if (found.type === 'unprocessable') {
    const detail = [{ type: 'value_error', loc: ['body', found.param ?? ''], msg: message }]
    return { status, headers: {}, body: { object: 'error', message: { detail } } }
  }
  const type =
    status === 429
      ? 'rate_limited'
      : status >= 500
        ? 'internal_server_error'
        : 'invalid_request_error'
  const code = found.code ?? (status === 429 ? '1300' : String(status))
  return {
    status,
    headers: {},
    body: { object: 'error', message, type, param: null, code, raw_status_code: status },
  }
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'stop',
}

function usageJson(writing: Writing): JsonObject {
  const { input, output, cacheRead } = writing.answer.tokens
  return {
    prompt_tokens: input,
    total_tokens: input + output,
    completion_tokens: output,
    prompt_tokens_details: { cached_tokens: cacheRead },
  }
}

function head(writing: Writing, object: string): JsonObject {
  const id = idOf('', writing.sequence, 0, 32)
  return { id, object, created: writing.createdS, model: writing.ask.model }
}

function thinkingChunk(text: string): JsonObject {
  return { type: 'thinking', thinking: [{ type: 'text', text }] }
}

function contentOf(choice: Choice): Json {
  const text = choice.text.join('')
  if (choice.reasoning.length === 0) return text
  const thinking = { ...thinkingChunk(choice.reasoning.join('')), closed: true }
  return text === '' ? [thinking] : [thinking, { type: 'text', text }]
}

function callsOf(choice: Choice): JsonObject[] {
  return choice.toolCalls.map((call, index) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.pieces.join('') },
    index,
  }))
}

function writeJson(writing: Writing): Json {
  const choices = writing.answer.choices.map((choice, index) => ({
    index,
    finish_reason: finishReasons[choice.finish],
    message: {
      role: 'assistant',
      tool_calls: choice.toolCalls.length > 0 ? callsOf(choice) : null,
      content: contentOf(choice),
    },
  }))
  const usage = writing.withUsage ? usageJson(writing) : undefined
  return compact({ ...head(writing, 'chat.completion'), choices, usage })
}

function writeStream(writing: Writing): Frame[] {
  const frames: Frame[] = []
  const { choices } = writing.answer
  const chunk = (index: number, delta: JsonObject, more: JsonObject = {}): JsonObject => ({
    ...head(writing, 'chat.completion.chunk'),
    choices: [{ index, delta, finish_reason: null, ...more }],
  })
  for (const [index, choice] of choices.entries()) {
    frames.push(dataFrame(chunk(index, { role: 'assistant', content: '' })))
    for (const piece of choice.reasoning) {
      frames.push(dataFrame(chunk(index, { content: [thinkingChunk(piece)] }), { tokens: 1 }))
    }
    for (const piece of choice.text) {
      frames.push(dataFrame(chunk(index, { content: piece }), { tokens: 1 }))
    }
    const isLast = index === choices.length - 1
    const usage = isLast && writing.withUsage ? { usage: usageJson(writing) } : {}
    const calls = callsOf(choice)
    const delta = compact({ content: '', tool_calls: calls.length > 0 ? calls : undefined })
    const last = chunk(index, delta, { finish_reason: finishReasons[choice.finish] })
    const tokens = choice.toolCalls.reduce((sum, call) => sum + 1 + call.pieces.length, 0)
    frames.push(dataFrame({ ...last, ...usage }, { mark: 'finish', tokens }))
  }
  return [...frames, doneFrame()]
}
