import type { Citation, MediaBlock } from '../../canonical/blocks.ts'
import type { TokenLogprob } from '../../canonical/events.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'

/** `ChatCompletionTokenLogprob`; what the provider left out is `null` or empty, as the schema has it. */
export function renderLogprobs(logprobs: readonly TokenLogprob[]): readonly JsonObject[] {
  return logprobs.map((one) => ({
    token: one.token,
    logprob: one.logprob,
    bytes: one.bytes ?? null,
    top_logprobs: (one.top ?? []).map(({ token, logprob, bytes }) => ({
      token,
      logprob,
      bytes: bytes ?? null,
    })),
  }))
}

/** Part of the answer's text, in UTF-16 units, that a citation supports. */
export interface TextRange {
  readonly start: number
  readonly end: number
}

/**
 * A citation with a URL as `url_citation`, the only kind of annotation in this
 * wire format (readers check it strictly); null for one without.
 *
 * @param range the text that stands under the citation, for providers that do not say
 */
export function renderAnnotation(citation: Citation, range: TextRange): JsonObject | null {
  if (citation.url === undefined) return null
  return {
    type: 'url_citation',
    url_citation: {
      url: citation.url,
      title: citation.title ?? '',
      start_index: citation.startIndex ?? range.start,
      end_index: citation.endIndex ?? range.end,
    },
  }
}

/** A citation of a document, for which the wire format has no place: our own `citations` beside `annotations`. */
export function renderDocumentCitation(citation: Citation, range: TextRange): JsonObject {
  return compact<JsonObject>({
    title: citation.title,
    cited_text: citation.citedText,
    start_index: citation.startIndex ?? range.start,
    end_index: citation.endIndex ?? range.end,
  })
}

/** `audio` of a message or delta. */
export function renderAudio(media: Omit<MediaBlock, 'type'>): JsonObject {
  return compact<JsonObject>({
    id: media.id,
    data: media.data,
    transcript: media.transcript,
    expires_at: media.expiresAt,
  })
}

/** One of `images`, as OpenRouter answers (openrouter.ai/docs "Image Generation", 2026-11-20). */
export function renderImage(media: Omit<MediaBlock, 'type'>, index: number): JsonObject {
  const inline = `data:${media.mediaType ?? 'image/png'};base64,${media.data ?? ''}`
  return { type: 'image_url', index, image_url: { url: media.url ?? inline } }
}
