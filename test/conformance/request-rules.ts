import { at, isObject, list } from './oracles/wire-value.ts'

type Body = Record<string, unknown>

/** One way of spelling the same request; applied to the recorded and to the written body before they are compared. */
export interface RequestRule {
  readonly name: string
  readonly reason: string
  readonly apply: (body: Body) => Body
  /** Folders of the corpus that it holds for; absent means all. */
  readonly providers?: readonly string[]
}

function mapList(body: Body, key: string, map: (item: Body) => Body): Body {
  if (!Array.isArray(body[key])) return body
  return {
    ...body,
    [key]: list(body[key]).map((item) => (isObject(item) ? map({ ...item }) : item)),
  }
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined)
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutNulls(inner)]))
}

function rename(body: Body, from: string, to: string): Body {
  if (body[from] === undefined || body[to] !== undefined) return body
  const { [from]: value, ...rest } = body
  return { ...rest, [to]: value }
}

const nullIsAbsent: RequestRule = {
  name: 'null-is-absent',
  reason: 'optional fields are nullable in both vendors’ schemas; null means not given',
  apply: (body) => withoutNulls(body) as Body,
}

const falseDefaults: RequestRule = {
  name: 'false-is-default',
  reason: '`stream: false` is what leaving it out means',
  apply: ({ stream, ...rest }) => (stream === true ? { stream, ...rest } : rest),
}

function oneTextPart(content: unknown): unknown {
  const parts = list(content)
  const only = parts[0]
  if (parts.length !== 1 || at(only, 'type') !== 'text') return content
  return Object.keys(only as object).length === 2 ? at(only, 'text') : content
}

const stringContent: RequestRule = {
  name: 'string-content',
  reason: 'content that is one plain text part may be written as a string',
  apply: (body) =>
    mapList(body, 'messages', (message) => ({
      ...message,
      content: oneTextPart(message['content']),
    })),
}

const emptyLists: RequestRule = {
  name: 'empty-lists',
  reason: 'an empty list of tools or stops asks for nothing',
  apply: (body) =>
    Object.fromEntries(
      Object.entries(body).filter(
        ([key, value]) =>
          !(
            ['tools', 'stop', 'stop_sequences'].includes(key) &&
            list(value).length === 0 &&
            Array.isArray(value)
          ),
      ),
    ),
}

/** What a rule replaces inside every message. */
function inMessages(name: string, reason: string, map: (message: Body) => Body): RequestRule {
  return { name, reason, apply: (body) => mapList(body, 'messages', map) }
}

function without(body: Body, ...keys: readonly string[]): Body {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !keys.includes(key)))
}

function droppedWhen(name: string, reason: string, key: string, value: unknown): RequestRule {
  return {
    name,
    reason,
    apply: (body) =>
      JSON.stringify(body[key]) === JSON.stringify(value) ? without(body, key) : body,
  }
}

/** `functions` and `function_call` in the words of today. */
function modernFunctions(body: Body): Body {
  if (body['functions'] === undefined && body['function_call'] === undefined) return body
  const { functions, function_call: choice, ...rest } = body
  const named = isObject(choice) ? { type: 'function', function: choice } : choice
  return {
    ...rest,
    ...(functions === undefined
      ? {}
      : {
          tools: list(functions).map((one) => ({ type: 'function', function: one })),
          parallel_tool_calls: false,
        }),
    ...(named === undefined ? {} : { tool_choice: named }),
  }
}

function markOnLastPart(message: Body): Body {
  const { cache_control: mark, ...rest } = message
  if (mark === undefined) return message
  const parts =
    typeof rest['content'] === 'string'
      ? [{ type: 'text', text: rest['content'] }]
      : list(rest['content'])
  const last = parts.at(-1)
  if (!isObject(last)) return message
  return { ...rest, content: [...parts.slice(0, -1), { ...last, cache_control: mark }] }
}

