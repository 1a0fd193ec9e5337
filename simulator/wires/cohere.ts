import type { Ask, Choice, Finish } from '../ask.ts'
import { corruptText, doneFrame, eventFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, isObject, listOr, numberOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Call, ErrorAnswer, Frame, Problem, Reading, WireFormat, Writing } from '../wire.ts'
import { problem } from '../wire.ts'
import {
  imageCount,
  lastUserText,
  promptParts,
  readToolChoice,
  readTools,
  toolOrderProblem,
  trailingToolResults,
} from './chat-messages.ts'
import { bearerOf, isBadKey } from './openai.ts'

/** Cohere v2 chat. */
export const cohereWire: WireFormat = {
  authenticate,
  read,
  streamType: () => 'text/event-stream',
  writeJson,
  writeCount: () => null,
  writeStream,
  writeError,
  writeErrorFrames,
  corrupt: corruptText,
}

/** https://docs.cohere.com/reference/chat, read 2026-11-20. */
const knownFields = new Set(
  `model messages stream tools documents citation_options response_format safety_mode max_tokens stop_sequences
  temperature seed frequency_penalty presence_penalty k p logprobs tool_choice thinking strict_tools priority
  raw_prompting`.split(/\s+/),
)

function authenticate(call: Call): Problem | null {
  const key = bearerOf(call)
  if (!isBadKey(key)) return null
  return problem(401, key === '' ? 'no api key supplied' : 'invalid api token')
}

function read(call: Call): Reading {
  if (call.method !== 'POST' || !call.path.endsWith('/chat')) {
    return { kind: 'problem', problem: problem(404, '404 page not found') }
  }
  const { body } = call
  const found = requestProblem(body)
  if (found !== null) return { kind: 'problem', problem: found }
  return { kind: 'answer', ask: askOf(body) }
}

function requestProblem(body: JsonObject): Problem | null {
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown !== undefined) {
    return problem(422, `unknown field: parameter '${unknown}' is not a valid field`)
  }
  if (textOr(body['model']) === '') return problem(400, 'model is required')
  const messages = objectsOf(body['messages'])
  if (messages.length === 0) {
    return problem(400, 'invalid request: list of messages must not be empty')
  }
  const stranger = messages.find(
    (one) => !['system', 'developer', 'user', 'assistant', 'tool'].includes(textOr(one['role'])),
  )
  if (stranger !== undefined) {
    return problem(400, `invalid request: unknown role '${textOr(stranger['role'])}'`)
  }
  const order = toolOrderProblem(messages)
  if (order === null) return null
  return problem(400, 'invalid request: tool call ids and tool results must match')
}

function askOf(body: JsonObject): Ask {
  const messages = objectsOf(body['messages'])
  return {
    model: textOr(body['model']),
    stream: body['stream'] === true,
    promptParts: promptParts(messages, body['tools']),
    markedParts: 0,
    images: imageCount(messages),
    lastUserText: lastUserText(messages),
    toolResults: trailingToolResults(messages),
    tools: readTools(body['tools']),
    toolChoice: readToolChoice(body['tool_choice']),
    parallelCalls: true,
    json: readFormat(body['response_format']),
    reasoning: isObject(body['thinking']) && body['thinking']['type'] !== 'disabled',
    stop: listOr(body['stop_sequences']).map(String),
    maxTokens: numberOr(body['max_tokens'], null),
    choices: 1,
    toolCallId: (sequence, index, name) => idOf(`${name}_`, sequence, index, 12),
  }
}

function readFormat(format: Json | undefined): Ask['json'] {
  const { type, json_schema: schema, schema: older } = objectOr(format)
  if (type !== 'json_object') return null
  const given = schema ?? older
  return given === undefined ? { kind: 'object' } : { kind: 'schema', schema: given }
}

function writeError(found: Problem): ErrorAnswer {
  const id = '00000000-0000-4000-8000-000000000000'
  return { status: found.status, headers: {}, body: { id, message: found.message } }
}

