import type { Ask, ToolChoice } from '../ask.ts'
import { idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, numberOr, objectOr, objectsOf, parseJson, textOr } from '../json.ts'
import type { Call, Problem, Reading } from '../wire.ts'
import { problem } from '../wire.ts'

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, read 2026-11-20. */
const knownFields = new Set(
  `additionalModelRequestFields additionalModelResponseFieldPaths guardrailConfig inferenceConfig messages outputConfig
  performanceConfig promptVariables requestMetadata serviceTier system toolConfig`.split(/\s+/),
)
const blockKinds =
  `text image document video audio toolUse toolResult guardContent cachePoint reasoningContent
  citationsContent searchResult`.split(/\s+/)

/** Reads a Converse request, and refuses what Bedrock refuses. */
export function readConverse(call: Call, model: string, stream: boolean): Reading {
  const found = requestProblem(call.body)
  if (found !== null) return { kind: 'problem', problem: found }
  return { kind: 'answer', ask: askOf(call.body, model, stream) }
}

function invalid(message: string): Problem {
  return problem(400, message)
}

function requestProblem(body: JsonObject): Problem | null {
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown !== undefined) return invalid(`Unexpected field: ${unknown}`)
  const messages = objectsOf(body['messages'])
  if (messages[0]?.['role'] !== 'user') {
    return invalid(
      'A conversation must start with a user message. Try again with a conversation that starts with a user message.',
    )
  }
  for (const [index, message] of messages.entries()) {
    const found = messageProblem(message, messages[index - 1], index)
    if (found !== null) return found
  }
  return toolConfigProblem(body, messages) ?? orderProblem(messages)
}

function messageProblem(
  message: JsonObject,
  before: JsonObject | undefined,
  index: number,
): Problem | null {
  if (message['role'] !== 'user' && message['role'] !== 'assistant') {
    return invalid(
      `Value '${textOr(message['role'])}' at 'messages.${index + 1}.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]`,
    )
  }
  if (before?.['role'] === message['role']) {
    return invalid(
      'A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.',
    )
  }
  const blocks = objectsOf(message['content'])
  if (blocks.length === 0) {
    return invalid(
      `The content field in the Message object at messages.${index} is empty. Add a ContentBlock object to the content field and try again.`,
    )
  }
  for (const [place, block] of blocks.entries()) {
    const found = blockProblem(block, `messages.${index}.content.${place}`)
    if (found !== null) return found
  }
  return null
}

function blockProblem(block: JsonObject, at: string): Problem | null {
  const kinds = Object.keys(block)
  if (kinds.length !== 1 || !blockKinds.includes(kinds[0] ?? '')) {
    return invalid(
      `The format of the ContentBlock object at ${at} is incorrect. Exactly one known member must be set.`,
    )
  }
  if ('text' in block && textOr(block['text']).trim() === '') {
    return invalid(
      `The text field in the ContentBlock object at ${at} is blank. Add text to the text field, and try again.`,
    )
  }
  const use = block['toolUse']
  if (isObject(use) && !isObject(use['input'])) {
    return invalid(
      `The format of the value at ${at}.toolUse.input is invalid. Provide a json object for the field and try again.`,
    )
  }
  return null
}

function toolConfigProblem(body: JsonObject, messages: readonly JsonObject[]): Problem | null {
  const usesTools = messages.some((message) =>
    objectsOf(message['content']).some((block) => 'toolUse' in block || 'toolResult' in block),
  )
  const tools = objectsOf(objectOr(body['toolConfig'])['tools'])
  if (usesTools && tools.length === 0) {
    return invalid(
      'The toolConfig field must be defined when using toolUse and toolResult content blocks.',
    )
  }
  if (isObject(body['toolConfig']) && tools.length === 0) {
    return invalid(
      "Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1",
    )
  }
  return null
}

function idsOf(message: JsonObject | undefined, kind: string): string[] {
  return objectsOf(message?.['content']).flatMap((block) =>
    isObject(block[kind]) ? [textOr(block[kind]['toolUseId'])] : [],
  )
}

