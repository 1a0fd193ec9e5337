import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { parseJson } from '../failures.ts'
import { numberOf, objectOf, objectsOf, textOf } from '../json-values.ts'
import { MistralChoice } from './choice.ts'
import { failureOf } from './failures.ts'
import { readUsage } from './usage.ts'

/** Reads Mistral's chunks; `data: [DONE]` is the end mark. */
export class MistralDecoder implements EventDecoder {
  #started = false
  #ended = false
  #responseId = ''
  readonly #choices = new Map<number, MistralChoice>()

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended) return
    if (message.data.trim() === '[DONE]') {
      this.finish(out)
      return
    }
    const chunk = objectOf(parseJson(message.data))
    if (chunk === undefined) this.#fail('malformed', 'a chunk of the answer is not JSON', out)
    else this.read(chunk, out)
  }

  get hasFinish(): boolean {
    return [...this.#choices.values()].some(({ finishReason }) => finishReason !== undefined)
  }

  end(out: CanonicalEvent[]): void {
    this.#fail('truncated', 'the answer ended before it was finished', out)
  }

  /** Reads a chunk, or a whole answer: they differ in `delta` and `message` only. */
  read(chunk: JsonObject, out: CanonicalEvent[]): void {
    if (this.#ended) return
    if (chunk['object'] === 'error' || objectOf(chunk['error']) !== undefined) {
      this.#ended = true
      out.push({ type: 'failure', failure: failureOf(chunk) })
      return
    }
    if (!this.#started) this.#start(chunk, out)
    for (const [position, choice] of objectsOf(chunk['choices']).entries()) {
      const index = typeof choice['index'] === 'number' ? choice['index'] : position
      this.#choice(index).read(choice, this.#responseId, out)
    }
    const usage = readUsage(chunk['usage'])
    if (usage !== undefined) out.push({ type: 'usage', usage })
  }

  /** The answer is complete. */
  finish(out: CanonicalEvent[]): void {
    if (this.#ended) return
    const choices = [...this.#choices.values()].sort((a, b) => a.choice - b.choice)
    if (choices.length === 0) this.#fail('malformed', 'the answer has no choices', out)
    else if (choices.some((choice) => choice.finishReason === 'error'))
      this.#fail('server_error', 'the provider broke the answer off', out)
    else {
      this.#ended = true
      const finishes = choices.map((choice) => choice.finish(this.#responseId, out))
      out.push({ type: 'finish', choices: finishes })
    }
  }

  #start(chunk: JsonObject, out: CanonicalEvent[]): void {
    this.#started = true
    const id = textOf(chunk['id'])
    const model = textOf(chunk['model'])
    const createdS = numberOf(chunk['created'])
    this.#responseId = id ?? ''
    out.push({
      type: 'start',
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
      // Zero is a scrubbed or missing time, never 1970.
      ...(createdS === undefined || createdS <= 0 ? {} : { createdS }),
    })
  }

  #choice(index: number): MistralChoice {
    let choice = this.#choices.get(index)
    if (choice === undefined) this.#choices.set(index, (choice = new MistralChoice(index)))
    return choice
  }

  #fail(
    failureClass: 'malformed' | 'truncated' | 'server_error',
    message: string,
    out: CanonicalEvent[],
  ): void {
    if (this.#ended) return
    this.#ended = true
    out.push({ type: 'failure', failure: failure(failureClass, message) })
  }
}
