import type { Dialect } from '../dialect.ts'
import { renderError, renderStreamError } from './errors.ts'
import { parse } from './parse.ts'
import { renderResponse } from './render-response.ts'
import { ChatStreamRenderer } from './render-stream.ts'

/**
 * OpenAI Chat Completions. Sources, read 2026-11-20: OpenAI's OpenAPI document
 * 2.3.0; `openai` 7.55.0; openrouter.ai/docs for the fields its clients add.
 */
export const openAiChat: Dialect = {
  id: 'openai-chat',
  wire: 'openai-chat',
  requestIdHeader: 'x-request-id',
  parse,
  createStreamRenderer: (context) => new ChatStreamRenderer(context),
  renderResponse,
  renderError,
  renderStreamError,
  // A comment: SSE readers skip it, and the wire format has no event that says nothing.
  heartbeat: ': keep-alive\n\n',
}