function orderProblem(messages: readonly JsonObject[]): Problem | null {
  for (let index = 0; index <= messages.length; index += 1) {
    const called = idsOf(messages[index - 1], 'toolUse')
    const answered = idsOf(messages[index], 'toolResult')
    const open = called.filter((id) => !answered.includes(id))
    if (open.length > 0) {
      return invalid(
        `Expected toolResult blocks at messages.${index}.content for the following Ids: ${open.join(', ')}`,
      )
    }
    if (answered.some((id) => !called.includes(id))) {
      return invalid(
        `The number of toolResult blocks at messages.${index}.content exceeds the number of toolUse blocks of previous turn.`,
      )
    }
  }
  return null
}

function askOf(body: JsonObject, model: string, stream: boolean): Ask {
  const messages = objectsOf(body['messages'])
  const last = messages.at(-1) ?? {}
  const config = objectOr(body['inferenceConfig'])
  const toolConfig = objectOr(body['toolConfig'])
  const extra = objectOr(body['additionalModelRequestFields'])
  const thinking = objectOr(
    extra['thinking'] ?? extra['reasoning_config'] ?? extra['reasoningConfig'],
  )
  const raw: readonly Json[] = [toolConfig['tools'] ?? [], body['system'] ?? [], ...messages]
  return {
    model,
    stream,
    promptParts: raw.map((part) =>
      isObject(part) ? blocksText(part['content']) : blocksText(part),
    ),
    markedParts: raw.findLastIndex((part) => JSON.stringify(part).includes('"cachePoint"')) + 1,
    images: (JSON.stringify(messages).match(/"(image|document|video)":\{/g) ?? []).length,
    lastUserText: lastUserText(messages),
    toolResults: objectsOf(last['content']).flatMap((block) =>
      isObject(block['toolResult']) ? [blocksText(block['toolResult']['content'])] : [],
    ),
    tools: objectsOf(toolConfig['tools']).flatMap((tool) => {
      const spec = objectOr(tool['toolSpec'])
      const name = textOr(spec['name'])
      return name === '' ? [] : [{ name, schema: objectOr(spec['inputSchema'])['json'] ?? {} }]
    }),
    toolChoice: readChoice(objectOr(toolConfig['toolChoice'])),
    parallelCalls: true,
    json: readFormat(objectOr(objectOr(body['outputConfig'])['textFormat'])),
    reasoning: ['enabled', 'adaptive'].includes(textOr(thinking['type'])),
    stop: listOr(config['stopSequences']).map(String),
    maxTokens: numberOr(config['maxTokens'], null),
    choices: 1,
    toolCallId: (sequence, index) => idOf('tooluse_', sequence, index, 22),
  }
}

function blocksText(content: Json | undefined): string {
  return objectsOf(content)
    .map((block) => {
      if (typeof block['text'] === 'string') return block['text']
      if (isObject(block['toolResult'])) return blocksText(block['toolResult']['content'])
      return JSON.stringify(block['json'] ?? block['toolUse'] ?? block['toolSpec'] ?? '')
    })
    .join('')
}

function lastUserText(messages: readonly JsonObject[]): string {
  const last = messages.findLast(
    (message) =>
      message['role'] === 'user' &&
      objectsOf(message['content']).some((block) => !('toolResult' in block)),
  )
  return blocksText(objectsOf(last?.['content']).filter((block) => 'text' in block))
}

function readChoice(choice: JsonObject): ToolChoice {
  if (isObject(choice['tool'])) return { kind: 'named', name: textOr(choice['tool']['name']) }
  return { kind: 'any' in choice ? 'required' : 'auto' }
}

/** Bedrock takes the schema as JSON text. */
function readFormat(format: JsonObject): Ask['json'] {
  if (format['type'] !== 'json_schema') return null
  const { schema } = objectOr(objectOr(format['structure'])['jsonSchema'])
  return { kind: 'schema', schema: typeof schema === 'string' ? (parseJson(schema) ?? {}) : {} }
}
