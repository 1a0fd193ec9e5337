import type { Ask, Choice, Finish } from '../ask.ts'
import { corruptText, frameOf, idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { compact, isObject, listOr, numberOr, objectOr, objectsOf, textOr } from '../json.ts'
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
  readTools,
  trailingToolResults,
} from './chat-messages.ts'
import { openAiWire } from './openai.ts'

/** Ollama: its own `/api/chat` in JSON lines, and OpenAI's form under `/chat/completions`. */
export const ollamaWire: WireFormat = {
  authenticate: () => null,
  read,
  streamType: (call) => (isNative(call) ? 'application/x-ndjson' : openAiWire.streamType(call)),
  writeJson: (writing) =>
    isNative(writing.call) ? answerJson(writing) : openAiWire.writeJson(writing),
  writeCount: () => null,
  writeStream: (writing) =>
    isNative(writing.call) ? lines(writing) : openAiWire.writeStream(writing),
  writeError: (found) => writeError(found),
  writeErrorFrames,
  corrupt: corruptText,
}

function isNative(call: Call): boolean {
  return call.path.endsWith('/chat')
}

function read(call: Call, vendor: Vendor): Reading {
  if (call.method !== 'POST' || !isNative(call)) return openAiWire.read(call, vendor)
  const { body } = call
  const model = textOr(body['model'])
  if (model === '') return { kind: 'problem', problem: problem(400, 'model is required') }
  const messages = objectsOf(body['messages'])
  const stranger = messages.find(
    (one) => !['system', 'user', 'assistant', 'tool'].includes(textOr(one['role'])),
  )
  if (stranger !== undefined) {
    return { kind: 'problem', problem: problem(400, `invalid role: ${textOr(stranger['role'])}`) }
  }
  const calls = messages.flatMap((one) => objectsOf(one['tool_calls']))
  if (calls.some((one) => !isObject(objectOr(one['function'])['arguments']))) {
    const message =
      'json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments'
    return { kind: 'problem', problem: problem(400, message) }
  }
  return { kind: 'answer', ask: askOf(body, messages, model) }
}

function askOf(body: JsonObject, messages: readonly JsonObject[], model: string): Ask {
  const options = objectOr(body['options'])
  const limit = numberOr(options['num_predict'], null)
  return {
    model,
    stream: body['stream'] !== false,
    promptParts: promptParts(messages, body['tools']),
    markedParts: 0,
    images: imageCount(messages),
    lastUserText: lastUserText(messages),
    toolResults: trailingToolResults(messages),
    tools: readTools(body['tools']),
    toolChoice: { kind: 'auto' },
    parallelCalls: true,
    json: readFormat(body['format']),
    reasoning: body['think'] !== undefined && body['think'] !== false,
    stop: listOr(options['stop']).map(String),
    maxTokens: limit !== null && limit > 0 ? limit : null,
    choices: 1,
    toolCallId: (sequence, index) => idOf('call_', sequence, index, 8),
  }
}

function readFormat(format: Json | undefined): Ask['json'] {
  if (format === 'json') return { kind: 'object' }
  return isObject(format) ? { kind: 'schema', schema: format } : null
}

function writeError(found: Problem): ErrorAnswer {
  return { status: found.status, headers: {}, body: { error: found.message } }
}

function writeErrorFrames(found: Problem, writing: Writing, isFirst: boolean): Frame[] {
  return isNative(writing.call)
    ? [line(objectOr(writeError(found).body))]
    : openAiWire.writeErrorFrames(found, writing, isFirst)
}

const doneReasons: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'stop',
  refusal: 'stop',
}

function line(value: JsonObject, more: Partial<Frame> = {}): Frame {
  return frameOf(`${JSON.stringify(value)}\n`, more)
}

function head(writing: Writing): JsonObject {
  return { model: writing.ask.model, created_at: new Date(writing.createdS * 1000).toISOString() }
}

function tail(writing: Writing, choice: Choice): JsonObject {
  const { input, output } = writing.answer.tokens
  const counts = writing.withUsage ? { prompt_eval_count: input, eval_count: output } : {}
  return {
    done_reason: doneReasons[choice.finish],
    done: true,
    total_duration: 25_000_000,
    load_duration: 1_000_000,
    ...counts,
  }
}

function callsJson(choice: Choice): JsonObject[] {
  return choice.toolCalls.map((call, index) => ({
    id: call.id,
    function: { index, name: call.name, arguments: call.arguments },
  }))
}

function answerJson(writing: Writing): Json {
  const [choice] = writing.answer.choices
  const calls = callsJson(choice)
  const thinking = choice.reasoning.join('')
  const message = compact({
    role: 'assistant',
    content: choice.text.join(''),
    thinking: thinking === '' ? undefined : thinking,
    tool_calls: calls.length > 0 ? calls : undefined,
  })
  return { ...head(writing), message, ...tail(writing, choice) }
}

function lines(writing: Writing): Frame[] {
  const [choice] = writing.answer.choices
  const said = (message: JsonObject, tokens: number): Frame =>
    line(
      { ...head(writing), message: { role: 'assistant', content: '', ...message }, done: false },
      { tokens },
    )
  const calls = callsJson(choice).map((call, index) =>
    said({ tool_calls: [call] }, 1 + (choice.toolCalls[index]?.pieces.length ?? 0)),
  )
  const empty = { role: 'assistant', content: '' }
  return [
    ...choice.reasoning.map((thinking) => said({ thinking }, 1)),
    ...choice.text.map((content) => said({ content }, 1)),
    ...calls,
    line({ ...head(writing), message: empty, ...tail(writing, choice) }, { mark: 'end' }),
  ]
}
