import { at, isObject, list } from './oracles/wire-value.ts'

type Body = Record<string, unknown>

/** One way of spelling the same request; applied to the recorded and to the written body before they are compared. */
export interface RequestRule {
  readonly name: string
  readonly reason: string
  readonly apply: (body: Body) => Body
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

export const openAiRequestRules: readonly RequestRule[] = [
  nullIsAbsent,
  falseDefaults,
  stringContent,
  emptyLists,
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
      const { include_usage: _, ...others } = isObject(options) ? options : {}
      return Object.keys(others).length === 0 ? rest : { ...rest, stream_options: others }
    },
  },
  {
    name: 'stop-list',
    reason: '`stop` may be one string or a list of one',
    apply: (body) => (typeof body['stop'] === 'string' ? { ...body, stop: [body['stop']] } : body),
  },
]

export const anthropicRequestRules: readonly RequestRule[] = [
  nullIsAbsent,
  falseDefaults,
  stringContent,
  emptyLists,
  {
    name: 'system-string',
    reason: '`system` may be a string or one text block',
    apply: (body) => ({
      ...body,
      ...(body['system'] === undefined ? {} : { system: oneTextPart(body['system']) }),
    }),
  },
]

/** Both bodies in one spelling; what differs after that is a difference. */
export function normalRequest(body: unknown, rules: readonly RequestRule[]): unknown {
  return rules.reduce((value, rule) => rule.apply(value), body as Body)
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
