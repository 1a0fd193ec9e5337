import { invalidRequest } from '../canonical/errors.ts'
import type { Parsed } from '../dialects/dialect.ts'
import { readTags, type Tags } from '../edge/access/tags.ts'

const header = 'x-switchyard-tags'

/** The tags that a caller gives its request, or the error that names what is wrong with them. */
export function readAskedTags(headers: Headers): Parsed<Tags> {
  const read = readTags(headers.get(header))
  return read.kind === 'read'
    ? { ok: true, value: read.tags }
    : { ok: false, error: invalidRequest(read.message, header) }
}
