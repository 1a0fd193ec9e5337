import type { JsonObject } from '../../canonical/request.ts'
import type { Dialect } from '../dialect.ts'
import { withBetas } from './betas.ts'
import { renderError, renderStreamError } from './errors.ts'
import { parse } from './parse.ts'
import { renderResponse } from './render-response.ts'
import { MessageStreamRenderer } from './render-stream.ts'

export { parseCountTokens } from './parse.ts'

/**
 * Anthropic Messages. Sources, read 2026-11-20: platform.claude.com/docs/en/api;
 * the types and the stream reader of `@anthropic-ai/sdk` 1.11.0.
 */
export const anthropicMessages: Dialect = {
  id: 'anthropic-messages',
  wire: 'anthropic-messages',
  requestIdHeader: 'request-id',
  parse,
  readHeaders: withBetas,
  createStreamRenderer: (context) => new MessageStreamRenderer(context),
  renderResponse,
  renderError,
  renderStreamError,
  heartbeat: 'event: ping\ndata: {"type":"ping"}\n\n',
}

/** The answer of `POST /v1/messages/count_tokens`. */
export function renderCountTokens(inputTokens: number): JsonObject {
  return { input_tokens: inputTokens }
}
