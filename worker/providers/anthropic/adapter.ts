import type { ProviderAdapter } from '../adapter.ts'
import { decodeCountTokens, decodeResponse } from './decode-response.ts'
import { AnthropicDecoder } from './decoder.ts'
import { encodeCountTokens, encodeRequest } from './encode-request.ts'
import { decodeFailure } from './failure.ts'

/**
 * Anthropic's Messages API; the base URL ends in `/v1`. Sources, unless a line
 * says otherwise: platform.claude.com/docs/en/api and the types of
 * `@anthropic-ai/sdk` 1.11.0, read 2026-11-20.
 */
export const anthropicAdapter: ProviderAdapter = {
  id: 'anthropic',
  wire: 'anthropic-messages',
  framing: 'sse',
  relay: true,
  // JSON without a schema is not a feature of this wire: only `output_config.format` binds the model.
  features: new Set([
    'tools',
    // 128 characters, as in the dialect.
    'longToolNames',
    'toolChoiceNone',
    'toolChoiceRequired',
    'toolChoiceNamed',
    'toolChoiceAllowed',
    'singleToolCall',
    'imageUrl',
    'imageBase64',
    'fileBase64',
    'fileUrl',
    'fileId',
    'fileText',
    'toolResultImages',
    'toolErrors',
    'strictTools',
    'documentTitles',
    'documentContext',
    'thoughts',
    'hiddenReasoning',
    'jsonSchema',
    'reasoning',
    'prefill',
    'stop',
    'temperature',
    'topP',
    'topK',
    'cacheMarks',
    'citations',
    'userId',
    'serviceTier',
  ]),
  encodeRequest,
  encodeCountTokens,
  decodeCountTokens,
  createDecoder: () => new AnthropicDecoder(),
  decodeResponse,
  decodeFailure,
}
