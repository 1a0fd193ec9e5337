import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'
import { citationFromWire } from './citation.ts'
import { pushOpaque, pushReasoning } from './decoder.ts'
import { finishFromWire } from './finish.ts'
import { usageFromWire } from './usage.ts'

/** Reads a whole answer of Converse into the events its stream would have given. */
export function decodeResponse(body: unknown): CanonicalEvent[] {
  const answer = objectOf(body)
  const message = objectOf(objectOf(answer?.['output'])?.['message'])
  if (answer === undefined || message === undefined || !Array.isArray(message['content']))
    return [{ type: 'failure', failure: failure('malformed', 'the answer has no message') }]
  const out: CanonicalEvent[] = [{ type: 'start' }]
  let toolCalls = 0
  for (const [block, content] of objectsOf(message['content']).entries())
    toolCalls += pushBlock(block, content, toolCalls, out)
  const usage = objectOf(answer['usage'])
  if (usage !== undefined) out.push({ type: 'usage', usage: usageFromWire(usage) })
  out.push({ type: 'finish', choices: [finishFromWire(answer)] })
  return out
}

/** Pushes the events of one block; answers how many tool calls it was. */
function pushBlock(
  block: number,
  content: JsonObject,
  toolCalls: number,
  out: CanonicalEvent[],
): number {
  const toolUse = objectOf(content['toolUse'])
  if (toolUse !== undefined && toolUse['type'] !== 'server_tool_use') {
    const [id, name] = [stringOf(toolUse['toolUseId']) ?? '', stringOf(toolUse['name']) ?? '']
    const text = JSON.stringify(objectOf(toolUse['input']) ?? {})
    out.push({ type: 'toolCallStart', choice: 0, index: toolCalls, id, name })
    out.push({ type: 'toolCallArguments', choice: 0, index: toolCalls, text })
    return 1
  }
  const [reasoning, cited] = [
    objectOf(content['reasoningContent']),
    objectOf(content['citationsContent']),
  ]
  const text = textOf(content['text'])
  if (text !== undefined) out.push({ type: 'text', choice: 0, text, block })
  else if (reasoning !== undefined)
    pushReasoning(block, objectOf(reasoning['reasoningText']) ?? reasoning, out)
  else if (cited !== undefined) pushCited(block, cited, out)
  else if (content['text'] === undefined) pushOpaque(content, out)
  return 0
}

/** Text and what it rests on. */
function pushCited(block: number, cited: JsonObject, out: CanonicalEvent[]): void {
  for (const part of objectsOf(cited['content'])) {
    const text = textOf(part['text'])
    if (text !== undefined) out.push({ type: 'text', choice: 0, text, block })
  }
  for (const citation of objectsOf(cited['citations']))
    out.push({ type: 'citation', choice: 0, block, citation: citationFromWire(citation) })
}
