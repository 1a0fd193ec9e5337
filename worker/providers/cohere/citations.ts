import type { Citation } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { numberOf, objectOf, objectsOf, textOf } from '../json-values.ts'

/**
 * One citation for each source of a wire citation. Positions count characters
 * of the text; those of a plan or of thinking are not ours and stay in `raw`.
 */
export function citationsOf(wire: JsonObject): Citation[] {
  const start = numberOf(wire['start'])
  const end = numberOf(wire['end'])
  const type = textOf(wire['type'])
  const isOfText = type === undefined || type === 'TEXT_CONTENT'
  const citedText = textOf(wire['text'])
  const common: Citation = {
    ...(citedText === undefined ? {} : { citedText }),
    ...(isOfText && start !== undefined && end !== undefined
      ? { startIndex: start, endIndex: end }
      : {}),
    raw: { wire: 'cohere', value: wire },
  }
  const sources = objectsOf(wire['sources'])
  return sources.length === 0
    ? [common]
    : sources.map((source) => ({ ...linkOf(source), ...common }))
}

/** A source is a document, or what a tool gave; either may say its title and address. */
function linkOf(source: JsonObject): Pick<Citation, 'url' | 'title'> {
  const record = objectOf(source['document']) ?? objectOf(source['tool_output'])
  const url = textOf(record?.['url'])
  const title = textOf(record?.['title']) ?? textOf(source['id'])
  return { ...(url === undefined ? {} : { url }), ...(title === undefined ? {} : { title }) }
}
