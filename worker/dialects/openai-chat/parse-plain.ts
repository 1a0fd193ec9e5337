import type { FieldNames } from '../../canonical/features.ts'
import type { CanonicalRequest, Message } from '../../canonical/request.ts'
import { isBetween, isCount, isPlainObject, plainMessages } from '../shared/plain.ts'

/**
 * Reads the body that nearly every chat sends: plain texts and the commonest
 * settings, all within their ranges. Null for everything else, right or wrong:
 * then the schema reads it and names what is wrong. Where both can read a body
 * they give the same request (a property test holds them to it). The schema was
 * some 21 of 480 us of a small answer (docs/performance.md).
 */
export function parsePlain(body: unknown): CanonicalRequest | null {
  if (!isPlainObject(body)) return null
  let model: string | null = null
  let messages: Message[] | null = null
  let maxOutputTokens: number | undefined
  let stream = false
  let includeUsage = false
  let fields: FieldNames | undefined
  const sampling: { temperature?: number; topP?: number } = {}
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
      case 'stream':
        if (typeof value !== 'boolean') return null
        stream = value
        break
      case 'stream_options': {
        const asked = plainUsageOption(value)
        if (asked === null) return null
        includeUsage = asked
        break
      }
      case 'max_tokens':
        if (!isCount(value) || 'max_completion_tokens' in body) return null
        maxOutputTokens = value
        break
      case 'max_completion_tokens':
        if (!isCount(value) || 'max_tokens' in body) return null
        maxOutputTokens = value
        fields = limitNamedAnew
        break
      case 'temperature':
        if (!isBetween(value, 0, 2)) return null
        sampling.temperature = value
        break
      case 'top_p':
        if (!isBetween(value, 0, 1)) return null
        sampling.topP = value
        break
      default:
        return null
    }
  }
  if (model === null || messages === null) return null
  if (includeUsage && !stream) return null
  const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens }
  const named = fields === undefined ? {} : { fields }
  return { model, messages, sampling, ...limit, stream, includeUsage, includeCost: false, ...named }
}

const limitNamedAnew: FieldNames = { maxOutputTokens: 'max_completion_tokens' }

const roles: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant'])

function plainUsageOption(value: unknown): boolean | null {
  if (!isPlainObject(value)) return null
  const asked = value['include_usage']
  return typeof asked === 'boolean' && Object.keys(value).length === 1 ? asked : null
}
