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

/** How a vendor that speaks Chat Completions differs from OpenAI; a vendor that is not here differs in nothing. */
interface VendorFacts {
  /** The last chunk carries a finish reason and no `[DONE]` follows. */
  readonly endsWithoutDone?: boolean
}

const vendors: Readonly<Record<string, VendorFacts>> = {
  // Recorded streams of Perplexity end with `finish_reason` (and `chat.completion.done`).
  perplexity: { endsWithoutDone: true },
}

const finishes: Readonly<Record<string, AnswerFinish>> = {
  stop: 'stop',
  eos: 'stop',
  length: 'length',
  model_length: 'length',
  tool_calls: 'toolCalls',
  function_call: 'toolCalls',
  content_filter: 'contentFilter',
  sensitive: 'contentFilter',
}

/** Reads a recorded Chat Completions body, streamed or not. */
export function readOpenAiChat(bytes: Uint8Array, streamed: boolean, provider: string): Answer {
  const draft = new AnswerDraft()
  if (!streamed) {
    const body = parseJson(new TextDecoder().decode(bytes))
    readBody(draft, body, 'message')
    draft.ending = hasError(body) ? 'error' : 'finished'
    return draft.result()
  }
  let done = false
  let failed = false
  let whole = true
  for (const { event, data } of readSse(bytes)) {
    if (data.trim() === '[DONE]') {
      done = true
      break
    }
    const body = parseJson(data)
    if (body === undefined) whole = false
    if (event === 'error' || hasError(body)) {
      failed = true
      readUsage(draft, at(body, 'usage'))
      break
    }
    readBody(draft, body, 'delta')
  }
  const finished =
    draft.choices.length > 0 && draft.choices.every((one) => one.finish !== undefined)
  if (failed) draft.ending = 'error'
  else if (done || (finished && whole && vendors[provider]?.endsWithoutDone === true))
    draft.ending = 'finished'
  return draft.result()
}

function hasError(body: unknown): boolean {
  return isObject(at(body, 'error')) || typeof at(body, 'error') === 'string'
}

function readBody(draft: AnswerDraft, body: unknown, key: 'message' | 'delta'): void {
  for (const raw of list(at(body, 'choices'))) {
    const choice = draft.choice(count(at(raw, 'index')) ?? 0)
    readMessage(choice, at(raw, key))
    const reason = at(raw, 'finish_reason')
    if (typeof reason === 'string' && reason !== '') choice.finish = finishes[reason] ?? 'other'
  }
  // Perplexity repeats its sources on every chunk: the last list is the list.
  const sources = list(at(body, 'search_results')).length || list(at(body, 'citations')).length
  if (sources > 0) draft.choice(0).citations = sources
  readUsage(draft, at(body, 'usage') ?? at(body, 'x_groq', 'usage'))
}

function readMessage(choice: ChoiceDraft, message: unknown): void {
  const content = at(message, 'content')
  if (typeof content === 'string') choice.text += content
  for (const part of list(content)) readPart(choice, part)
  choice.reasoning += reasoningOf(message)
  choice.refusal += text(at(message, 'refusal'))
  choice.citations += list(at(message, 'annotations')).length
  if (text(at(message, 'audio', 'data')) !== '') choice.media = 1
  choice.transcript += text(at(message, 'audio', 'transcript'))
  choice.media += list(at(message, 'images')).length
  for (const [position, call] of list(at(message, 'tool_calls')).entries()) {
    readToolCall(choice, call, position)
  }
  const legacy = at(message, 'function_call')
  if (isObject(legacy) && !isFiller(legacy)) readToolCall(choice, { index: 0, function: legacy }, 0)
}

/** Vendors write thoughts under one of three names; some repeat them under a second one. */
function reasoningOf(message: unknown): string {
  const plain = text(at(message, 'reasoning_content')) || text(at(message, 'reasoning'))
  if (plain !== '') return plain
  return list(at(message, 'reasoning_details'))
    .map((detail) => text(at(detail, 'text')) || text(at(detail, 'summary')))
    .join('')
}

