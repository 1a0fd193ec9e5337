import type { CanonicalEvent } from '../../canonical/events.ts'
import type { ProviderAdapter } from '../adapter.ts'
import { WorkersAiDecoder } from './decoder.ts'
import { decodeFailure } from './failures.ts'
import { workersAiQuirks } from './quirks.ts'
import { encodeRequest } from './request.ts'

function decodeResponse(body: unknown): CanonicalEvent[] {
  const out: CanonicalEvent[] = []
  new WorkersAiDecoder('message').readWhole(body, out)
  return out
}

/**
 * Cloudflare Workers AI: the REST form at
 * https://api.cloudflare.com/client/v4/accounts/{account}, and what the `AI`
 * binding gives, which is the same without the envelope.
 * After https://developers.cloudflare.com/api/resources/ai/methods/run/, read 2026-11-20.
 */
export const workersAiAdapter: ProviderAdapter = {
  id: 'workers-ai',
  wire: 'workers-ai',
  framing: 'sse',
  relay: false,
  features: workersAiQuirks.features,
  encodeRequest,
  createDecoder: () => new WorkersAiDecoder('delta'),
  decodeResponse,
  decodeFailure,
}
