import type { CanonicalRequest, JsonObject } from '../canonical/request.ts'
import type { RequestClass } from './request-facts.ts'

/** From here on a single prompt with a short answer reads as something to be summed up, tokens. */
const longPromptTokens = 8000
/** An answer this short is a label, tokens. */
const labelTokens = 16

/**
 * What kind of work a request looks like, read off its shape: tools, media,
 * schemas, sizes and settings. No text is looked at, so no text can choose its
 * own class. What has no shape of its own (`code`) is for tags, routes and rules.
 */
export function classOf(request: CanonicalRequest, promptTokens: number): RequestClass {
  const { outputModalities = [], reasoning } = request
  if (outputModalities.includes('image')) return 'image'
  if (outputModalities.includes('audio') || hasBlock(request, 'audio')) return 'audio'
  const tools = toolClass(request)
  if (tools !== null) return tools
  if (isHard(reasoning)) return 'reasoning'
  if (request.responseFormat?.type === 'jsonSchema')
    return isLabel(request.responseFormat.schema) ? 'classification' : 'extraction'
  if (request.responseFormat?.type === 'json') return 'extraction'
  if (hasBlock(request, 'image')) return 'vision'
  return lengthClass(request, promptTokens)
}

/** One function that has to be called is a way to ask for JSON; more, or a choice, is a loop of an agent. */
function toolClass(request: CanonicalRequest): RequestClass | null {
  const { tools = [], toolChoice } = request
  if (hasBlock(request, 'toolResult') || hasBlock(request, 'toolCall')) return 'agentic'
  if (tools.length === 0 || toolChoice?.type === 'none') return null
  if (toolChoice?.type === 'tool') return 'extraction'
  return toolChoice?.type === 'required' && tools.length === 1 ? 'extraction' : 'agentic'
}

function isHard(reasoning: CanonicalRequest['reasoning']): boolean {
  if (reasoning === undefined || reasoning.enabled === false) return false
  return hardEfforts.has(reasoning.effort ?? '') || (reasoning.budgetTokens ?? 0) >= 8192
}

const hardEfforts: ReadonlySet<string> = new Set(['high', 'xhigh', 'max'])

/** Every property is one of a few words, a yes or a no. */
function isLabel(schema: JsonObject): boolean {
  const properties = schema['properties']
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
    return Array.isArray(schema['enum'])
  const all = Object.values(properties)
  return all.length > 0 && all.every(isChoice)
}

function isChoice(property: unknown): boolean {
  if (typeof property !== 'object' || property === null) return false
  return 'enum' in property || 'const' in property || Reflect.get(property, 'type') === 'boolean'
}

function lengthClass(request: CanonicalRequest, promptTokens: number): RequestClass {
  const { maxOutputTokens: most } = request
  if (most === undefined) return 'chat'
  if (most <= labelTokens) return 'classification'
  const turns = request.messages.filter(({ role }) => role === 'user' || role === 'assistant')
  return turns.length === 1 && promptTokens >= longPromptTokens && most <= promptTokens / 8
    ? 'summarization'
    : 'chat'
}

function hasBlock({ messages }: CanonicalRequest, type: string): boolean {
  return messages.some(({ content }) => content.some((block) => block.type === type))
}