/** Snowflake sends every optional field, empty. */
function isFiller(call: unknown): boolean {
  return text(at(call, 'name')) === '' && text(at(call, 'arguments')) === ''
}

/** Mistral's content parts. */
function readPart(choice: ChoiceDraft, part: unknown): void {
  if (at(part, 'type') === 'thinking') {
    const thinking = at(part, 'thinking')
    choice.reasoning +=
      typeof thinking === 'string'
        ? thinking
        : list(thinking)
            .map((one) => text(at(one, 'text')))
            .join('')
  } else if (at(part, 'type') === 'reference') {
    choice.citations += list(at(part, 'reference_ids')).length
  } else {
    choice.text += text(at(part, 'text'))
  }
}

function readToolCall(choice: ChoiceDraft, call: unknown, position: number): void {
  const index = count(at(call, 'index')) ?? position
  const id = text(at(call, 'id'))
  const body = at(call, 'function') ?? at(call, 'custom')
  const name = text(at(body, 'name'))
  const argument = at(body, 'arguments') ?? at(body, 'input')
  const written =
    typeof argument === 'string'
      ? argument
      : argument === undefined || argument === null
        ? ''
        : JSON.stringify(argument)
  const slots = slotsOf(choice)
  const open = slots.get(index)
  // A second id under one index is another call (Gemini's OpenAI endpoint sends index 0 for all).
  if (open === undefined || (id !== '' && open.id !== undefined && open.id !== id)) {
    const made = { name, arguments: written, id: id === '' ? undefined : id }
    slots.set(index, made)
    choice.toolCalls.push(made)
    return
  }
  if (open.name === '') open.name = name
  open.id ??= id === '' ? undefined : id
  open.arguments += written
}

const openSlots = new WeakMap<ChoiceDraft, Map<number, ChoiceDraft['toolCalls'][number]>>()

function slotsOf(choice: ChoiceDraft): Map<number, ChoiceDraft['toolCalls'][number]> {
  let slots = openSlots.get(choice)
  if (slots === undefined) openSlots.set(choice, (slots = new Map()))
  return slots
}

/**
 * Most vendors count thoughts inside `completion_tokens` and audio inside
 * `prompt_tokens`; xAI and Mistral count them beside. Their own total tells.
 */
export function readUsage(draft: AnswerDraft, usage: unknown): void {
  if (!isObject(usage)) return
  const prompt = count(at(usage, 'prompt_tokens'))
  const completion = count(at(usage, 'completion_tokens'))
  const total = count(at(usage, 'total_tokens'))
  const reasoning = count(at(usage, 'completion_tokens_details', 'reasoning_tokens'))
  const audio = count(at(usage, 'prompt_tokens_details', 'audio_tokens'))
  const beside = (part: number | undefined): boolean =>
    part !== undefined && part > 0 && sum(prompt, completion, part) === total
  // A part is not larger than its whole, whatever the total says (corpus vercel-gateway, openrouter).
  const outside = beside(reasoning) || (reasoning ?? 0) > (completion ?? 0)
  draft.addUsage({
    input: beside(audio) ? sum(prompt, audio) : prompt,
    output: outside ? sum(completion, reasoning) : completion,
    reasoning,
    cacheRead:
      count(at(usage, 'prompt_tokens_details', 'cached_tokens')) ??
      count(at(usage, 'prompt_cache_hit_tokens')) ??
      count(at(usage, 'cached_tokens')) ??
      count(at(usage, 'num_cached_tokens')) ??
      count(at(usage, 'cache_read_input_tokens')),
    cacheWrite:
      count(at(usage, 'prompt_tokens_details', 'cache_write_tokens')) ??
      count(at(usage, 'cache_creation_input_tokens')),
  })
}
