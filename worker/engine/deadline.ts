import { invalidRequest, type GatewayError } from '../canonical/errors.ts'

const header = 'x-switchyard-deadline-ms'

/** What the caller gives the request in `x-switchyard-deadline-ms`: infinite when absent, or the refusal of what is no positive whole number. */
export function readDeadlineMs(headers: Headers): number | GatewayError {
  const text = headers.get(header)
  if (text === null) return Infinity
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  return invalidRequest(`${header}: must be a whole number of milliseconds above 0`, header)
}
