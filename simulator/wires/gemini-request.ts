import type { Ask, ToolChoice } from '../ask.ts'
import { idOf } from '../frames.ts'
import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, numberOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Call, Problem, Reading } from '../wire.ts'
import { problem } from '../wire.ts'

/** https://ai.google.dev/api/generate-content, read 2026-11-20. Google takes camel and snake case. */
const knownFields = new Set(
  `contents systemInstruction generationConfig safetySettings tools toolConfig cachedContent model store serviceTier
  generateContentRequest labels`.split(/\s+/),
)
const knownGenerationFields = new Set(
  `temperature topP topK candidateCount maxOutputTokens stopSequences presencePenalty frequencyPenalty seed
  responseMimeType responseSchema responseJsonSchema _responseJsonSchema responseLogprobs logprobs
  enableEnhancedCivicAnswers responseModalities speechConfig thinkingConfig imageConfig mediaResolution
  audioTimestamp responseFormat`.split(/\s+/),
)

/** Snake-case keys as camel case, at the top and inside the parts that we read. */
function camel(value: Json, depth = 0): Json {
  if (Array.isArray(value)) return value.map((one: Json) => camel(one, depth))
  if (!isObject(value)) return value
  const written: Record<string, Json> = {}
  for (const [key, one] of Object.entries(value)) {
    const name = key.replace(/(?<=[a-z])_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const isOpaque = ['args', 'response', 'parameters', 'parametersJsonSchema'].includes(name)
    const isSchema = ['responseSchema', 'responseJsonSchema', '_responseJsonSchema'].includes(name)
    written[name] = isOpaque || isSchema || depth > 8 ? one : camel(one, depth + 1)
  }
  return written
}

/** Reads a generateContent or countTokens request, and refuses what Google refuses. */
export function readGenerate(call: Call, model: string, method: string): Reading {
  const body = objectOr(camel(call.body))
  const request =
    method === 'countTokens' && isObject(body['generateContentRequest'])
      ? body['generateContentRequest']
      : body
  const found = requestProblem(request)
  if (found !== null) return { kind: 'problem', problem: found }
  const stream = method === 'streamGenerateContent'
  return { kind: method === 'countTokens' ? 'count' : 'answer', ask: askOf(request, model, stream) }
}

function invalid(message: string): Problem {
  return problem(400, message)
}

function requestProblem(body: JsonObject): Problem | null {
  const config = objectOr(body['generationConfig'])
  const unknown = Object.keys(body).find((key) => !knownFields.has(key))
  if (unknown !== undefined) return unknownName(unknown, '')
  const unknownConfig = Object.keys(config).find((key) => !knownGenerationFields.has(key))
  if (unknownConfig !== undefined) return unknownName(unknownConfig, " at 'generation_config'")
  const contents = objectsOf(body['contents'])
  if (contents.length === 0) {
    return invalid('* GenerateContentRequest.contents: contents is not specified\n')
  }
  for (const [index, content] of contents.entries()) {
    const found = contentProblem(content, index)
    if (found !== null) return found
  }
  return callOrderProblem(contents) ?? configProblem(config)
}

function unknownName(name: string, where: string): Problem {
  return invalid(
    `Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.`,
  )
}

const partKinds =
  `text inlineData fileData functionCall functionResponse executableCode codeExecutionResult
  toolCall toolResponse`.split(/\s+/)

function contentProblem(content: JsonObject, index: number): Problem | null {
  const role = textOr(content['role'], 'user')
  if (!['user', 'model', 'function'].includes(role)) {
    return invalid('Please use a valid role: user, model.')
  }
  const parts = objectsOf(content['parts'])
  if (parts.length === 0) {
    return invalid(
      `* GenerateContentRequest.contents[${index}].parts: contents.parts must not be empty.\n`,
    )
  }
  const empty = parts.findIndex((part) => !partKinds.some((kind) => kind in part))
  if (empty < 0) return null
  return invalid(
    `* GenerateContentRequest.contents[${index}].parts[${empty}].data: required oneof field 'data' must have one initialized field\n`,
  )
}

/** As many responses as calls, in the turn right after them. */
function callOrderProblem(contents: readonly JsonObject[]): Problem | null {
  for (const [index, content] of contents.entries()) {
    const responses = partsWith(content, 'functionResponse')
    const calls = partsWith(contents[index - 1] ?? {}, 'functionCall')
    if (responses !== calls && (responses > 0 || calls > 0)) {
      return invalid(
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      )
    }
  }
  return null
}

function partsWith(content: JsonObject, kind: string): number {
  return objectsOf(content['parts']).filter((part) => kind in part).length
}

function configProblem(config: JsonObject): Problem | null {
  const temperature = numberOr(config['temperature'], 1)
  if (temperature < 0 || temperature > 2) {
    return invalid(
      '* GenerateContentRequest.generation_config.temperature: must be in the range [0.0, 2.0].\n',
    )
  }
  const hasSchema = config['responseSchema'] ?? config['responseJsonSchema']
  if (hasSchema !== undefined && config['responseMimeType'] !== 'application/json') {
    return invalid(
      'Function calling config or response schema requires response_mime_type: application/json',
    )
  }
  if (config['responseSchema'] !== undefined && config['responseJsonSchema'] !== undefined) {
    return invalid('Only one of response_schema and response_json_schema may be set.')
  }
  return null
}

function askOf(body: JsonObject, model: string, stream: boolean): Ask {
  const contents = objectsOf(body['contents'])
  const config = objectOr(body['generationConfig'])
  const last = contents.at(-1) ?? {}
  const thinking = objectOr(config['thinkingConfig'])
  const declarations = objectsOf(body['tools']).flatMap((tool) =>
    objectsOf(tool['functionDeclarations']),
  )
  const system = body['systemInstruction']
  return {
    model,
    stream,
    promptParts: [
      ...(declarations.length === 0 ? [] : [JSON.stringify(declarations)]),
      ...(isObject(system) ? [contentText(system)] : []),
      ...contents.map(contentText),
    ],
    markedParts: 0,
    images: contents.reduce(
      (sum, one) => sum + partsWith(one, 'inlineData') + partsWith(one, 'fileData'),
      0,
    ),
    lastUserText: lastUserText(contents),
    toolResults: objectsOf(last['parts']).flatMap((part) =>
      isObject(part['functionResponse'])
        ? [JSON.stringify(part['functionResponse']['response'] ?? null)]
        : [],
    ),
    tools: declarations.map((one) => ({
      name: textOr(one['name']),
      schema: one['parametersJsonSchema'] ?? one['parameters'] ?? { type: 'object' },
    })),
    toolChoice: readChoice(objectOr(objectOr(body['toolConfig'])['functionCallingConfig'])),
    parallelCalls: true,
    json: readFormat(config),
    reasoning: thinking['includeThoughts'] === true,
    stop: listOr(config['stopSequences']).map(String),
    maxTokens: numberOr(config['maxOutputTokens'], null),
    choices: numberOr(config['candidateCount'], 1),
    toolCallId: (sequence, index) => idOf('', sequence, index, 8),
  }
}

function contentText(content: JsonObject): string {
  return objectsOf(content['parts'])
    .map(
      (part) =>
        textOr(part['text']) ||
        JSON.stringify(part['functionCall'] ?? part['functionResponse'] ?? ''),
    )
    .join('')
}

function lastUserText(contents: readonly JsonObject[]): string {
  const last = contents.findLast(
    (one) => textOr(one['role'], 'user') === 'user' && partsWith(one, 'functionResponse') === 0,
  )
  return objectsOf(last?.['parts'])
    .map((part) => textOr(part['text']))
    .join('')
}

function readChoice(config: JsonObject): ToolChoice {
  const mode = textOr(config['mode']).toUpperCase()
  const [name, second] = listOr(config['allowedFunctionNames'])
  if (mode === 'NONE') return { kind: 'none' }
  if (mode !== 'ANY') return { kind: 'auto' }
  if (typeof name === 'string' && second === undefined) return { kind: 'named', name }
  return { kind: 'required' }
}

function readFormat(config: JsonObject): Ask['json'] {
  if (config['responseMimeType'] !== 'application/json') return null
  const schema =
    config['responseJsonSchema'] ?? config['_responseJsonSchema'] ?? config['responseSchema']
  return schema === undefined ? { kind: 'object' } : { kind: 'schema', schema }
}
