import type { ProviderAdapter } from '../adapter.ts'
import { decodeResponse } from './decode-response.ts'
import { BedrockDecoder } from './decoder.ts'
import { decodeCountTokens, encodeCountTokens, encodeRequest } from './encode-request.ts'
import { decodeFailure } from './failure.ts'
import { bedrockModel, lacksOf } from './models.ts'

/**
 * Amazon Bedrock's Converse API; the base URL is
 * `https://bedrock-runtime.{region}.amazonaws.com`, and signing (SigV4) is the
 * engine's. Sources, unless a line says otherwise: the Bedrock API reference
 * (Converse, ConverseStream, CountTokens), read 2026-11-20, and the corpus.
 */
export const bedrockAdapter: ProviderAdapter = {
  id: 'bedrock',
  wire: 'bedrock-converse',
  framing: 'aws-event-stream',
  // No client speaks Converse to us.
  relay: false,
  // There is no `none`, no way to ask for a single call, and URLs are fetched from S3 only.
  features: new Set([
    'tools',
    'toolChoiceRequired',
    'toolChoiceNamed',
    'toolChoiceAllowed',
    'imageBase64',
    'audioInput',
    'videoInput',
    'fileBase64',
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
    'metadata',
    'serviceTier',
  ]),
  lacks: (target) => lacksOf(bedrockModel(target)),
  encodeRequest,
  encodeCountTokens,
  decodeCountTokens,
  createDecoder: () => new BedrockDecoder(),
  decodeResponse,
  decodeFailure,
}
