import {
  AnswerDraft,
  count,
  sum,
  type Answer,
  type AnswerFinish,
  type ChoiceDraft,
} from '../answer.ts'
import { parseJson } from './read-sse.ts'
import { at, isObject, list, text } from './wire-value.ts'

const finishes: Readonly<Record<string, AnswerFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  tool_use: 'toolCalls',
  guardrail_intervened: 'contentFilter',
  content_filtered: 'contentFilter',
  model_context_window_exceeded: 'contextWindow',
}

export interface EventStreamFrame {
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string
}

/** Cuts AWS event-stream bytes into frames, with what is left of a frame that was cut; checksums are the framer's business. */
export function readEventStream(bytes: Uint8Array): {
  readonly frames: readonly EventStreamFrame[]
  readonly leftBytes: number
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decode = (from: number, to: number): string =>
    new TextDecoder().decode(bytes.subarray(from, to))
  const frames: EventStreamFrame[] = []
  let start = 0
  while (start + 16 <= bytes.length) {
    const length = view.getUint32(start)
    if (length < 16 || start + length > bytes.length) break
    const headersEnd = start + 12 + view.getUint32(start + 4)
    const headers: Record<string, string> = {}
    for (let at = start + 12; at < headersEnd;) {
      const nameEnd = at + 1 + view.getUint8(at)
      const valueStart = nameEnd + 3
      const valueEnd = valueStart + view.getUint16(nameEnd + 1)
      headers[decode(at + 1, nameEnd)] = decode(valueStart, valueEnd)
      at = valueEnd
    }
    frames.push({ headers, payload: decode(headersEnd, start + length - 4) })
    start += length
  }
  return { frames, leftBytes: bytes.length - start }
}

/** Reads a recorded Converse body, streamed or not. */
export function readBedrock(bytes: Uint8Array, streamed: boolean): Answer {
  const draft = new AnswerDraft()
  const choice = draft.choice(0)
  if (streamed) {
    readFrames(draft, choice, bytes)
    return draft.result()
  }
  const body = parseJson(new TextDecoder().decode(bytes))
  for (const block of list(at(body, 'output', 'message', 'content'))) readBlock(choice, block)
  readStop(choice, at(body, 'stopReason'))
  readUsage(draft, at(body, 'usage'))
  draft.ending = 'finished'
  return draft.result()
}

function readStop(choice: ChoiceDraft, reason: unknown): void {
  if (typeof reason === 'string') choice.finish = finishes[reason] ?? 'other'
}

function readBlock(choice: ChoiceDraft, block: unknown): void {
  choice.text += text(at(block, 'text'))
  for (const piece of list(at(block, 'citationsContent', 'content')))
    choice.text += text(at(piece, 'text'))
  choice.citations += list(at(block, 'citationsContent', 'citations')).length
  const thought = at(block, 'reasoningContent', 'reasoningText')
  choice.reasoning += text(at(thought, 'text'))
  const signature = text(at(thought, 'signature'))
  if (signature !== '') choice.proofs.push(signature)
  const redacted = text(at(block, 'reasoningContent', 'redactedContent'))
  if (redacted !== '') choice.proofs.push(redacted)
  const call = at(block, 'toolUse')
  if (isObject(call) && !isServerTool(call)) {
    choice.toolCalls.push({
      name: text(call['name']),
      arguments: JSON.stringify(call['input'] ?? {}),
      id: text(call['toolUseId']),
    })
  }
  if (isObject(at(block, 'image'))) choice.media += 1
}

function isServerTool(call: Readonly<Record<string, unknown>>): boolean {
  return call['type'] === 'server_tool_use'
}

function readFrames(draft: AnswerDraft, choice: ChoiceDraft, bytes: Uint8Array): void {
  const calls = new Map<unknown, ChoiceDraft['toolCalls'][number]>()
  const proofs = new Map<unknown, { signature: string; redacted: string }>()
  let stopped = false
  const { frames, leftBytes } = readEventStream(bytes)
  for (const { headers, payload } of frames) {
    const body = parseJson(payload)
    const index = at(body, 'contentBlockIndex')
    if (headers[':message-type'] !== 'event') {
      draft.ending = 'error'
      break
    }
    switch (headers[':event-type']) {
      case 'contentBlockStart': {
        const call = at(body, 'start', 'toolUse')
        if (!isObject(call) || isServerTool(call)) break
        const made = { name: text(call['name']), arguments: '', id: text(call['toolUseId']) }
        calls.set(index, made)
        choice.toolCalls.push(made)
        break
      }
      case 'contentBlockDelta':
        readDelta(choice, at(body, 'delta'), calls.get(index), proofsOf(proofs, index))
        break
      case 'messageStop':
        readStop(choice, at(body, 'stopReason'))
        stopped = true
        break
      case 'metadata':
        readUsage(draft, at(body, 'usage'))
        break
      default:
    }
  }
  for (const { signature, redacted } of proofs.values()) {
    choice.proofs.push(...[signature, redacted].filter((one) => one !== ''))
  }
  // Half a frame after the stop is half the usage: not an end to bill by.
  if (draft.ending !== 'error' && stopped && leftBytes === 0) draft.ending = 'finished'
}

function proofsOf(
  proofs: Map<unknown, { signature: string; redacted: string }>,
  index: unknown,
): { signature: string; redacted: string } {
  let found = proofs.get(index)
  if (found === undefined) proofs.set(index, (found = { signature: '', redacted: '' }))
  return found
}

function readDelta(
  choice: ChoiceDraft,
  delta: unknown,
  call: ChoiceDraft['toolCalls'][number] | undefined,
  proofs: { signature: string; redacted: string },
): void {
  choice.text += text(at(delta, 'text'))
  choice.reasoning += text(at(delta, 'reasoningContent', 'text'))
  proofs.signature += text(at(delta, 'reasoningContent', 'signature'))
  proofs.redacted += text(at(delta, 'reasoningContent', 'redactedContent'))
  if (isObject(at(delta, 'citation'))) choice.citations += 1
  if (isObject(at(delta, 'image'))) choice.media += 1
  if (call !== undefined) call.arguments += text(at(delta, 'toolUse', 'input'))
}

/** Cache reads and writes stand beside `inputTokens`; the vendor's own total adds all of them. */
function readUsage(draft: AnswerDraft, usage: unknown): void {
  const cacheRead = count(at(usage, 'cacheReadInputTokens'))
  const cacheWrite = count(at(usage, 'cacheWriteInputTokens'))
  draft.addUsage({
    input: sum(count(at(usage, 'inputTokens')), cacheRead, cacheWrite),
    output: count(at(usage, 'outputTokens')),
    cacheRead,
    cacheWrite,
  })
}