export const openAiRequestRules: readonly RequestRule[] = [
  nullIsAbsent,
  falseDefaults,
  inMessages(
    'mark-on-message',
    'a cache mark beside `content` marks its last part (Vercel); a part is where the others want it',
    markOnLastPart,
  ),
  stringContent,
  emptyLists,
  inMessages(
    'empty-content-beside-calls',
    'an assistant turn that only calls tools has `content` "", null or none: all say nothing',
    (message) =>
      Array.isArray(message['tool_calls']) && message['content'] === ''
        ? without(message, 'content')
        : message,
  ),
  inMessages(
    'empty-answer-fields',
    'clients send a whole answer back: an empty `annotations` or `reasoning_content` says nothing',
    (message) =>
      without(
        message,
        ...[
          'annotations',
          'reasoning_content',
          'reasoning',
          'reasoning_details',
          'tool_calls',
        ].filter(
          (key) =>
            message[key] === '' || (Array.isArray(message[key]) && list(message[key]).length === 0),
        ),
      ),
  ),
  inMessages(
    'image-url-string',
    'an image may be given as a bare string; the reference has an object with `url`',
    (message) =>
      mapList(message, 'content', (part) =>
        typeof part['image_url'] === 'string'
          ? { ...part, image_url: { url: part['image_url'] } }
          : part,
      ),
  ),
  inMessages(
    'file-name-added',
    'a document without a name gets one: OpenAI refuses `file_data` without `filename`',
    (message) =>
      mapList(message, 'content', (part) =>
        isObject(part['file']) ? { ...part, file: without(part['file'], 'filename') } : part,
      ),
  ),
  inMessages(
    'developer-is-system',
    '`developer` is OpenAI’s newer word for `system`; vendors that do not know it get the older one',
    (message) => (message['role'] === 'developer' ? { ...message, role: 'system' } : message),
  ),
  {
    name: 'max-tokens-name',
    reason: '`max_tokens` is the older name of `max_completion_tokens`; vendors know one or both',
    apply: (body) => rename(body, 'max_completion_tokens', 'max_tokens'),
  },
  {
    name: 'stream-options-added',
    reason: 'we always ask a stream for its usage, or budgets could not be settled',
    apply: (body) => {
      const { stream_options: options, ...rest } = body
      const others = isObject(options) ? without(options, 'include_usage') : {}
      return Object.keys(others).length === 0 ? rest : { ...rest, stream_options: others }
    },
  },
  droppedWhen(
    'usage-include-added',
    'OpenRouter states the price when asked; we always ask',
    'usage',
    {
      include: true,
    },
  ),
  droppedWhen(
    'include-reasoning',
    'OpenRouter shows thoughts unless told not to',
    'include_reasoning',
    true,
  ),
  inMessages(
    'empty-arguments',
    'a call without arguments has `arguments` "" or "{}"; some vendors refuse the empty text',
    (message) =>
      mapList(message, 'tool_calls', (call) => {
        const called = call['function']
        return isObject(called) && called['arguments'] === ''
          ? { ...call, function: { ...called, arguments: '{}' } }
          : call
      }),
  ),
  inMessages(
    'delta-index',
    'the `index` of a streamed call sent back with it: it said where the pieces belong, and is in no request schema',
    (message) => mapList(message, 'tool_calls', (call) => without(call, 'index')),
  ),
  inMessages(
    'tool-message-name',
    '`name` is no field of a tool message: the call’s id says whose result it is',
    (message) => (message['role'] === 'tool' ? without(message, 'name') : message),
  ),
  inMessages(
    'mark-on-call',
    'no vendor of this wire documents a cache mark on a tool call; marks belong on content parts',
    (message) => mapList(message, 'tool_calls', (call) => without(call, 'cache_control')),
  ),
  inMessages(
    'text-detail-id',
    'the id of a `reasoning.text` detail is optional (OpenRouter); its signature is what proves it',
    (message) =>
      mapList(message, 'reasoning_details', (detail) =>
        detail['type'] === 'reasoning.text' ? without(detail, 'id') : detail,
      ),
  ),
  inMessages(
    'names-of-thoughts',
    '`reasoning` and `reasoning_content` are two names of one field; the vendor gets the one it reads',
    (message) => without(rename(message, 'reasoning_content', 'reasoning'), 'reasoning_content'),
  ),
  {
    ...inMessages(
      'thoughts-of-finished-turns',
      'DeepSeek reads thoughts back only with tool calls (api-docs.deepseek.com, thinking mode, 2026-11-20)',
      (message) => (message['tool_calls'] === undefined ? without(message, 'reasoning') : message),
    ),
    providers: ['deepseek'],
  },
  droppedWhen('one-answer', '`n: 1` is what leaving it out means', 'n', 1),
  droppedWhen('text-format', 'text is the default format', 'response_format', { type: 'text' }),
  droppedWhen(
    'parallel-default',
    'parallel calls are allowed unless forbidden',
    'parallel_tool_calls',
    true,
  ),
  {
    name: 'stop-list',
    reason: '`stop` may be one string or a list of one',
    apply: (body) => (typeof body['stop'] === 'string' ? { ...body, stop: [body['stop']] } : body),
  },
  {
    name: 'functions-of-2023',
    reason: '`functions` became `tools`; one call an answer was all there was',
    apply: modernFunctions,
  },
  {
    name: 'tool-choice-type',
    reason: 'a named tool choice may leave out `type: function`; the reference has it',
    apply: (body) =>
      isObject(body['tool_choice']) && body['tool_choice']['function'] !== undefined
        ? { ...body, tool_choice: { type: 'function', ...body['tool_choice'] } }
        : body,
  },
  {
    name: 'plan-fields',
    reason:
      '`provider`, `models` and `route` are read by our own plan (contract, data plane) and not sent on',
    apply: (body) => without(body, 'provider', 'models', 'route'),
  },
  {
    name: 'schema-name',
    reason: 'a JSON schema without a name gets one: OpenAI requires it',
    apply: (body) => {
      const schema = at(body, 'response_format', 'json_schema')
      if (!isObject(schema) || (schema['name'] !== undefined && schema['name'] !== 'response'))
        return body
      return {
        ...body,
        response_format: { type: 'json_schema', json_schema: without(schema, 'name') },
      }
    },
  },
  {
    name: 'thinking-switch',
    reason:
      'an effort turns thinking on; DeepSeek and z.ai have a switch beside it, which we write with every effort',
    apply: (body) =>
      body['reasoning_effort'] !== undefined &&
      JSON.stringify(body['thinking']) === '{"type":"enabled"}'
        ? without(body, 'thinking')
        : body,
  },
]

