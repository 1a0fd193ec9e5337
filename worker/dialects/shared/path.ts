import type { JsonObject } from '../../canonical/request.ts'

/** Longest field name shown to a caller; a hostile body's keys are not echoed at length. */
const maxKeyLength = 64

/** A path into the caller's body as it would be written in code: `messages[0].content`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else {
      const key = String(part).slice(0, maxKeyLength)
      if (!/^[\w-]+$/.test(key)) text += `[${JSON.stringify(key)}]`
      else text += text === '' ? key : `.${key}`
    }
  }
  return text
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
