import type { JsonObject } from '../canonical/request.ts'
import { parseJson } from './failures.ts'
import { objectOf } from './json-values.ts'

/**
 * A call's arguments as the object that Anthropic and Bedrock want. Text that
 * is no JSON object (a `custom` tool's free text, arguments cut off by a token
 * limit) is kept whole under `_raw`: both vendors refuse anything but an
 * object, and the model should see what it wrote.
 */
export function toolInput(text: string): JsonObject {
  if (text.trim() === '') return {}
  return objectOf(parseJson(text)) ?? { _raw: text }
}

const maxIdCharacters = 64

/**
 * A tool call id that Anthropic and Bedrock accept: `[a-zA-Z0-9_-]{1,64}`
 * (Bedrock API reference, ToolUseBlock; Anthropic's 400 names the same
 * characters; both 2026-11-20). Other vendors write `functions.f:0` or longer
 * ones. The same id always becomes the same id, so call and result still meet;
 * a changed one carries a hash, so that two ids never become one.
 */
export function portableToolCallId(id: string): string {
  const safe = withSafeCharacters(id)
  if (safe === id && id !== '' && id.length <= maxIdCharacters) return id
  return hashedId(id, safe, maxIdCharacters)
}

/**
 * The same for vendors that take any character and only so many of them
 * (`OpenAiQuirks.maxToolCallIdLength`): DeepSeek's ids have 43, OpenAI's own
 * Responses API writes 53.
 */
export function shortToolCallId(id: string, most: number | undefined): string {
  return most === undefined || id.length <= most ? id : hashedId(id, withSafeCharacters(id), most)
}

function withSafeCharacters(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, '_')
}

function hashedId(id: string, safe: string, most: number): string {
  return `${safe.slice(0, most - 9)}_${hash(id)}`
}

/** FNV-1a, 8 hexadecimal digits. */
function hash(text: string): string {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    value ^= text.charCodeAt(index)
    value = Math.imul(value, 0x01000193)
  }
  return (value >>> 0).toString(16).padStart(8, '0')
}
