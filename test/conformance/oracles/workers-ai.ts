import { AnswerDraft, type Answer } from '../answer.ts'
import { readOpenAiChat, readUsage } from './openai-chat.ts'
import { parseJson, readSse } from './read-sse.ts'
import { at, list, text } from './wire-value.ts'

/** Reads a recorded answer of Workers AI's own REST form: `{result, success}`, or SSE of `{response}`. */
export function readWorkersAi(bytes: Uint8Array, streamed: boolean): Answer {
  const draft = new AnswerDraft()
  if (!streamed) {
    const body = parseJson(new TextDecoder().decode(bytes))
    const result = at(body, 'result')
    if (at(result, 'choices') !== undefined) {
      return readOpenAiChat(new TextEncoder().encode(JSON.stringify(result)), false, 'workers-ai')
    }
    readResult(draft, result)
    draft.ending = at(body, 'success') === false ? 'error' : 'finished'
  } else {
    const messages = readSse(bytes)
    if (messages.some(({ data }) => at(parseJson(data), 'choices') !== undefined)) {
      return readOpenAiChat(bytes, true, 'workers-ai')
    }
    for (const { data } of messages) readResult(draft, parseJson(data))
    if (messages.some(({ data }) => data.trim() === '[DONE]')) draft.ending = 'finished'
  }
  const choice = draft.choice(0)
  if (draft.ending === 'finished')
    choice.finish = choice.toolCalls.length > 0 ? 'toolCalls' : 'stop'
  return draft.result()
}

function readResult(draft: AnswerDraft, result: unknown): void {
  const choice = draft.choice(0)
  const response = at(result, 'response')
  // A model in JSON mode answers with the object itself.
  choice.text +=
    typeof response === 'object' && response !== null ? JSON.stringify(response) : text(response)
  for (const call of list(at(result, 'tool_calls'))) {
    const body = at(call, 'function') ?? call
    const argument = at(body, 'arguments')
    choice.toolCalls.push({
      name: text(at(body, 'name')),
      arguments: typeof argument === 'string' ? argument : JSON.stringify(argument ?? {}),
      id: text(at(call, 'id')) || undefined,
    })
  }
  readUsage(draft, at(result, 'usage'))
}
