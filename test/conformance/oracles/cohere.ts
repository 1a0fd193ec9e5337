import {
  AnswerDraft,
  count,
  sum,
  type Answer,
  type AnswerFinish,
  type ChoiceDraft,
} from '../answer.ts'
import { parseJson, readSse } from './read-sse.ts'
import { at, list, text } from './wire-value.ts'

const finishes: Readonly<Record<string, AnswerFinish>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'toolCalls',
}

/** Reads a recorded Cohere v2 chat body, streamed or not. */
export function readCohere(bytes: Uint8Array, streamed: boolean): Answer {
  const draft = new AnswerDraft()
  const choice = draft.choice(0)
  if (!streamed) {
    const body = parseJson(new TextDecoder().decode(bytes))
    readMessage(choice, at(body, 'message'))
    for (const call of list(at(body, 'message', 'tool_calls'))) pushCall(choice, call)
    readEnd(draft, choice, body)
    return draft.result()
  }
  const calls = new Map<unknown, ChoiceDraft['toolCalls'][number]>()
  for (const { data } of readSse(bytes)) {
    const body = parseJson(data)
    const delta = at(body, 'delta')
    switch (at(body, 'type')) {
      case 'content-start':
      case 'content-delta':
        readContent(choice, at(delta, 'message', 'content'))
        break
      case 'tool-plan-delta':
        choice.reasoning += text(at(delta, 'message', 'tool_plan'))
        break
      case 'tool-call-start':
        calls.set(at(body, 'index'), pushCall(choice, at(delta, 'message', 'tool_calls')))
        break
      case 'tool-call-delta': {
        const call = calls.get(at(body, 'index'))
        if (call !== undefined)
          call.arguments += text(at(delta, 'message', 'tool_calls', 'function', 'arguments'))
        break
      }
      case 'citation-start': {
        const citations = at(delta, 'message', 'citations')
        choice.citations += Array.isArray(citations) ? citations.length : 1
        break
      }
      case 'message-end':
        readEnd(draft, choice, delta)
        break
      default:
    }
  }
  return draft.result()
}

function readMessage(choice: ChoiceDraft, message: unknown): void {
  choice.reasoning += text(at(message, 'tool_plan'))
  for (const part of list(at(message, 'content'))) readContent(choice, part)
  choice.citations += list(at(message, 'citations')).length
}

function readContent(choice: ChoiceDraft, part: unknown): void {
  choice.text += text(at(part, 'text'))
  choice.reasoning += text(at(part, 'thinking'))
}

function pushCall(choice: ChoiceDraft, call: unknown): ChoiceDraft['toolCalls'][number] {
  const made = {
    name: text(at(call, 'function', 'name')),
    arguments: text(at(call, 'function', 'arguments')),
    id: text(at(call, 'id')) || undefined,
  }
  choice.toolCalls.push(made)
  return made
}

/** `tokens` is what the model read and wrote; `billed_units` leaves out what Cohere adds itself. */
function readEnd(draft: AnswerDraft, choice: ChoiceDraft, end: unknown): void {
  const reason = text(at(end, 'finish_reason'))
  draft.ending = reason.startsWith('ERROR') || at(end, 'error') !== undefined ? 'error' : 'finished'
  if (reason !== '') choice.finish = finishes[reason] ?? 'other'
  const usage = at(end, 'usage')
  const images = count(at(usage, 'tokens', 'image_tokens')) ?? 0
  const read = count(at(usage, 'tokens', 'input_tokens'))
  draft.addUsage({
    // A part is not larger than its whole: then images stand beside (command-a-plus, corpus cohere/chat/json-image-in-*).
    input:
      (images > (read ?? 0) ? sum(read, images) : read) ??
      count(at(usage, 'billed_units', 'input_tokens')),
    output:
      count(at(usage, 'tokens', 'output_tokens')) ??
      count(at(usage, 'billed_units', 'output_tokens')),
    reasoning: count(at(usage, 'tokens', 'reasoning_tokens')),
    cacheRead: count(at(usage, 'cached_tokens')),
  })
}
