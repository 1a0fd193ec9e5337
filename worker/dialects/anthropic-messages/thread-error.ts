import { type GatewayError, gatewayError } from '../../canonical/errors.ts'
import { isObject } from '../shared/path.ts'

/**
 * Refuses `thread`: a conversation that the server keeps, so that later bodies
 * carry the new messages only. It lives in one account of one provider, and
 * the next turn may be answered by another, without all that came before.
 *
 * `details` are what Anthropic's clients recover by: their tool runner asks for
 * a thread first and, refused like this, sends the whole history from then on
 * (`ThreadState.recoversFrom` of `@anthropic-ai/sdk` 1.11.0, 2026-11-20).
 */
export function threadError(body: unknown): GatewayError | null {
  if (!isObject(body) || body['thread'] === undefined || body['thread'] === null) return null
  return gatewayError(
    'invalid_request',
    400,
    'thread: conversations are not kept here; send all messages each time',
    {
      param: 'thread',
      details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] },
    },
  )
}