export const anthropicRequestRules: readonly RequestRule[] = [
  nullIsAbsent,
  falseDefaults,
  stringContent,
  emptyLists,
  inMessages(
    'tool-result-string',
    'a tool result that is one text block may be a string',
    (message) =>
      mapList(message, 'content', (block) =>
        block['type'] === 'tool_result'
          ? { ...block, content: oneTextPart(block['content']) }
          : block,
      ),
  ),
  {
    name: 'system-string',
    reason: '`system` may be a string or one text block',
    apply: (body) => ({
      ...body,
      ...(body['system'] === undefined ? {} : { system: oneTextPart(body['system']) }),
    }),
  },
  {
    name: 'output-format-name',
    reason: '`output_format` was the name of `output_config.format` while it was a beta',
    apply: ({ output_format: format, ...body }) =>
      format === undefined
        ? body
        : { ...body, output_config: { ...(body['output_config'] as Body | undefined), format } },
  },
  {
    name: 'empty-message',
    reason: 'a message without content is refused by the API: it is left out',
    apply: (body) => ({
      ...body,
      messages: list(body['messages']).filter((message) => at(message, 'content') !== ''),
    }),
  },
]

/** Both bodies in one spelling; what differs after that is a difference. */
export function normalRequest(
  body: unknown,
  rules: readonly RequestRule[],
  provider: string,
): unknown {
  return rules
    .filter(({ providers }) => providers === undefined || providers.includes(provider))
    .reduce((value, rule) => rule.apply(value), body as Body)
}

/** Every path at which two values differ, as `path: expected, got`. */
export function requestDifferences(want: unknown, got: unknown, path = ''): string[] {
  if (isObject(want) && isObject(got)) {
    const keys = new Set([...Object.keys(want), ...Object.keys(got)])
    return [...keys].flatMap((key) =>
      requestDifferences(want[key], got[key], path === '' ? key : `${path}.${key}`),
    )
  }
  if (Array.isArray(want) && Array.isArray(got) && want.length === got.length) {
    return want.flatMap((item, index) => requestDifferences(item, got[index], `${path}[${index}]`))
  }
  const [a, b] = [JSON.stringify(want), JSON.stringify(got)]
  return a === b ? [] : [`${path}: recorded ${clip(a)}, written ${clip(b)}`]
}

function clip(text: string | undefined): string {
  return text === undefined ? 'nothing' : text.length > 160 ? `${text.slice(0, 160)}...` : text
}

/** `body` without what stands at `path` (`messages[0].name`, as warnings spell it). */
export function withoutPath(body: unknown, path: string): unknown {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '')
  return removeAt(body, keys)
}

function removeAt(value: unknown, keys: readonly string[]): unknown {
  const [key, ...rest] = keys
  if (key === undefined) return value
  if (Array.isArray(value)) {
    return value.map((item, index) => (String(index) === key ? removeAt(item, rest) : item))
  }
  if (!isObject(value)) return value
  return rest.length === 0 ? without(value, key) : { ...value, [key]: removeAt(value[key], rest) }
}
