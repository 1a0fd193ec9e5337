import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import type { JsonObject } from '../../canonical/request.ts'
import type { EventDecoder } from '../../streams/event-decoder.ts'
import type { WireMessage } from '../../streams/framer.ts'
import { cleanMessage, parseJson } from '../failures.ts'
import { objectOf, objectsOf, textOf } from '../json-values.ts'
import { Candidate } from './candidate.ts'
import { failureOf } from './failures.ts'
import { isThirdGeneration } from './thinking.ts'
import { readUsage } from './usage.ts'

/**
 * Reads the chunks of `streamGenerateContent`, each a `GenerateContentResponse`,
 * whether they come as events or as the items of one list.
 *
 * The wire has no end mark. A stream is finished when it ends after every
 * candidate has said why it ended; anything else was cut.
 *
 * A function call without an id gets `call_<response id>_<choice>_<index>`: the
 * same bytes give the same id, and two answers of one conversation differ
 * (Anthropic refuses a history in which an id comes twice).
 */
export class GeminiDecoder implements EventDecoder {
  #started = false
  #ended = false
  #callIdPrefix = 'call_'
  #model = ''
  readonly #candidates = new Map<number, Candidate>()

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    const chunk = objectOf(parseJson(message.data))
    if (chunk === undefined) this.#fail('malformed', 'a chunk of the answer is not JSON', out)
    else this.read(chunk, out)
  }

  /** Reads one chunk that is parsed already. */
  read(chunk: JsonObject, out: CanonicalEvent[]): void {
    if (this.#ended) return
    const error = objectOf(chunk['error'])
    if (error !== undefined) {
      this.#ended = true
      out.push({ type: 'failure', failure: failureOf(error) })
      return
    }
    if (!this.#started) this.#start(chunk, out)
    for (const [position, candidate] of objectsOf(chunk['candidates']).entries()) {
      const index = typeof candidate['index'] === 'number' ? candidate['index'] : position
      this.#candidate(index).read(candidate, out)
    }
    this.#readUsage(chunk, out)
    this.#readFeedback(chunk, out)
  }

  get hasFinish(): boolean {
    return [...this.#candidates.values()].some(({ isFinished }) => isFinished)
  }

  end(out: CanonicalEvent[]): void {
    if (this.#ended) return
    const candidates = [...this.#candidates.values()]
    if (candidates.length > 0 && candidates.every((candidate) => candidate.isFinished))
      this.#finish(out)
    else this.#fail('truncated', 'the answer ended before it was finished', out)
  }

  /** The end of an answer that came whole: its JSON was complete, so a missing finish reason is just that. */
  endWhole(out: CanonicalEvent[]): void {
    if (this.#ended) return
    if (this.#candidates.size > 0) this.#finish(out)
    else this.#fail('malformed', 'the answer has no candidates', out)
  }

  #start(chunk: JsonObject, out: CanonicalEvent[]): void {
    this.#started = true
    const id = textOf(chunk['responseId'])
    const model = textOf(chunk['modelVersion'])
    this.#model = model ?? ''
    // OpenAI takes ids of up to 40 characters, Anthropic letters, digits, `_` and `-`.
    const safeId = id?.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 26)
    if (safeId !== undefined && safeId !== '') this.#callIdPrefix += `${safeId}_`
    out.push({
      type: 'start',
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
    })
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates.get(index)
    if (candidate === undefined) {
      candidate = new Candidate(index, `${this.#callIdPrefix}${index}_`)
      this.#candidates.set(index, candidate)
    }
    return candidate
  }

  #readUsage(chunk: JsonObject, out: CanonicalEvent[]): void {
    const metadata = objectOf(chunk['usageMetadata'])
    const usage = metadata === undefined ? undefined : readUsage(metadata)
    if (usage !== undefined) out.push({ type: 'usage', usage })
  }

  /** A refused prompt has no candidates, and sometimes a message without a reason (corpus json-unary-failure-only-prompt-feedback). */
  #readFeedback(chunk: JsonObject, out: CanonicalEvent[]): void {
    const feedback = objectOf(chunk['promptFeedback'])
    const reason = textOf(feedback?.['blockReason'])
    const said = textOf(feedback?.['blockReasonMessage'])
    if (this.#candidates.size > 0 || (reason === undefined && said === undefined)) return
    this.#ended = true
    const message = cleanMessage(said ?? '') || `the prompt was blocked: ${reason ?? 'no reason'}`
    const providerCode = reason === undefined ? {} : { providerCode: reason }
    out.push({ type: 'failure', failure: failure('content_policy', message, providerCode) })
  }

  #finish(out: CanonicalEvent[]): void {
    this.#ended = true
    const candidates = [...this.#candidates.values()].sort((a, b) => a.choice - b.choice)
    const choices = candidates.map((candidate) => candidate.finish(out))
    const webSearchRequests = this.#billedSearches(candidates)
    if (webSearchRequests > 0) out.push({ type: 'usage', usage: { webSearchRequests } })
    out.push({ type: 'finish', choices })
  }

  /** Gemini 3 is billed by the search, earlier models by the prompt that was searched for (https://ai.google.dev/gemini-api/docs/google-search#pricing, 2026-11-20). */
  #billedSearches(candidates: readonly Candidate[]): number {
    const searches = candidates.reduce((sum, candidate) => sum + candidate.searches, 0)
    return isThirdGeneration(this.#model) ? searches : Math.min(searches, 1)
  }

  #fail(failureClass: 'malformed' | 'truncated', message: string, out: CanonicalEvent[]): void {
    if (this.#ended) return
    this.#ended = true
    out.push({ type: 'failure', failure: failure(failureClass, message) })
  }
}
