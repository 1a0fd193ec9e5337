import type { JsonObject } from '../json.ts'
import { isObject, objectOr, objectsOf } from '../json.ts'
import type { Problem } from '../wire.ts'
import { problem } from '../wire.ts'

/** Characters that OpenAI takes (its 400s, as cited at `openAiLimits` of the gateway's rows). */
const maxToolCallIdLength = 40
const maxFunctionNameLength = 64
const maxUserLength = 64
const maxMetadataLength = 512

/** The first string that is longer than OpenAI allows; null when none is. */
export function longStringProblem(body: JsonObject): Problem | null {
  return (
    longIdProblem(body) ??
    longNameProblem(body) ??
    tooLong('user', body['user'], maxUserLength) ??
    longMetadataProblem(body['metadata'])
  )
}

function longIdProblem(body: JsonObject): Problem | null {
  for (const [index, message] of objectsOf(body['messages']).entries()) {
    const at = `messages[${index}]`
    const found = tooLong(`${at}.tool_call_id`, message['tool_call_id'], maxToolCallIdLength)
    if (found !== null) return found
    for (const [position, call] of objectsOf(message['tool_calls']).entries()) {
      const path = `${at}.tool_calls[${position}]`
      const name = objectOr(call['function'])['name']
      const wrong =
        tooLong(`${path}.id`, call['id'], maxToolCallIdLength) ??
        tooLong(`${path}.function.name`, name, maxFunctionNameLength)
      if (wrong !== null) return wrong
    }
  }
  return null
}

function longNameProblem(body: JsonObject): Problem | null {
  for (const [index, tool] of objectsOf(body['tools']).entries()) {
    const name = objectOr(tool['function'])['name']
    const found = tooLong(`tools[${index}].function.name`, name, maxFunctionNameLength)
    if (found !== null) return found
  }
  return null
}

function longMetadataProblem(metadata: unknown): Problem | null {
  if (!isObject(metadata)) return null
  for (const [key, value] of Object.entries(metadata)) {
    const found = tooLong(`metadata.${key}`, value, maxMetadataLength)
    if (found !== null) return found
  }
  return null
}

function tooLong(param: string, value: unknown, most: number): Problem | null {
  if (typeof value !== 'string' || value.length <= most) return null
  return problem(
    400,
    `Invalid '${param}': string too long. Expected a string with maximum length ${most}, but got a string with length ${value.length} instead.`,
    { param, code: 'string_above_max_length' },
  )
}
