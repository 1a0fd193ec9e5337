import type { Citation } from '../../canonical/blocks.ts'
import type { JsonObject } from '../../canonical/request.ts'
import { objectOf, objectsOf, stringOf, textOf } from '../json-values.ts'

/** A citation of a document, a search result or the web. Positions in `location` are the source's, not the answer's. */
export function citationFromWire(wire: JsonObject): Citation {
  const source = textOf(wire['source'])
  const web = objectOf(objectOf(wire['location'])?.['web'])
  const url = textOf(web?.['url']) ?? (source?.startsWith('http') === true ? source : undefined)
  const title = textOf(wire['title'])
  const citedText = objectsOf(wire['sourceContent'])
    .map((part) => stringOf(part['text']) ?? '')
    .join('')
  return {
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    ...(citedText === '' ? {} : { citedText }),
    raw: { wire: 'bedrock-converse', value: wire },
  }
}
