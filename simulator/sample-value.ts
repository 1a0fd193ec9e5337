import type { Json, JsonObject } from './json.ts'
import { isObject, listOr, numberOr, objectOr, objectsOf, textOr } from './json.ts'

/** Depth at which optional things are left out, so that recursive schemas end. */
const maxDepth = 8
/** Depth at which a value is given up: a schema that requires itself has no value that ends. */
const endDepth = 32
/** Parts of one value: a schema that requires itself twice doubles them at every depth. */
const maxParts = 5000
/** Longest text that a schema is given, characters. */
const maxTextLength = 100_000

interface Walk {
  readonly root: JsonObject
  readonly name: string
  readonly depth: number
  /** Position in an array, so that `uniqueItems` holds. */
  readonly index: number
  /** Parts that may still be made, over the whole value. */
  readonly left: { parts: number }
}

/**
 * A value that is valid under `schema`, always the same one.
 *
 * A schema that no finite value fits ends in nulls. Knows the JSON Schema keywords that structured outputs and tools use, and
 * Gemini's upper-case type names. `pattern` is only honoured where one of a
 * few samples matches it.
 */
export function sampleValue(schema: unknown, name = 'value'): Json {
  const left = { parts: maxParts }
  return sample(schema, { root: objectOr(schema), name, depth: 0, index: 0, left })
}

function sample(schema: unknown, walk: Walk): Json {
  walk.left.parts -= 1
  if (walk.depth > endDepth || walk.left.parts < 0) return null
  if (!isObject(schema)) return `sample ${walk.name}`
  if (typeof schema['$ref'] === 'string') {
    return sample(resolve(schema['$ref'], walk.root), { ...walk, depth: walk.depth + 1 })
  }
  if ('const' in schema) return schema['const'] ?? null
  const allowed = listOr(schema['enum'])
  if (allowed.length > 0) return allowed[walk.index % allowed.length] ?? null
  if (Array.isArray(schema['allOf'])) return sample(merged(schema), walk)
  const options = objectsOf(schema['anyOf'] ?? schema['oneOf'])
  if (options.length > 0) return sample(chosen(options, walk), walk)
  return sampleOfType(schema, walk)
}

function sampleOfType(schema: JsonObject, walk: Walk): Json {
  switch (typeOf(schema)) {
    case 'object':
      return sampleObject(schema, walk)
    case 'array':
      return sampleArray(schema, walk)
    case 'integer':
      return sampleNumber(schema, walk, 1)
    case 'number':
      return sampleNumber(schema, walk, null)
    case 'boolean':
      return walk.index % 2 === 0
    case 'null':
      return null
    default:
      return sampleString(schema, walk)
  }
}

function typeOf(schema: JsonObject): string {
  const named = listOr(schema['type']).filter((type) => type !== 'null')
  const type = textOr(named[0] ?? schema['type']).toLowerCase()
  if (type !== '') return type
  if (isObject(schema['properties'])) return 'object'
  return 'items' in schema ? 'array' : 'string'
}

/** Required properties; all of them when none is required, as models do. */
function sampleObject(schema: JsonObject, walk: Walk): JsonObject {
  const properties = objectOr(schema['properties'])
  const required = listOr(schema['required']).filter((key) => typeof key === 'string')
  const wanted = required.length > 0 || walk.depth >= maxDepth ? required : Object.keys(properties)
  const value: Record<string, Json> = {}
  for (const key of wanted) {
    value[key] = sample(properties[key], { ...walk, name: key, depth: walk.depth + 1, index: 0 })
  }
  return value
}

function sampleArray(schema: JsonObject, walk: Walk): Json[] {
  const prefix = listOr(schema['prefixItems'])
  const least = numberOr(schema['minItems'], walk.depth >= maxDepth ? 0 : 1)
  const most = numberOr(schema['maxItems'], Number.POSITIVE_INFINITY)
  const length = Math.min(most, Math.max(least, prefix.length), Math.max(0, walk.left.parts))
  return Array.from({ length }, (_, index) =>
    sample(prefix[index] ?? schema['items'], {
      ...walk,
      name: walk.name,
      depth: walk.depth + 1,
      index,
    }),
  )
}

/** Without a step: 1.5 and on, or what lies between the bounds. With one: its smallest multiple that is allowed. */
function sampleNumber(schema: JsonObject, walk: Walk, fallbackStep: number | null): number {
  const step = numberOr(schema['multipleOf'], fallbackStep)
  const least = numberOr(schema['exclusiveMinimum'] ?? schema['minimum'], Number.NEGATIVE_INFINITY)
  const most = numberOr(schema['exclusiveMaximum'] ?? schema['maximum'], Number.POSITIVE_INFINITY)
  const isAllowed = (value: number): boolean =>
    (value > least || (value === least && schema['exclusiveMinimum'] === undefined)) &&
    (value < most || (value === most && schema['exclusiveMaximum'] === undefined))
  const wanted = step === null ? 1.5 + walk.index : (1 + walk.index) * step
  if (isAllowed(wanted)) return wanted
  if (step === null) return between(least, most)
  const lowest = Number.isFinite(least) ? Math.ceil(least / step) : Math.floor(most / step) - 1
  const multiples = [0, 1].map((more) => (lowest + walk.index + more) * step)
  return multiples.find(isAllowed) ?? lowest * step
}

function between(least: number, most: number): number {
  if (Number.isFinite(least) && Number.isFinite(most)) return (least + most) / 2
  return Number.isFinite(least) ? least + 1 : most - 1
}

const formats: Readonly<Record<string, string>> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  duration: 'P1D',
  email: 'sample@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000001',
}

const patternSamples = [
  'sample',
  'SAMPLE',
  'A1',
  'a',
  'A',
  '1',
  '12345',
  '123-456',
  '2026-01-02',
  'AB-1234',
  'a@example.com',
  '#aabbcc',
  '+12025550123',
  '1.0.0',
  'USD',
  'en-US',
]

function sampleString(schema: JsonObject, walk: Walk): string {
  const format = formats[textOr(schema['format'])]
  if (format !== undefined) return format
  const pattern = schema['pattern']
  if (typeof pattern === 'string') {
    const expression = new RegExp(pattern, 'u')
    const found = patternSamples.find((one) => expression.test(one))
    if (found !== undefined) return found
  }
  const suffix = walk.index === 0 ? '' : ` ${walk.index + 1}`
  const text = `sample ${walk.name}${suffix}`
  const longest = numberOr(schema['maxLength'], text.length)
  const shortest = numberOr(schema['minLength'], 0)
  return text.slice(0, longest).padEnd(Math.min(shortest, maxTextLength), '.')
}

function chosen(options: readonly JsonObject[], walk: Walk): JsonObject {
  const isNull = (option: JsonObject): boolean => typeOf(option) === 'null'
  const preferred = walk.depth >= maxDepth ? options.find(isNull) : undefined
  return preferred ?? options.find((option) => !isNull(option)) ?? options[0] ?? {}
}

function merged(schema: JsonObject): JsonObject {
  const { allOf: parts, ...own } = schema
  let all: JsonObject = own
  for (const part of objectsOf(parts)) {
    all = {
      ...all,
      ...part,
      properties: { ...objectOr(all['properties']), ...objectOr(part['properties']) },
      required: [...listOr(all['required']), ...listOr(part['required'])],
    }
  }
  return all
}

function resolve(reference: string, root: JsonObject): Json {
  let at: Json = root
  for (const step of reference.replace(/^#\/?/, '').split('/')) {
    if (step === '') continue
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    at = objectOr(at)[key] ?? {}
  }
  return at
}