/** An answer that fails ends with reason `ERROR` (corpus: `stream-midstream-error-sql-agent-*`). */
function writeErrorFrames(found: Problem): Frame[] {
  const delta = { finish_reason: 'ERROR', usage: {}, error: found.message }
  return [eventFrame('message-end', { type: 'message-end', delta }), doneFrame()]
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'COMPLETE',
  'stop-sequence': 'STOP_SEQUENCE',
  length: 'MAX_TOKENS',
  'tool-calls': 'TOOL_CALL',
  refusal: 'COMPLETE',
}

function usageJson(writing: Writing): JsonObject {
  const { input, output, reasoning, cacheRead } = writing.answer.tokens
  return compact({
    billed_units: { input_tokens: input, output_tokens: output },
    tokens: compact({
      input_tokens: input,
      output_tokens: output,
      reasoning_tokens: reasoning > 0 ? reasoning : undefined,
    }),
    cached_tokens: cacheRead,
  })
}

function uuidOf(writing: Writing): string {
  return idOf('00000000-0000-4000-8000-', writing.sequence, 0, 12)
}

function writeJson(writing: Writing): Json {
  const [choice] = writing.answer.choices
  const thinking = choice.reasoning.join('')
  const text = choice.text.join('')
  const content = [
    ...(thinking === '' ? [] : [{ type: 'thinking', thinking }]),
    ...(text === '' ? [] : [{ type: 'text', text }]),
  ]
  const calls = choice.toolCalls.map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.pieces.join('') },
  }))
  const message = compact({
    role: 'assistant',
    content: content.length > 0 ? content : undefined,
    tool_plan: calls.length > 0 ? 'I will call a tool.' : undefined,
    tool_calls: calls.length > 0 ? calls : undefined,
  })
  return compact({
    id: uuidOf(writing),
    message,
    finish_reason: finishReasons[choice.finish],
    usage: writing.withUsage ? usageJson(writing) : undefined,
  })
}

function writeStream(writing: Writing): Frame[] {
  const [choice] = writing.answer.choices
  const message = { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] }
  const end = compact({
    finish_reason: finishReasons[choice.finish],
    usage: writing.withUsage ? usageJson(writing) : undefined,
  })
  return [
    eventFrame('message-start', {
      id: uuidOf(writing),
      type: 'message-start',
      delta: { message },
    }),
    ...contentFrames('thinking', choice.reasoning, 0),
    ...contentFrames('text', choice.text, choice.reasoning.length > 0 ? 1 : 0),
    ...callFrames(choice),
    eventFrame('message-end', { type: 'message-end', delta: end }, { mark: 'end' }),
    doneFrame(),
  ]
}

function contentFrames(
  type: 'thinking' | 'text',
  pieces: readonly string[],
  index: number,
): Frame[] {
  if (pieces.length === 0) return []
  const content = (event: string, value: JsonObject, tokens = 0): Frame =>
    eventFrame(event, { type: event, index, delta: { message: { content: value } } }, { tokens })
  return [
    content('content-start', { type, [type]: '' }),
    ...pieces.map((piece) => content('content-delta', { [type]: piece }, 1)),
    eventFrame('content-end', { type: 'content-end', index }),
  ]
}

function callFrames(choice: Choice): Frame[] {
  if (choice.toolCalls.length === 0) return []
  const plan = { message: { tool_plan: 'I will call a tool.' } }
  const calls = choice.toolCalls.flatMap((call, index) => {
    const delta = (event: string, value: JsonObject): Frame =>
      eventFrame(
        event,
        { type: event, index, delta: { message: { tool_calls: value } } },
        { tokens: 1 },
      )
    return [
      delta('tool-call-start', {
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: '' },
      }),
      ...call.pieces.map((piece) => delta('tool-call-delta', { function: { arguments: piece } })),
      eventFrame('tool-call-end', { type: 'tool-call-end', index }),
    ]
  })
  return [eventFrame('tool-plan-delta', { type: 'tool-plan-delta', delta: plan }), ...calls]
}
