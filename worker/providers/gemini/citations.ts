import type { Citation } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { listOf, numberOf, objectOf, objectsOf, textOf } from '../json-values.ts'

/*
 * Google counts positions in UTF-8 bytes; ours are characters
 * (https://ai.google.dev/api/generate-content#Segment, #CitationSource, 2026-11-20).
 */

/** Answers the character position of a byte position in `text`; undefined when it lies outside, or inside a character. */
function characterPositions(text: string): (byte: number) => number | undefined {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length === text.length)
    return (byte) => (byte >= 0 && byte <= text.length ? byte : undefined)
  const positions = new Int32Array(bytes.length + 1).fill(-1)
  let byte = 0
  let position = 0
  for (const character of text) {
    positions[byte] = position
    const codePoint = character.codePointAt(0) ?? 0
    byte += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
    position += character.length
  }
  positions[byte] = position
  return (asked) => {
    const found = positions[asked]
    return found === undefined || found < 0 ? undefined : found
  }
}

/** `citationMetadata`: what the answer repeats from elsewhere. The Gemini API says `citationSources`, Vertex `citations`. */
export function citationsOf(metadata: JsonObject, text: string): Citation[] {
  const sources = objectsOf(metadata['citationSources'] ?? metadata['citations'])
  const positionOf = characterPositions(text)
  return sources.map((source) => ({
    ...linkOf(source),
    ...span(positionOf(numberOf(source['startIndex']) ?? 0), endOf(source, positionOf)),
    raw: { wire: 'gemini' as const, value: { citationMetadata: source } },
  }))
}

function endOf(
  segment: JsonObject,
  positionOf: (byte: number) => number | undefined,
): number | undefined {
  const end = numberOf(segment['endIndex'])
  return end === undefined ? undefined : positionOf(end)
}

/**
 * `groundingMetadata`: one citation for each supported segment and each source
 * of it; the sources alone where nothing says what they support.
 */
export function groundingOf(metadata: JsonObject, text: string): Citation[] {
  const chunks = listOf(metadata['groundingChunks'])
  const supports = objectsOf(metadata['groundingSupports'])
  const positionOf = characterPositions(text)
  const supported = supports.flatMap((support) => {
    const segment = objectOf(support['segment']) ?? {}
    const citedText = textOf(segment['text'])
    const place = placeOf(segment, citedText, text, positionOf)
    return listOf(support['groundingChunkIndices']).flatMap((index) => {
      const chunk = typeof index === 'number' ? objectOf(chunks[index]) : undefined
      if (chunk === undefined) return []
      return {
        ...sourceOf(chunk),
        ...(citedText === undefined ? {} : { citedText }),
        ...place,
        raw: {
          wire: 'gemini' as const,
          value: { groundingSupport: support, groundingChunk: chunk },
        },
      }
    })
  })
  if (supported.length > 0) return supported
  return objectsOf(chunks).map((chunk) => ({
    ...sourceOf(chunk),
    raw: { wire: 'gemini' as const, value: { groundingChunk: chunk } },
  }))
}

/**
 * A segment's offsets count from the start of its part, and a stream does not
 * say how its pieces were cut into parts, so the segment's own text decides:
 * where the offsets do not point at it, it is looked for.
 */
function placeOf(
  segment: JsonObject,
  citedText: string | undefined,
  text: string,
  positionOf: (byte: number) => number | undefined,
): Pick<Citation, 'startIndex' | 'endIndex'> {
  const start = positionOf(numberOf(segment['startIndex']) ?? 0)
  const end = endOf(segment, positionOf)
  if (citedText === undefined) return span(start, end)
  if (start !== undefined && text.startsWith(citedText, start))
    return span(start, start + citedText.length)
  const found = text.indexOf(citedText)
  return found < 0 ? {} : span(found, found + citedText.length)
}

function span(
  startIndex: number | undefined,
  endIndex: number | undefined,
): Pick<Citation, 'startIndex' | 'endIndex'> {
  return startIndex === undefined || endIndex === undefined || endIndex < startIndex
    ? {}
    : { startIndex, endIndex }
}

/** A chunk is `web`, `maps` or `retrievedContext`: each with a title and an address. */
function sourceOf(chunk: JsonObject): Pick<Citation, 'url' | 'title'> {
  const source =
    objectOf(chunk['web']) ?? objectOf(chunk['maps']) ?? objectOf(chunk['retrievedContext'])
  return source === undefined ? {} : linkOf(source)
}

function linkOf(source: JsonObject): Pick<Citation, 'url' | 'title'> {
  const url = textOf(source['uri'])
  const title = textOf(source['title'])
  return { ...(url === undefined ? {} : { url }), ...(title === undefined ? {} : { title }) }
}
