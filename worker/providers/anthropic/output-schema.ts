import type { JsonObject } from '../../canonical/request.ts'
import { listOf, objectOf } from '../json-values.ts'

/** Keywords that structured outputs refuse; what they say goes into the description instead. */
const refused = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
]
const nested = ['items', 'not', 'additionalItems']
const lists = ['anyOf', 'allOf', 'prefixItems']
const maps = ['properties', '$defs', 'definitions']

/**
 * A JSON schema as `output_config.format` accepts it: every object closed, and
 * no keyword that the grammar compiler refuses (platform.claude.com, structured
 * outputs, "JSON Schema limitations", 2026-11-20; Anthropic's own SDKs rewrite
 * schemas the same way). A schema that is already within the limits comes back
 * equal.
 */
export function outputSchema(schema: JsonObject): JsonObject {
  const result: Record<string, unknown> = {}
  const said: string[] = []
  for (const [key, value] of Object.entries(schema)) {
    const tooManyItems = key === 'minItems' && value !== 0 && value !== 1
    if (refused.includes(key) || tooManyItems) said.push(`${key}: ${JSON.stringify(value)}`)
    else result[key === 'oneOf' ? 'anyOf' : key] = convert(key, value)
  }
  const isObject = schema['type'] === 'object' || objectOf(schema['properties']) !== undefined
  if (isObject && schema['additionalProperties'] === undefined)
    result['additionalProperties'] = false
  if (said.length > 0) {
    const description = typeof schema['description'] === 'string' ? schema['description'] : ''
    result['description'] = `${description} (${said.join(', ')})`.trim()
  }
  return result
}

function convert(key: string, value: unknown): unknown {
  if (nested.includes(key)) return convertSchema(value)
  if (lists.includes(key) || key === 'oneOf') return listOf(value).map(convertSchema)
  const map = maps.includes(key) ? objectOf(value) : undefined
  if (map === undefined) return value
  return Object.fromEntries(Object.entries(map).map(([name, part]) => [name, convertSchema(part)]))
}

function convertSchema(value: unknown): unknown {
  const schema = objectOf(value)
  return schema === undefined ? value : outputSchema(schema)
}
