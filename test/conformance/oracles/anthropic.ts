import {
  AnswerDraft,
  count,
  sum,
  type Answer,
  type AnswerFinish,
  type ChoiceDraft,
} from '../answer.ts'
import { parseJson, readSse } from './read-sse.ts'
import { at, isObject, list, text } from './wire-value.ts'

const finishes: Readonly<Record<string, AnswerFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'toolCalls',
  refusal: 'refusal',
  pause_turn: 'pause',
  model_context_window_exceeded: 'contextWindow',
}

/** Reads a recorded Messages body, streamed or not. */
export function readAnthropic(bytes: Uint8Array, streamed: boolean): Answer {
  const draft = new AnswerDraft()
  if (streamed) {
    readStream(draft, bytes)
    return draft.result()
  }
  const body = parseJson(new TextDecoder().decode(bytes))
  const choice = draft.choice(0)
  for (const block of list(at(body, 'content'))) readBlock(choice, block)
  readStop(choice, body)
  readUsage(draft, at(body, 'usage'))
  draft.ending = at(body, 'type') === 'error' ? 'error' : 'finished'
  return draft.result()
}

function readBlock(choice: ChoiceDraft, block: unknown): void {
  switch (at(block, 'type')) {
    case 'text':
      choice.text += text(at(block, 'text'))
      choice.citations += list(at(block, 'citations')).length
      return
    case 'thinking':
      choice.reasoning += text(at(block, 'thinking'))
      if (text(at(block, 'signature')) !== '') choice.proofs.push(text(at(block, 'signature')))
      return
    case 'redacted_thinking':
      choice.proofs.push(text(at(block, 'data')))
      return
    case 'tool_use':
      choice.toolCalls.push({
        name: text(at(block, 'name')),
        arguments: JSON.stringify(at(block, 'input') ?? {}),
        id: text(at(block, 'id')),
      })
      return
    default:
  }
}

function readStop(choice: ChoiceDraft, holder: unknown): void {
  const reason = at(holder, 'stop_reason')
  if (typeof reason === 'string') choice.finish = finishes[reason] ?? 'other'
  const sequence = at(holder, 'stop_sequence')
  if (typeof sequence === 'string') choice.stopSequence = sequence
}

/**
 * `input_tokens` leaves out what was read from and written to the cache. A
 * `message_delta` repeats the counts it knows; nulls say nothing.
 */
function readUsage(draft: AnswerDraft, usage: unknown): void {
  if (!isObject(usage)) return
  const known = plainUsage.get(draft) ?? {}
  for (const [key, value] of Object.entries(usage))
    if (count(value) !== undefined) known[key] = count(value)
  plainUsage.set(draft, known)
  draft.addUsage({
    input:
      known['input_tokens'] === undefined
        ? undefined
        : sum(
            known['input_tokens'],
            known['cache_read_input_tokens'],
            known['cache_creation_input_tokens'],
          ),
    output: known['output_tokens'],
    reasoning: count(at(usage, 'output_tokens_details', 'thinking_tokens')),
    cacheRead: known['cache_read_input_tokens'],
    cacheWrite: known['cache_creation_input_tokens'],
  })
}

const plainUsage = new WeakMap<AnswerDraft, Record<string, number | undefined>>()

function readStream(draft: AnswerDraft, bytes: Uint8Array): void {
  const messages = readSse(bytes)
  // The block under an index is rewritten by a later start: keep the live one.
  const blocks = new Map<number, { block: Record<string, unknown>; json: string }>()
  const order: { block: Record<string, unknown>; json: string }[] = []
  const choice = draft.choice(0)
  for (const { data } of messages) {
    const body = parseJson(data)
    const index = count(at(body, 'index')) ?? 0
    switch (at(body, 'type')) {
      case 'message_start':
        readUsage(draft, at(body, 'message', 'usage'))
        break
      case 'content_block_start': {
        const opened = {
          block: { ...(at(body, 'content_block') as Record<string, unknown>) },
          json: '',
        }
        blocks.set(index, opened)
        order.push(opened)
        break
      }
      case 'content_block_delta': {
        const open = blocks.get(index)
        if (open !== undefined) addDelta(open, at(body, 'delta'))
        break
      }
      case 'message_delta':
        readStop(choice, at(body, 'delta'))
        readUsage(draft, at(body, 'usage'))
        break
      case 'error':
        draft.ending = 'error'
        break
      case 'message_stop':
        draft.ending = 'finished'
        break
      default:
    }
    if (draft.ending !== 'cut') break
  }
  for (const { block, json } of order) {
    const call = json === '' ? block : { ...block, input: undefined }
    readBlock(choice, call)
    if (json !== '' && block['type'] === 'tool_use') {
      const last = choice.toolCalls.at(-1)
      if (last !== undefined) last.arguments = json
    }
  }
}

function addDelta(open: { block: Record<string, unknown>; json: string }, delta: unknown): void {
  const { block } = open
  switch (at(delta, 'type')) {
    case 'text_delta':
      block['text'] = text(block['text']) + text(at(delta, 'text'))
      return
    case 'thinking_delta':
      block['thinking'] = text(block['thinking']) + text(at(delta, 'thinking'))
      return
    case 'signature_delta':
      block['signature'] = text(block['signature']) + text(at(delta, 'signature'))
      return
    case 'citations_delta':
      block['citations'] = [...list(block['citations']), at(delta, 'citation')]
      return
    case 'input_json_delta':
      open.json += text(at(delta, 'partial_json'))
      return
    default:
  }
}
