import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from '../adapter.ts'
import { objectsOf, present, without } from '../json-values.ts'
import { encodeRequest as encodeOpenAiRequest } from '../openai/encode-request.ts'
import { describedSchema } from '../described-schema.ts'
import { workersAiQuirks } from './quirks.ts'

/** The call of `/ai/run/{model}`; the body is also what the binding's `run(model, body)` takes. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const call = encodeOpenAiRequest(workersAiQuirks, request, target)
  const { body } = call
  const own = without(request.extensions?.['workers-ai'], Object.keys(body))
  return {
    ...call,
    path: `/ai/run/${pathOf(target.upstreamModel)}`,
    body: present({
      ...own,
      ...without(body, ['model']),
      messages: objectsOf(body['messages']).map(withContent),
      // Without a limit older models stop at 256 tokens (developers.cloudflare.com/workers-ai/models/, 2026-11-20).
      max_tokens: body['max_tokens'] ?? target.maxOutputTokens,
      response_format: formatOf(request, body['response_format']),
    }),
  }
}

/** `@cf/meta/llama-3.1-8b-instruct`: the slashes are the path's, and `@` stays as it is. */
function pathOf(model: string): string {
  return model
    .split('/')
    .map((step) => encodeURIComponent(step).replaceAll('%40', '@'))
    .join('/')
}

/** Older models' schema wants a string where OpenAI has null beside tool calls. */
function withContent(message: JsonObject): JsonObject {
  return message['content'] === null ? { ...message, content: '' } : message
}

/** The schema stands directly under `json_schema` (developers.cloudflare.com/workers-ai/features/json-mode/, 2026-11-20). */
function formatOf(request: CanonicalRequest, written: unknown): unknown {
  return request.responseFormat?.type === 'jsonSchema'
    ? { type: 'json_schema', json_schema: describedSchema(request.responseFormat) }
    : written
}
