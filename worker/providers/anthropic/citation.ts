import type { Citation } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { textOf } from '../json-values.ts'

/**
 * A citation of any kind. Its own positions count characters, pages or blocks
 * of the document, not of the answer, so they stay in `raw`.
 */
export function citationFromWire(wire: JsonObject): Citation {
  const url = textOf(wire['url']) ?? textOf(wire['source'])
  const title = textOf(wire['title']) ?? textOf(wire['document_title'])
  const citedText = textOf(wire['cited_text'])
  return {
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    ...(citedText === undefined ? {} : { citedText }),
    raw: { wire: 'anthropic-messages', value: wire },
  }
}
