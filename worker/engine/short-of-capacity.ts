import { gatewayError, type GatewayError } from '../canonical/errors.ts'

const message = 'capacity is short, and work of this priority waits'

/** What is told of work that others go before. `roomInMs`: when there is likely to be room, at least a second. */
export function shortOfCapacity(roomInMs: number): GatewayError {
  const retryAfterMs = Math.max(1000, roomInMs)
  return gatewayError('no_healthy_target', 503, message, { retryAfterMs })
}

export function isShortOfCapacity(error: GatewayError): boolean {
  return error.message === message
}
