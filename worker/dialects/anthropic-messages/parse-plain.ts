import type { CanonicalRequest, Message } from '../../canonical/request.ts'
import { isBetween, isCount, isPlainObject, plainMessages } from '../shared/plain.ts'

/**
 * Reads the body that nearly every chat sends: plain texts and the commonest
 * settings, all within their ranges. Null for everything else, right or wrong:
 * then the schema reads it and names what is wrong. Where both can read a body
 * they give the same request (a property test holds them to it).
 */
export function parsePlain(body: unknown): CanonicalRequest | null {
  if (!isPlainObject(body)) return null
  let model: string | null = null
  let messages: Message[] | null = null
  let system: Message[] = []
  let maxOutputTokens: number | null = null
  let stream = false
  const sampling: { temperature?: number } = {}
  for (const key of Object.keys(body)) {
    const value = body[key]
    switch (key) {
      case 'model':
        if (typeof value !== 'string' || value === '') return null
        model = value
        break
      case 'messages':
        messages = plainMessages(value, roles)
        if (messages === null) return null
        break
      case 'system':
        if (typeof value !== 'string' || value === '') return null
        system = [{ role: 'system', content: [{ type: 'text', text: value }], field: 'system' }]
        break
      case 'max_tokens':
        if (!isCount(value)) return null
        maxOutputTokens = value
        break
      case 'stream':
        if (typeof value !== 'boolean') return null
        stream = value
        break
      case 'temperature':
        if (!isBetween(value, 0, 1)) return null
        sampling.temperature = value
        break
      default:
        return null
    }
  }
  if (model === null || messages === null || maxOutputTokens === null) return null
  return {
    model,
    messages: [...system, ...messages],
    sampling,
    maxOutputTokens,
    stream,
    includeUsage: true,
    includeCost: false,
  }
}

const roles: ReadonlySet<string> = new Set(['user', 'assistant'])
