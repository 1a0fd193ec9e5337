import { readOpenAiChat } from '../oracles/openai-chat.ts'
import { parseJson, readSse } from '../oracles/read-sse.ts'
import { at, isObject, list } from '../oracles/wire-value.ts'
import type { Answer } from '../answer.ts'

/** What an OpenAI client understands of a rendered answer, and the rules of the protocol that it breaks. */
export interface ReadAnswer {
  readonly answer: Answer
  readonly faults: readonly string[]
}

/** Reads a rendered stream. Rules: the streaming page of the Chat Completions reference, 2026-11-20. */
export function readOpenAiStream(stream: string): ReadAnswer {
  const bytes = new TextEncoder().encode(stream)
  return { answer: readOpenAiChat(bytes, true, 'openai'), faults: streamFaults(bytes) }
}

export function readOpenAiJson(body: unknown): ReadAnswer {
  const faults: string[] = []
  if (at(body, 'object') !== 'chat.completion') faults.push('object is not chat.completion')
  faults.push(...headFaults(body))
  for (const choice of list(at(body, 'choices'))) {
    if (at(choice, 'message', 'role') !== 'assistant')
      faults.push('a message without role assistant')
    if (at(choice, 'message', 'content') === undefined) faults.push('a message without content')
    if (typeof at(choice, 'finish_reason') !== 'string')
      faults.push('a choice without finish_reason')
  }
  const bytes = new TextEncoder().encode(JSON.stringify(body))
  return { answer: readOpenAiChat(bytes, false, 'openai'), faults }
}

function headFaults(body: unknown): string[] {
  const faults: string[] = []
  for (const field of ['id', 'model'] as const) {
    if (typeof at(body, field) !== 'string' || at(body, field) === '') faults.push(`no ${field}`)
  }
  if (!Number.isInteger(at(body, 'created'))) faults.push('created is not whole seconds')
  if (!Array.isArray(at(body, 'choices'))) faults.push('no choices')
  return faults
}

function streamFaults(bytes: Uint8Array): string[] {
  const faults = new Set<string>()
  const seen = { done: false, error: false, ids: new Set<unknown>(), finished: new Set<unknown>() }
  const calls = new Map<string, number>()
  for (const { data } of readSse(bytes)) {
    if (seen.done || seen.error) faults.add('something follows the end')
    if (data === '[DONE]') {
      seen.done = true
      continue
    }
    const body = parseJson(data)
    if (!isObject(body)) faults.add('a chunk that is no JSON object')
    else if (body['error'] !== undefined) seen.error = true
    else chunkFaults(body, seen, calls, faults)
  }
  if (seen.ids.size > 1) faults.add('the id changes within the stream')
  return [...faults]
}

function chunkFaults(
  body: Readonly<Record<string, unknown>>,
  seen: { readonly ids: Set<unknown>; readonly finished: Set<unknown> },
  calls: Map<string, number>,
  faults: Set<string>,
): void {
  if (body['object'] !== 'chat.completion.chunk') faults.add('object is not chat.completion.chunk')
  for (const fault of headFaults(body)) faults.add(fault)
  seen.ids.add(body['id'])
  const choices = list(body['choices'])
  if (isObject(body['usage']) && choices.length > 0) faults.add('usage beside choices')
  for (const choice of choices) {
    const index = at(choice, 'index')
    if (!Number.isInteger(index)) faults.add('a choice without index')
    if (
      seen.finished.has(index) &&
      Object.keys((at(choice, 'delta') as object | undefined) ?? {}).length > 0
    ) {
      faults.add('a delta after finish_reason')
    }
    if (typeof at(choice, 'finish_reason') === 'string') seen.finished.add(index)
    for (const call of list(at(choice, 'delta', 'tool_calls'))) {
      const key = `${String(index)}/${String(at(call, 'index'))}`
      if (!Number.isInteger(at(call, 'index'))) faults.add('a tool call delta without index')
      if (!calls.has(key) && typeof at(call, 'id') !== 'string')
        faults.add('a tool call that begins without id')
      if (
        !calls.has(key) &&
        typeof (at(call, 'function', 'name') ?? at(call, 'custom', 'name')) !== 'string'
      ) {
        faults.add('a tool call that begins without name')
      }
      calls.set(key, (calls.get(key) ?? 0) + 1)
    }
  }
}
