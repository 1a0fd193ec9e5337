import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { type ChoiceResponse, collect } from '../canonical/response.ts'
import { unfenced } from './fenced-json.ts'
import { checkSchema } from './schema/check-schema.ts'

/**
 * Whether a whole answer holds to the JSON schema that its request brought along, in every choice that has to. Null: the
 * request brought none, nothing in the answer has to hold to it (it was cut, refuses, or calls a tool), or nobody here
 * can judge the schema. JSON in a code fence is taken, as its callers take it.
 */
export function holdsToOwnSchema(
  { responseFormat }: Pick<CanonicalRequest, 'responseFormat'>,
  events: readonly CanonicalEvent[],
): boolean | null {
  if (responseFormat?.type !== 'jsonSchema' || responseFormat.schema === undefined) return null
  const { schema } = responseFormat
  const collected = collect(events)
  const { choices } = collected.ok ? collected.response : collected.partial
  const verdicts = choices.map((choice) => verdictOf(schema, choice)).filter((one) => one !== null)
  return verdicts.length === 0 ? null : verdicts.every((holds) => holds)
}

function verdictOf(schema: unknown, { content, finish }: ChoiceResponse): boolean | null {
  if (finish.reason !== 'stop') return null
  if (content.some(({ type }) => type === 'toolCall' || type === 'refusal')) return null
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('')
  let value: unknown
  try {
    value = JSON.parse(unfenced(text))
  } catch {
    return false
  }
  const { kind } = checkSchema(schema, value)
  return kind === 'unknown' ? null : kind === 'valid'
}
