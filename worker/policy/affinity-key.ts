import type { Block } from '../canonical/blocks.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { stableName } from './stable-hash.ts'

/** What of a prompt names its prefix, characters at most: the front of a prompt is what tells it from others. */
const prefixCharacters = 16_384

/** The tag that names a session, in `x-switchyard-tags`. */
const sessionTag = 'session'

/**
 * The name of the caller's session, or null when the request has none: the tag `session`, else OpenAI's
 * `prompt_cache_key`, else the end user (`user`, Anthropic's `metadata.user_id`). Never the text itself, and never
 * the same for two tenants.
 */
export function sessionKeyOf(
  { promptCacheKey, userId }: Pick<CanonicalRequest, 'promptCacheKey' | 'userId'>,
  tags: Readonly<Record<string, string>>,
  tenant: string,
): string | null {
  const session = tags[sessionTag] ?? promptCacheKey ?? userId
  return session === undefined || session === '' ? null : stableName(`${tenant}\n${session}`)
}

/** The name of a tenant as a key of affinity. */
export function tenantKeyOf(tenant: string): string {
  return stableName(tenant)
}

/**
 * The name of what stays the same at the front of a prompt from turn to turn: tools, what stands before the first
 * message of a user, and that message. Reads 16,384 characters at most. Never the same for two tenants.
 */
export function prefixKeyOf(
  { tools, messages }: Pick<CanonicalRequest, 'tools' | 'messages'>,
  tenant: string,
): string {
  let text = `${tenant}\n`
  for (const tool of tools ?? []) {
    if (text.length >= prefixCharacters) break
    text += tool.kind === 'native' ? tool.name : `${tool.name}\n${tool.description ?? ''}\n`
  }
  for (const { role, content } of messages) {
    for (const block of content) {
      if (text.length >= prefixCharacters) break
      text += `${role} ${textOf(block).slice(0, prefixCharacters)}\n`
    }
    if (role === 'user') break
  }
  return stableName(text.slice(0, prefixCharacters))
}

/** Pictures and files count by their kind alone: to read them would cost more than a cache saves. */
function textOf(block: Block): string {
  return 'text' in block && typeof block.text === 'string' ? block.text : block.type
}
