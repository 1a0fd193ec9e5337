import type { CanonicalEvent, FinishReason, TokenLogprob } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { tokenCount, usageOf } from '../../canonical/usage.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { parseJson } from '../failures.ts'
import { numberOf, objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'
import { errorText, failureOf } from './failures.ts'

const reasons: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length' }

/**
 * Reads the lines of `/api/chat`; the one with `done: true` is the end mark, and
 * the only one of an answer that comes whole.
 *
 * Older servers give calls no id. Such a call gets `call_<digits of created_at>_<index>`:
 * the same bytes give the same id, and two answers of one conversation differ.
 */
export class OllamaDecoder implements EventDecoder {
  #started = false
  #ended = false
  #calls = 0
  #callIdPrefix = 'call_'

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended || message.data.trim() === '') return
    const line = objectOf(parseJson(message.data))
    if (line === undefined) this.#fail('malformed', 'a line of the answer is not JSON', out)
    else this.read(line, out)
  }

  end(out: CanonicalEvent[]): void {
    if (!this.#ended) this.#fail('truncated', 'the answer ended before it was finished', out)
  }

  /** Reads one line that is parsed already. */
  read(line: JsonObject, out: CanonicalEvent[]): void {
    if (this.#ended) return
    if (line['error'] !== undefined) {
      this.#ended = true
      const status = numberOf(line['status_code'])
      out.push({ type: 'failure', failure: failureOf(errorText(line['error']), status) })
      return
    }
    if (!this.#started) this.#start(line, out)
    this.#message(objectOf(line['message']) ?? {}, logprobsOf(line['logprobs']), out)
    if (line['done'] === true) this.#finish(line, out)
  }

  #start(line: JsonObject, out: CanonicalEvent[]): void {
    this.#started = true
    const digits = textOf(line['created_at'])?.replace(/\D/g, '').slice(0, 24)
    if (digits !== undefined && digits !== '') this.#callIdPrefix += `${digits}_`
    const model = textOf(line['model'])
    out.push({ type: 'start', ...(model === undefined ? {} : { model }) })
  }

  #message(
    message: JsonObject,
    logprobs: readonly TokenLogprob[] | undefined,
    out: CanonicalEvent[],
  ): void {
    const thinking = textOf(message['thinking'])
    if (thinking !== undefined) out.push({ type: 'reasoning', choice: 0, text: thinking })
    const text = stringOf(message['content']) ?? ''
    if (text !== '' || logprobs !== undefined)
      out.push({ type: 'text', choice: 0, text, ...(logprobs === undefined ? {} : { logprobs }) })
    for (const call of objectsOf(message['tool_calls'])) this.#call(call, out)
  }

  /** A call comes whole, its arguments as an object. */
  #call(call: JsonObject, out: CanonicalEvent[]): void {
    const called = objectOf(call['function']) ?? {}
    const index = this.#calls++
    out.push({
      type: 'toolCallStart',
      choice: 0,
      index,
      id: textOf(call['id']) ?? `${this.#callIdPrefix}${index}`,
      name: stringOf(called['name']) ?? '',
    })
    const given = called['arguments'] ?? {}
    const text = typeof given === 'string' ? given : JSON.stringify(given)
    out.push({ type: 'toolCallArguments', choice: 0, index, text })
  }

  /** A prompt that is cached whole has no `prompt_eval_count`: then the count is unknown. */
  #finish(line: JsonObject, out: CanonicalEvent[]): void {
    this.#ended = true
    const usage = usageOf({
      inputTokens: tokenCount(line['prompt_eval_count']),
      outputTokens: tokenCount(line['eval_count']),
    })
    if (Object.keys(usage).length > 0) out.push({ type: 'usage', usage })
    const raw = textOf(line['done_reason'])
    const named = raw === undefined ? 'stop' : (reasons[raw] ?? 'other')
    const reason = named === 'stop' && this.#calls > 0 ? 'toolCalls' : named
    const more = named === 'other' && raw !== undefined ? { raw } : {}
    out.push({ type: 'finish', choices: [{ choice: 0, reason, ...more }] })
  }

  #fail(failureClass: 'malformed' | 'truncated', message: string, out: CanonicalEvent[]): void {
    this.#ended = true
    out.push({ type: 'failure', failure: failure(failureClass, message) })
  }
}

function logprobsOf(value: unknown): readonly TokenLogprob[] | undefined {
  const tokens = objectsOf(value)
  if (tokens.length === 0) return undefined
  return tokens.map((token) => {
    const top = objectsOf(token['top_logprobs']).map(tokenOf)
    return { ...tokenOf(token), ...(top.length === 0 ? {} : { top }) }
  })
}

function tokenOf(token: JsonObject): Omit<TokenLogprob, 'top'> {
  const bytes = Array.isArray(token['bytes'])
    ? token['bytes'].filter((byte) => typeof byte === 'number')
    : undefined
  return {
    token: stringOf(token['token']) ?? '',
    logprob: numberOf(token['logprob']) ?? 0,
    ...(bytes === undefined ? {} : { bytes }),
  }
}
