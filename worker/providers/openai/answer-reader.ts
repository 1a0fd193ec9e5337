import { keepSpecimen } from '../../canonical/specimens.ts'
import type { CanonicalEvent } from '../../canonical/events.ts'
import { failure } from '../../canonical/failure.ts'
import { decodeSources } from './citations.ts'
import { ChoiceState } from './choice-state.ts'
import { errorIn, inBandFailure } from './decode-failure.ts'
import { breakOffOf } from './finish.ts'
import type { OpenAiQuirks } from './quirks.ts'
import { decodeUsage } from './usage.ts'
import { listOf, numberOf, objectOf, textOf, type WireChoice, type WireChunk } from './wire.ts'

/**
 * Reads the chunks of one answer, or the one body of an unstreamed answer,
 * which has the same shape with `message` for `delta`.
 */
export class AnswerReader {
  readonly #quirks: OpenAiQuirks
  readonly #content: 'delta' | 'message'
  readonly #choices = new Map<number, ChoiceState>()
  readonly #citedUrls = new Set<string>()
  #responseId = ''
  #started = false

  constructor(quirks: OpenAiQuirks, content: 'delta' | 'message') {
    this.#quirks = quirks
    this.#content = content
  }

  /** True when some choice has named its end. */
  get hasFinish(): boolean {
    return [...this.#choices.values()].some((choice) => choice.hasFinish)
  }

  /** Reads one chunk. Answers true when it ended the answer: with a `failure`. */
  add(value: unknown, out: CanonicalEvent[]): boolean {
    const chunk = objectOf<WireChunk>(value)
    if (chunk === null) {
      out.push({ type: 'failure', failure: failure('malformed', 'the provider sent no object') })
      return true
    }
    const choices = listOf(chunk.choices).flatMap((choice) => objectOf<WireChoice>(choice) ?? [])
    this.#start(chunk, choices.length > 0, out)
    this.#addChoices(choices, out)
    this.#sources(chunk, out)
    // An error chunk may still bring what the call has cost (corpus openrouter/chat/stream-midstream-error-*).
    this.#usage(chunk, choices, out)
    const error = errorIn(chunk)
    const failed =
      error === null ? this.#choiceFailure(choices) : inBandFailure(error, this.#quirks)
    if (failed === null) return false
    out.push({ type: 'failure', failure: failed })
    return true
  }

  /** Ends the answer: `finish`, or a `failure` when there never was a choice, or one of a whole answer says nothing. */
  finish(out: CanonicalEvent[]): void {
    if (this.#choices.size === 0) {
      out.push({ type: 'failure', failure: failure('malformed', 'the answer has no choices') })
      return
    }
    if (this.#content === 'message' && [...this.#choices.values()].some((one) => one.isHollow)) {
      const message = 'a choice of the answer has no message'
      out.push({ type: 'failure', failure: failure('malformed', message) })
      return
    }
    const choices = [...this.#choices]
      .sort(([a], [b]) => a - b)
      .map(([, choice]) => choice.close(this.#responseId, out))
    out.push({ type: 'finish', choices })
  }

  /** Azure's first chunk only has filter results, with an empty id (corpus azure-openai/chat/stream-*): the next one starts. */
  #start(chunk: WireChunk, hasChoices: boolean, out: CanonicalEvent[]): void {
    const id = textOf(chunk.id)
    if (this.#started || (id === undefined && !hasChoices)) return
    this.#started = true
    this.#responseId = id ?? ''
    const model = textOf(chunk.model)
    const createdS = numberOf(chunk.created)
    out.push({
      type: 'start',
      ...(id === undefined ? {} : { id }),
      ...(model === undefined ? {} : { model }),
      ...(createdS === undefined || createdS <= 0 ? {} : { createdS: Math.floor(createdS) }),
    })
  }

  #addChoices(choices: readonly WireChoice[], out: CanonicalEvent[]): void {
    choices.forEach((wire, position) => {
      const index = typeof wire.index === 'number' ? wire.index : position
      let choice = this.#choices.get(index)
      if (choice === undefined) {
        choice = new ChoiceState(index, this.#content, this.#quirks.toolCallsOverStop === true)
        this.#choices.set(index, choice)
      }
      choice.add(wire, this.#responseId, out)
    })
  }

  /** Sources beside the choices come again with every chunk: each is told once. */
  #sources(chunk: WireChunk, out: CanonicalEvent[]): void {
    if (chunk.citations === undefined && chunk.search_results === undefined) return
    for (const citation of decodeSources(chunk)) {
      if (citation.url === undefined || this.#citedUrls.has(citation.url)) continue
      this.#citedUrls.add(citation.url)
      out.push({ type: 'citation', choice: 0, citation })
    }
  }

  #usage(chunk: WireChunk, choices: readonly WireChoice[], out: CanonicalEvent[]): void {
    const statesCost = this.#quirks.statesCost === true
    const wire =
      chunk.usage ??
      objectOf<{ usage?: unknown }>(chunk.x_groq)?.usage ??
      // Moonshot puts it into the last choice (platform.moonshot.ai/docs/api/chat, 2026-11-20).
      choices.find((choice) => objectOf(choice.usage) !== null)?.usage
    const usage = decodeUsage(wire, statesCost)
    const priceUsd = numberOf(objectOf<{ usd?: unknown }>(chunk.cost)?.usd)
    if (usage === undefined && priceUsd === undefined) return
    const cost = statesCost && priceUsd !== undefined ? { providerCostUsd: priceUsd } : {}
    out.push({ type: 'usage', usage: { ...usage, ...cost } })
  }

  #choiceFailure(choices: readonly WireChoice[]) {
    for (const choice of choices) {
      const error = errorIn({ error: choice.error })
      if (error !== null) return inBandFailure(error, this.#quirks)
      const brokenOff = breakOffOf(textOf(choice.finish_reason) ?? '')
      if (brokenOff !== undefined)
        return failure(brokenOff, 'the provider broke the answer off', {
          providerCode: String(choice.finish_reason),
        })
    }
    return null
  }
}

keepSpecimen(new AnswerReader({} as never, 'message'))
