import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Problem } from '../wire.ts'
import { problem } from '../wire.ts'

/** Fields per block type that a caller may send (Messages API and the SDK's `*BlockParam` types, 2026-11-20). */
const blockFields: Readonly<Record<string, readonly string[]>> = {
  text: ['text', 'citations'],
  image: ['source'],
  document: ['source', 'title', 'context', 'citations'],
  tool_use: ['id', 'name', 'input', 'caller'],
  tool_result: ['tool_use_id', 'content', 'is_error'],
  thinking: ['thinking', 'signature'],
  redacted_thinking: ['data'],
}

const assistantOnly = new Set(['tool_use', 'thinking', 'redacted_thinking'])

/** What Anthropic would say about the content of one message; null when nothing. */
export function blockListProblem(
  content: Json | undefined,
  at: string,
  role: string,
  isLast: boolean,
): string | null {
  const isPrefill = role === 'assistant' && isLast
  if (typeof content === 'string') {
    if (content === '' && !isPrefill)
      return `${at}: all messages must have non-empty content except for the optional final assistant message`
    return isPrefill && /\s$/.test(content) ? trailingSpace : null
  }
  if (!Array.isArray(content)) return `${at}.content: Input should be a valid list`
  if (content.length === 0 && !isPrefill)
    return `${at}: all messages must have non-empty content except for the optional final assistant message`
  for (const [index, block] of content.entries()) {
    const found = blockProblem(objectOr(block), `${at}.content.${index}`, role)
    if (found !== null) return found
  }
  const last = objectOr(listOr(content).at(-1))
  return isPrefill && last['type'] === 'text' && /\s$/.test(textOr(last['text']))
    ? trailingSpace
    : null
}

const trailingSpace = 'messages: final assistant content cannot end with trailing whitespace'

function blockProblem(block: JsonObject, at: string, role: string): string | null {
  const type = textOr(block['type'])
  const known = blockFields[type]
  // Server tools, search results and containers come and go; only what we know is checked.
  if (known === undefined) return type === '' ? `${at}.type: Field required` : null
  const extra = Object.keys(block).find(
    (key) => key !== 'type' && key !== 'cache_control' && !known.includes(key),
  )
  if (extra !== undefined) return `${at}.${type}.${extra}: Extra inputs are not permitted`
  if (assistantOnly.has(type) && role !== 'assistant') {
    return `${at}: \`${type}\` blocks can only be in \`assistant\` messages`
  }
  if (type === 'tool_result' && role !== 'user') {
    return `${at}: \`tool_result\` blocks can only be in \`user\` messages`
  }
  return blockBodyProblem(type, block, at)
}

function blockBodyProblem(type: string, block: JsonObject, at: string): string | null {
  switch (type) {
    case 'text':
      if (typeof block['text'] !== 'string') return `${at}.text.text: Field required`
      return block['text'] === '' ? 'messages: text content blocks must be non-empty' : null
    case 'image':
    case 'document':
      return isObject(block['source'])
        ? sourceProblem(block['source'], `${at}.${type}.source`)
        : `${at}.${type}.source: Field required`
    case 'tool_use':
      if (!/^[a-zA-Z0-9_-]+$/.test(textOr(block['id'])))
        return `${at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`
      return isObject(block['input'])
        ? null
        : `${at}.tool_use.input: Input should be a valid dictionary`
    case 'tool_result':
      if (typeof block['tool_use_id'] !== 'string')
        return `${at}.tool_result.tool_use_id: Field required`
      return nestedProblem(block['content'], at)
    case 'thinking':
      return typeof block['signature'] === 'string'
        ? null
        : `${at}.thinking.signature: Field required`
    default:
      return null
  }
}

function nestedProblem(content: Json | undefined, at: string): string | null {
  if (content === undefined || typeof content === 'string') return null
  if (!Array.isArray(content)) return `${at}.tool_result.content: Input should be a valid list`
  for (const [index, block] of content.entries()) {
    const found = blockProblem(objectOr(block), `${at}.tool_result.content.${index}`, 'user')
    if (found !== null) return found
  }
  return null
}

function sourceProblem(source: JsonObject, at: string): string | null {
  switch (source['type']) {
    case 'base64':
      if (typeof source['media_type'] !== 'string') return `${at}.base64.media_type: Field required`
      return /^[A-Za-z0-9+/=\s]+$/.test(textOr(source['data']))
        ? null
        : `${at}.base64.data: Invalid base64 data`
    case 'url':
      return textOr(source['url']).startsWith('https://')
        ? null
        : `${at}.url.url: Only HTTPS URLs are supported.`
    case 'text':
    case 'content':
    case 'file':
      return null
    default:
      return `${at}: Input tag '${textOr(source['type'])}' found using 'type' does not match any of the expected tags`
  }
}

function idsOf(message: JsonObject | undefined, type: string, key: string): string[] {
  return objectsOf(message?.['content'])
    .filter((block) => block['type'] === type)
    .map((block) => textOr(block[key]))
}

/** Every result answers a call of the message before it, and every call is answered in the message after it. */
export function toolUseOrderProblem(
  messages: readonly JsonObject[],
  hasServers: boolean,
): Problem | null {
  for (const [index, message] of messages.entries()) {
    const called = idsOf(messages[index - 1], 'tool_use', 'id')
    const answered = idsOf(message, 'tool_result', 'tool_use_id')
    const orphan = answered.find((id) => !called.includes(id))
    if (orphan !== undefined) {
      return problem(
        400,
        `messages.${index}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${orphan}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      )
    }
    const open = called.filter((id) => !answered.includes(id))
    if (open.length > 0 && !hasServers) return unanswered(index - 1, open)
  }
  const last = messages.length - 1
  const open = idsOf(messages[last], 'tool_use', 'id')
  return open.length > 0 ? unanswered(last, open) : null
}

function unanswered(index: number, ids: readonly string[]): Problem {
  return problem(
    400,
    `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  )
}
