import type { Citation } from '../../canonical/blocks.ts'
import { listOf, numberOf, objectOf, textOf, type WireChunk } from './wire.ts'

/** `annotations` of a message: OpenAI's `url_citation`; other kinds keep only their raw form. */
export function decodeAnnotations(value: unknown): Citation[] {
  return listOf(value).flatMap((item) => {
    const annotation = objectOf<{ type?: unknown; url_citation?: unknown }>(item)
    if (annotation === null) return []
    const wire = objectOf<{
      url?: unknown
      title?: unknown
      content?: unknown
      start_index?: unknown
      end_index?: unknown
    }>(annotation.url_citation)
    const raw = { wire: 'openai-chat' as const, value: annotation }
    if (wire === null) return [{ raw }]
    return [
      {
        ...citationOf(wire.url, wire.title, wire.content),
        ...indexOf('startIndex', wire.start_index),
        ...indexOf('endIndex', wire.end_index),
        raw,
      },
    ]
  })
}

/**
 * Perplexity's sources beside the choices: `citations` (addresses) and
 * `search_results` (the same with titles), repeated on every chunk.
 */
export function decodeSources(chunk: WireChunk): Citation[] {
  const results = listOf(chunk.search_results).flatMap((item) => {
    const result = objectOf<{ url?: unknown; title?: unknown; snippet?: unknown }>(item)
    return result === null ? [] : [citationOf(result.url, result.title, result.snippet)]
  })
  const byUrl = new Map(results.map((result) => [result.url, result]))
  const cited = listOf(chunk.citations).flatMap((item) => {
    const url = textOf(item) ?? textOf(objectOf<{ url?: unknown }>(item)?.url)
    return url === undefined ? [] : [byUrl.get(url) ?? { url }]
  })
  const citedUrls = new Set(cited.map((citation) => citation.url))
  // The order of `citations` is what "[1]" in the text counts.
  return [...cited, ...results.filter((result) => !citedUrls.has(result.url))]
}

function citationOf(url: unknown, title: unknown, content: unknown): Citation {
  const address = textOf(url)
  const heading = textOf(title)
  const citedText = textOf(content)
  return {
    ...(address === undefined ? {} : { url: address }),
    ...(heading === undefined ? {} : { title: heading }),
    ...(citedText === undefined ? {} : { citedText }),
  }
}

function indexOf(name: 'startIndex' | 'endIndex', value: unknown): Partial<Citation> {
  const index = numberOf(value)
  return index === undefined ? {} : { [name]: index }
}
