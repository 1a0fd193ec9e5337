import { AnswerDraft, count, type Answer } from '../answer.ts'
import { parseJson } from './read-sse.ts'
import { at, list, text } from './wire-value.ts'

/** Reads a recorded answer of Ollama's own `/api/chat`: one JSON object, or one per line. */
export function readOllama(bytes: Uint8Array): Answer {
  const draft = new AnswerDraft()
  const choice = draft.choice(0)
  const whole = new TextDecoder().decode(bytes)
  const bodies =
    parseJson(whole) === undefined ? whole.split('\n').map(parseJson) : [parseJson(whole)]
  for (const body of bodies) {
    if (at(body, 'error') !== undefined) draft.ending = 'error'
    const message = at(body, 'message')
    choice.text += text(at(message, 'content'))
    choice.reasoning += text(at(message, 'thinking'))
    for (const call of list(at(message, 'tool_calls'))) {
      choice.toolCalls.push({
        name: text(at(call, 'function', 'name')),
        arguments: JSON.stringify(at(call, 'function', 'arguments') ?? {}),
        id: text(at(call, 'id')) || undefined,
      })
    }
    if (at(body, 'done') !== true) continue
    draft.ending = 'finished'
    const reason = text(at(body, 'done_reason')) || 'stop'
    choice.finish = reason === 'stop' ? 'stop' : reason === 'length' ? 'length' : 'other'
    if (choice.finish === 'stop' && choice.toolCalls.length > 0) choice.finish = 'toolCalls'
    draft.addUsage({
      input: count(at(body, 'prompt_eval_count')),
      output: count(at(body, 'eval_count')),
    })
  }
  return draft.result()
}
