import type { CanonicalRequest } from '../canonical/request.ts'
import type { Dialect, Parsed } from '../dialects/dialect.ts'

/** The request of a body that was read, with what clients of its dialect say in headers. */
export function readRequest(
  read: Parsed<CanonicalRequest>,
  dialect: Dialect,
  headers: Headers,
): Parsed<CanonicalRequest> {
  if (!read.ok || dialect.readHeaders === undefined) return read
  return dialect.readHeaders(read.value, (name) => headers.get(name))
}
