import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { messageOr, parseJson } from '../failures.ts'
import { AnswerReader } from './answer-reader.ts'
import { inBandFailure, errorIn } from './decode-failure.ts'
import type { OpenAiQuirks } from './quirks.ts'

/** The end mark of every OpenAI-shaped stream but those of `endMark: 'finish-reason'`. */
const endMark = '[DONE]'

/** Decodes one streamed Chat Completions answer. */
export class OpenAiDecoder implements EventDecoder {
  readonly #quirks: OpenAiQuirks
  readonly #reader: AnswerReader
  #ended = false

  constructor(quirks: OpenAiQuirks) {
    this.#quirks = quirks
    this.#reader = new AnswerReader(quirks, 'delta')
  }

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    const data = message.data.trim()
    if (this.#ended || data === '') return
    if (data === endMark) {
      this.#ended = true
      this.#reader.finish(out)
      return
    }
    const value = parseJson(data)
    if (message.event === 'error') this.#fail(value, data, out)
    else if (value === undefined) {
      this.#ended = true
      const unread = failure('malformed', 'the provider sent an event that is no JSON')
      out.push({ type: 'failure', failure: unread })
    } else this.#ended = this.#reader.add(value, out)
  }

  get hasFinish(): boolean {
    return this.#reader.hasFinish
  }

  end(out: CanonicalEvent[]): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#quirks.endMark === 'finish-reason' && this.#reader.hasFinish) {
      this.#reader.finish(out)
      return
    }
    const cut = failure('truncated', 'the stream ended before the answer did')
    out.push({ type: 'failure', failure: cut })
  }

  /** SSE's own error event (corpus groq/chat/stream-midstream-error-*); its data need not be an `error` object. */
  #fail(value: unknown, data: string, out: CanonicalEvent[]): void {
    this.#ended = true
    const error = errorIn(value) ?? errorIn({ error: value }) ?? { message: messageOr(data, 500) }
    out.push({ type: 'failure', failure: inBandFailure(error, this.#quirks) })
  }
}
