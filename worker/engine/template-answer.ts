import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { checkSchema } from './schema/check-schema.ts'

/**
 * A fixed text as a whole answer; null where it would be none: a program that asked for JSON, or for a call of a tool,
 * would break on it.
 */
export function templateEvents(text: string, request: CanonicalRequest): CanonicalEvent[] | null {
  if (!mayBeText(text, request)) return null
  const count = request.sampling.n ?? 1
  const choices = Array.from({ length: count }, (_, choice) => choice)
  return [
    { type: 'start' },
    ...choices.map((choice): CanonicalEvent => ({ type: 'text', choice, text })),
    { type: 'usage', usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 } },
    { type: 'finish', choices: choices.map((choice) => ({ choice, reason: 'stop' })) },
  ]
}

function mayBeText(text: string, request: CanonicalRequest): boolean {
  const { toolChoice, outputModalities, responseFormat } = request
  const type = toolChoice?.type
  if (type === 'required' || type === 'tool') return false
  if (toolChoice?.type === 'allowed' && toolChoice.mode === 'required') return false
  if (outputModalities !== undefined && !outputModalities.includes('text')) return false
  if (responseFormat === undefined || responseFormat.type === 'text') return true
  try {
    const value: unknown = JSON.parse(text)
    if (responseFormat.type === 'json') return typeof value === 'object' && value !== null
    return checkSchema(responseFormat.schema, value).kind === 'valid'
  } catch {
    return false
  }
}
