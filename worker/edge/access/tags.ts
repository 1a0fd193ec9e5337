import {
  isTagName,
  isTagValue,
  maxTags,
  tagNameRule,
  tagValueRule,
} from '../../../durable-objects/tenant-ledger/access/names.ts'
import type { Tags } from '../../../durable-objects/tenant-ledger/access/scopes.ts'

export { mergeTags, type Tags } from '../../../durable-objects/tenant-ledger/access/scopes.ts'

export type TagsRead =
  | { readonly kind: 'read'; readonly tags: Tags }
  | { readonly kind: 'invalid'; readonly message: string }

const longestHeader = 4096

/** Reads `x-switchyard-tags: feature=search,team=a`. Every text has a reading or a sentence that says what is wrong. */
export function readTags(header: string | null): TagsRead {
  if (header === null || header.trim() === '') return { kind: 'read', tags: {} }
  if (header.length > longestHeader) return invalid(`is longer than ${longestHeader} characters`)
  const parts = header.split(',')
  if (parts.length > maxTags) return invalid(`has more than ${maxTags} tags`)
  const tags = new Map<string, string>()
  for (const [index, part] of parts.entries()) {
    const place = `tag ${index + 1}`
    const equals = part.indexOf('=')
    if (equals < 0) return invalid(`${place} is not name=value`)
    const name = part.slice(0, equals).trim()
    const value = part.slice(equals + 1).trim()
    if (!isTagName(name)) return invalid(`${place}: a name is ${tagNameRule}`)
    if (!isTagValue(value)) return invalid(`the value of "${name}" is not ${tagValueRule}`)
    if (tags.has(name)) return invalid(`"${name}" is there twice`)
    tags.set(name, value)
  }
  return { kind: 'read', tags: Object.fromEntries(tags) }
}

function invalid(rule: string): TagsRead {
  return { kind: 'invalid', message: `x-switchyard-tags: ${rule}` }
}
