import type { AskTool, ToolChoice } from '../ask.ts'
import type { Json, JsonObject } from '../json.ts'
import { isObject, listOr, objectOr, objectsOf, textOr } from '../json.ts'
import type { Problem } from '../wire.ts'
import { problem } from '../wire.ts'

/** Reading of the `messages` and `tools` that OpenAI, Mistral, Cohere, Workers AI and Ollama share. */

/** The text of a message: a string, or the text parts of a list. */
export function messageText(message: JsonObject): string {
  const { content } = message
  if (typeof content === 'string') return content
  return objectsOf(content)
    .map((part) => textOr(part['text']) || textOr(objectOr(part['document'])['data']))
    .join('')
}

export function imageCount(messages: readonly JsonObject[]): number {
  let count = 0
  for (const message of messages) {
    count += listOr(message['images']).length
    for (const part of objectsOf(message['content'])) {
      if (textOr(part['type']).startsWith('image')) count += 1
    }
  }
  return count
}

export function lastUserText(messages: readonly JsonObject[]): string {
  const last = messages.findLast((message) => message['role'] === 'user')
  return last === undefined ? '' : messageText(last)
}

/** Results after the last message that is none. */
export function trailingToolResults(messages: readonly JsonObject[]): string[] {
  const start = messages.findLastIndex((message) => message['role'] !== 'tool') + 1
  return messages.slice(start).map(messageText)
}

export function readTools(tools: Json | undefined): AskTool[] {
  return objectsOf(tools).flatMap((tool) => {
    const described = isObject(tool['function']) ? tool['function'] : tool
    const name = textOr(described['name'])
    return name === '' ? [] : [{ name, schema: described['parameters'] ?? {} }]
  })
}

/** What the model reads, part by part; data of images and files does not count by its length. */
export function promptParts(messages: readonly JsonObject[], tools: Json | undefined): string[] {
  const parts = messages.map((message) => {
    const calls = objectsOf(message['tool_calls']).map((call) => JSON.stringify(call['function']))
    return [textOr(message['role']), messageText(message), ...calls].join(' ')
  })
  const offered = objectsOf(tools)
  return offered.length === 0 ? parts : [JSON.stringify(offered), ...parts]
}

export function readToolChoice(choice: Json | undefined): ToolChoice {
  if (choice === 'none') return { kind: 'none' }
  if (choice === 'required' || choice === 'any' || choice === 'REQUIRED')
    return { kind: 'required' }
  if (choice === 'NONE') return { kind: 'none' }
  if (isObject(choice)) {
    const name = textOr(objectOr(choice['function'])['name'])
    if (name !== '') return { kind: 'named', name }
    const allowed = objectOr(choice['allowed_tools'])
    if (allowed['mode'] === 'required') return { kind: 'required' }
  }
  return { kind: 'auto' }
}

/** Ids that an assistant message calls and that the messages after it must answer. */
function callIds(message: JsonObject): string[] {
  return objectsOf(message['tool_calls']).map((call) => textOr(call['id']))
}

/**
 * The first break in the order of calls and results, in OpenAI's words: every
 * `tool` message answers a call of the assistant message before it, and every
 * call is answered before anything else is said.
 */
export function toolOrderProblem(messages: readonly JsonObject[]): Problem | null {
  let open: string[] = []
  let openFrom = -1
  for (const [index, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      const id = textOr(message['tool_call_id'])
      if (!open.includes(id)) return orphanResult(index)
      open = open.filter((one) => one !== id)
      continue
    }
    if (open.length > 0) return unanswered(openFrom, open)
    open = callIds(message)
    openFrom = index
  }
  return open.length > 0 ? unanswered(openFrom, open) : null
}

function orphanResult(index: number): Problem {
  return problem(
    400,
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    { param: `messages.[${index}].role` },
  )
}

function unanswered(index: number, ids: readonly string[]): Problem {
  return problem(
    400,
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      `The following tool_call_ids did not have response messages: ${ids.join(', ')}`,
    { param: `messages.[${index}].role` },
  )
}
