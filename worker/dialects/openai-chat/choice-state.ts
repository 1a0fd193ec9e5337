import type { Citation } from '../../canonical/blocks.ts'
import type { CanonicalEvent } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import { detailOf } from './reasoning-details.ts'
import { renderAnnotation, renderDocumentCitation } from './wire-parts.ts'

type ReasoningEvent = Extract<CanonicalEvent, { type: 'reasoning' }>

/** What has to be remembered of one streamed choice: where its text stands, and the thought that is open. */
export class ChoiceState {
  /** The role chunk is out. */
  opened = false
  hasRefusal = false
  images = 0
  textLength = 0
  #block: number | undefined
  #blockStart = 0
  #citations: Citation[] = []
  #thought: { block: number | undefined; detail: number } | undefined
  #details = 0

  /** Counts text of `block`; answers what has to be said before it. */
  addText(text: string, block: number | undefined): JsonObject | null {
    const before = block === this.#block ? null : this.closeBlock()
    this.#block = block
    this.textLength += text.length
    return before
  }

  /** Citations wait for the end of their block: only then is it known which text they stand under. */
  addCitation(citation: Citation, block: number | undefined): JsonObject | null {
    const before = block === this.#block ? null : this.closeBlock()
    this.#block = block
    this.#citations.push(citation)
    return before
  }

  /** The delta that tells the citations of the block that ends; null when there are none. */
  closeBlock(): JsonObject | null {
    const range = { start: this.#blockStart, end: this.textLength }
    const citations = this.#citations
    this.#blockStart = this.textLength
    if (citations.length === 0) return null
    this.#citations = []
    return renderCitations(citations, range)
  }

  /**
   * The delta of a piece of thinking. `reasoning_details` carries it in pieces
   * too, as OpenRouter streams it: its clients put pieces of one index together,
   * and a detail that came whole at its end would repeat to them what they have.
   */
  addThought(event: ReasoningEvent): JsonObject {
    const { block, text } = event
    if (this.#thought === undefined || this.#thought.block !== block)
      this.#thought = { block, detail: this.#details++ }
    return compact<JsonObject>({
      reasoning_content: text === '' ? undefined : text,
      reasoning: text === '' ? undefined : text,
      reasoning_details: [detailOf(event, this.#thought.detail)],
    })
  }
}

/** Citations that stand under one stretch of text. */
export function renderCitations(
  citations: readonly Citation[],
  range: { readonly start: number; readonly end: number },
): JsonObject {
  const annotations: JsonObject[] = []
  const documents: JsonObject[] = []
  for (const citation of citations) {
    const annotation = renderAnnotation(citation, range)
    if (annotation === null) documents.push(renderDocumentCitation(citation, range))
    else annotations.push(annotation)
  }
  return compact<JsonObject>({
    annotations: annotations.length === 0 ? undefined : annotations,
    citations: documents.length === 0 ? undefined : documents,
  })
}
