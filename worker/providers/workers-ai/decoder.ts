import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { parseJson } from '../failures.ts'
import { objectOf, objectsOf, present } from '../json-values.ts'
import { AnswerReader } from '../openai/answer-reader.ts'
import { errorIn, failureOf } from './failures.ts'
import { workersAiQuirks } from './quirks.ts'

/**
 * Reads both forms of Workers AI: OpenAI's chunks, and the older
 * `{response, tool_calls, usage}`, which is put into OpenAI's form and read by
 * the same reader. `data: [DONE]` is the end mark of both.
 */
export class WorkersAiDecoder implements EventDecoder {
  readonly #content: 'delta' | 'message'
  readonly #reader: AnswerReader
  #ended = false

  /** A stream's choices hold a `delta`, a whole answer's a `message`. */
  constructor(content: 'delta' | 'message') {
    this.#content = content
    this.#reader = new AnswerReader(workersAiQuirks, content)
  }

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended) return
    if (message.data.trim() === '[DONE]') {
      this.#ended = true
      this.#reader.finish(out)
      return
    }
    const chunk = objectOf(parseJson(message.data))
    if (chunk === undefined) this.#fail('malformed', 'a chunk of the answer is not JSON', out)
    else this.#read(chunk, out)
  }

  get hasFinish(): boolean {
    return this.#reader.hasFinish
  }

  end(out: CanonicalEvent[]): void {
    if (!this.#ended) this.#fail('truncated', 'the answer ended before it was finished', out)
  }

  /** Reads a whole answer: the REST form's envelope, or the result alone, as the binding gives it. */
  readWhole(body: unknown, out: CanonicalEvent[]): void {
    const envelope = objectOf(body)
    const isEnvelope = envelope !== undefined && 'result' in envelope && !('choices' in envelope)
    const error = envelope === undefined ? undefined : errorIn(envelope)
    const result = isEnvelope ? envelope['result'] : body
    const answer = typeof result === 'string' ? { response: result } : objectOf(result)
    if (error !== undefined) {
      this.#ended = true
      out.push({ type: 'failure', failure: failureOf(error) })
    } else if (answer === undefined || !isAnswer(answer))
      this.#fail('malformed', 'the answer has no text and no choices', out)
    else {
      this.#read(answer, out)
      if (this.#ended) return
      this.#ended = true
      this.#reader.finish(out)
    }
  }

  #read(chunk: JsonObject, out: CanonicalEvent[]): void {
    const error = errorIn(chunk)
    if (error !== undefined) {
      this.#ended = true
      out.push({ type: 'failure', failure: failureOf(error) })
    } else this.#ended = this.#reader.add(openAiForm(chunk, this.#content), out)
  }

  #fail(failureClass: 'malformed' | 'truncated', message: string, out: CanonicalEvent[]): void {
    this.#ended = true
    out.push({ type: 'failure', failure: failure(failureClass, message) })
  }
}

function isAnswer(result: JsonObject): boolean {
  return 'response' in result || 'tool_calls' in result || 'choices' in result
}

/** A native chunk as OpenAI's; one that is OpenAI's already stays. */
function openAiForm(chunk: JsonObject, part: 'delta' | 'message'): JsonObject {
  if ('choices' in chunk) return chunk
  const { usage, id, model, created } = chunk
  const said = present({
    content: textOfResponse(chunk['response']),
    reasoning_content: chunk['reasoning_content'],
    tool_calls: callsOf(chunk['tool_calls']),
  })
  const finishReason = chunk['finish_reason']
  return present({
    id,
    model,
    created,
    usage,
    choices: [{ index: 0, [part]: said, finish_reason: finishReason }],
  })
}

/** With a JSON schema the answer comes parsed; clients expect its text. */
function textOfResponse(response: unknown): string | undefined {
  if (typeof response === 'string') return response
  return response === null || response === undefined ? undefined : JSON.stringify(response)
}

/** Calls are `{name, arguments}` or OpenAI's; a last one without anything in it only closes the call. */
function callsOf(value: unknown): JsonObject[] | undefined {
  const calls = objectsOf(value).map((call) =>
    'function' in call
      ? call
      : present({
          id: call['id'],
          index: call['index'],
          function: { name: call['name'], arguments: call['arguments'] },
        }),
  )
  const spoken = calls.filter((call) => {
    const called = objectOf(call['function'])
    return [call['id'], called?.['name'], called?.['arguments']].some(
      (field) => field !== null && field !== undefined && field !== '',
    )
  })
  return spoken.length === 0 ? undefined : spoken
}
