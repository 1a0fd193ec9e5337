import type { Ask, Choice, Finish } from '../ask.ts'
import { corruptText, dataFrame, doneFrame, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, listOr, numberOr, objectsOf, textOr } from '../json.ts'
import type {
  Call,
  ErrorAnswer,
  Frame,
  Problem,
  Reading,
  Vendor,
  WireFormat,
  Writing,
} from '../wire.ts'
import { problem } from '../wire.ts'
import {
  imageCount,
  lastUserText,
  promptParts,
  readToolChoice,
  readTools,
  trailingToolResults,
} from './chat-messages.ts'
import { completionFrames, completionJson } from './openai-answer.ts'
import { bearerOf, isBadKey, openAiWire } from './openai.ts'
import { readResponseFormat } from './openai-request.ts'

/** Workers AI over REST: `/ai/run/{model}`, and its OpenAI-compatible `/ai/v1/chat/completions`. */
export const workersAiWire: WireFormat = {
  authenticate: (call) => (isBadKey(bearerOf(call)) ? problem(401, 'Unauthorized') : null),
  read,
  streamType: () => 'text/event-stream; charset=utf-8',
  writeJson,
  writeCount: () => null,
  writeStream,
  writeError,
  writeErrorFrames: (found) => [dataFrame(writeError(found).body)],
  corrupt: corruptText,
}

/** Models that answer in OpenAI's shape inside `result` (corpus: `json-reasoning-openai-shape-*`). */
const openAiShaped = /qwen3|gpt-oss|glm|kimi|gemma-4|nemotron/i

const compatible: Vendor = {
  id: 'workers-ai',
  wire: 'openai',
  reasoningField: 'reasoning_content',
  usage: 'always',
}

function isOpenAiForm(call: Call): boolean {
  return call.path.endsWith('/chat/completions')
}

function read(call: Call): Reading {
  if (call.method === 'POST' && isOpenAiForm(call)) return openAiWire.read(call, compatible)
  const model = /\/run\/(.+)$/.exec(call.path)?.[1]
  if (call.method !== 'POST' || model === undefined) {
    return { kind: 'problem', problem: problem(404, 'No route for that URI') }
  }
  const messages = messagesOf(call.body)
  const stranger = messages.find(
    (one) => !['system', 'developer', 'user', 'assistant', 'tool'].includes(textOr(one['role'])),
  )
  if (messages.length === 0 || stranger !== undefined) {
    const message =
      "AiError: Bad input: Error: oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt' or 'messages'"
    return { kind: 'problem', problem: problem(400, message, { code: '5006' }) }
  }
  return { kind: 'answer', ask: askOf(call.body, messages, decodeURIComponent(model)) }
}

function messagesOf(body: JsonObject): readonly JsonObject[] {
  const prompt = textOr(body['prompt'])
  return prompt === '' ? objectsOf(body['messages']) : [{ role: 'user', content: prompt }]
}

function askOf(body: JsonObject, messages: readonly JsonObject[], model: string): Ask {
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
    reasoning: openAiShaped.test(model) && typeof body['reasoning_effort'] === 'string',
    stop: typeof body['stop'] === 'string' ? [body['stop']] : listOr(body['stop']).map(String),
    maxTokens: numberOr(body['max_tokens'] ?? body['max_completion_tokens'], null),
    choices: 1,
    toolCallId: (sequence, index) => idOf('call_', sequence, index, 24),
  }
}

function writeError(found: Problem): ErrorAnswer {
  const code = Number(found.code ?? found.status)
  const errors = [{ message: found.message, code }]
  const body = { success: false, result: null, errors, messages: [] }
  return { status: found.status, headers: {}, body }
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'stop',
}

function usageJson(writing: Writing): JsonObject {
  const { input, output } = writing.answer.tokens
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
}

/** With a JSON schema the native form answers an object, not its text. */
function responseOf(writing: Writing, choice: Choice): Json {
  const text = choice.text.join('')
  if (choice.toolCalls.length > 0) return null
  if (writing.ask.json === null || choice.finish !== 'stop') return text
  return JSON.parse(text) as Json
}

function writeJson(writing: Writing): Json {
  if (isOpenAiForm(writing.call)) return completionJson({ ...writing, vendor: compatible })
  const result = openAiShaped.test(writing.ask.model)
    ? completionJson({ ...writing, vendor: compatible })
    : nativeResult(writing)
  return { result, success: true, errors: [], messages: [] }
}

function nativeResult(writing: Writing): JsonObject {
  const [choice] = writing.answer.choices
  const calls = choice.toolCalls.map((call) => ({ name: call.name, arguments: call.arguments }))
  return compact({
    response: responseOf(writing, choice),
    tool_calls: calls.length > 0 ? calls : undefined,
    finish_reason: finishReasons[choice.finish],
    usage: writing.withUsage ? usageJson(writing) : undefined,
  })
}

function writeStream(writing: Writing): Frame[] {
  if (isOpenAiForm(writing.call) || openAiShaped.test(writing.ask.model)) {
    return completionFrames({ ...writing, vendor: compatible })
  }
  const [choice] = writing.answer.choices
  const calls = choice.toolCalls.map((call, index) => ({
    id: call.id,
    type: 'function',
    index,
    function: { name: call.name, arguments: call.pieces.join('') },
  }))
  const callTokens = choice.toolCalls.reduce((sum, call) => sum + 1 + call.pieces.length, 0)
  const last = compact({
    response: '',
    finish_reason: finishReasons[choice.finish],
    usage: writing.withUsage ? usageJson(writing) : undefined,
  })
  return [
    ...choice.text.map((response) => dataFrame({ response, p: 'abcd' }, { tokens: 1 })),
    ...(calls.length > 0 ? [dataFrame({ tool_calls: calls }, { tokens: callTokens })] : []),
    dataFrame(last, { mark: 'finish' }),
    doneFrame(),
  ]
}
