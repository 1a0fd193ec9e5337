import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
import { outputSchema } from '../anthropic/output-schema.ts'
import { Departures, type Leave } from '../departures.ts'
import { objectOf, present } from '../json-values.ts'
import { MessageEncoder } from './encode-messages.ts'
import { encodeToolConfig } from './encode-tools.ts'
import { encodeModelSettings } from './model-settings.ts'
import { type BedrockModel, bedrockModel } from './models.ts'

/** Fields that are ours, or not of the body: an extension never speaks for them. */
const reserved = new Set(['modelId', 'messages', 'system'])

/** Writes `POST /model/{id}/converse` or `/converse-stream`. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const departures = new Departures()
  const { leave } = departures
  const model = bedrockModel(target)
  const settings = encodeModelSettings(request, target, model, departures)
  const stop = stopOf(request, model, leave)
  const inference = present({ ...settings.inference, stopSequences: stop })
  const body = withExtensions(request, {
    ...promptOf(request, model, departures),
    inferenceConfig: Object.keys(inference).length === 0 ? undefined : inference,
    additionalModelRequestFields: settings.modelFields,
    outputConfig: outputConfigOf(request, model),
    serviceTier: serviceTierOf(request, leave),
    requestMetadata: request.metadata,
  })
  return {
    method: 'POST',
    path: pathOf(target, request.stream ? 'converse-stream' : 'converse'),
    headers: noHeaders,
    body,
    ...departures.listed(),
  }
}

/** Writes `POST /model/{id}/count-tokens` (API reference, CountTokens; corpus bedrock/count-tokens). */
export function encodeCountTokens(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const model = bedrockModel(target)
  const departures = new Departures()
  const { modelFields } = encodeModelSettings(request, target, model, departures)
  const converse = present({
    ...promptOf(request, model, departures),
    additionalModelRequestFields: modelFields,
  })
  return {
    method: 'POST',
    path: pathOf(target, 'count-tokens'),
    headers: noHeaders,
    body: { input: { converse } },
  }
}

/** `inputTokens` of a count; null when the answer has none. */
export function decodeCountTokens(body: unknown): number | null {
  const count = objectOf(body)?.['inputTokens']
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : null
}

/** Ids may be ARNs: their colons and slashes are data, not path. */
function pathOf({ upstreamModel }: AdapterTarget, operation: string): string {
  return `/model/${encodeURIComponent(upstreamModel)}/${operation}`
}

function promptOf(
  request: CanonicalRequest,
  model: BedrockModel,
  departures: Departures,
): JsonObject {
  const encoder = new MessageEncoder(model, departures)
  const { system, messages } = encoder.encode(request.messages)
  return {
    system: system.length === 0 ? undefined : system,
    messages,
    toolConfig: encodeToolConfig(request, model, encoder, departures.leave),
  }
}

function stopOf(
  { stop = [] }: CanonicalRequest,
  model: BedrockModel,
  leave: Leave,
): readonly string[] | undefined {
  if (stop.length === 0) return undefined
  if (!model.stopSequences) leave('stop')
  return model.stopSequences ? stop : undefined
}

/** The schema travels as text (corpus json-structured-output-bedrock-native-output-*). */
function outputConfigOf(
  { responseFormat }: CanonicalRequest,
  model: BedrockModel,
): JsonObject | undefined {
  if (responseFormat?.type !== 'jsonSchema') return undefined
  const schema =
    model.claude === undefined ? responseFormat.schema : outputSchema(responseFormat.schema)
  const jsonSchema = present({
    name: responseFormat.name,
    schema: JSON.stringify(schema),
    description: responseFormat.description,
  })
  return { textFormat: { type: 'json_schema', structure: { jsonSchema } } }
}

/** `auto` is what leaving it out means; Anthropic's word for the plain tier is Bedrock's `default`. */
function serviceTierOf({ serviceTier }: CanonicalRequest, leave: Leave): JsonObject | undefined {
  if (serviceTier === undefined || serviceTier === 'auto') return undefined
  const type = serviceTier === 'standard_only' ? 'default' : serviceTier
  if (tiers.has(type)) return { type }
  leave('serviceTier')
  return undefined
}

/** `ServiceTier` of the API reference, 2026-11-20. */
const tiers: ReadonlySet<string> = new Set(['default', 'priority', 'flex', 'reserved'])

/** Lays `body` over the caller's own Converse fields (guardrails, performance, ...); objects that both have are joined. */
function withExtensions(request: CanonicalRequest, body: JsonObject): JsonObject {
  const own = present(body)
  const result: Record<string, unknown> = { ...own }
  for (const [key, value] of Object.entries(request.extensions?.['bedrock-converse'] ?? {})) {
    if (reserved.has(key)) continue
    const [theirs, ours] = [objectOf(value), objectOf(own[key])]
    if (own[key] === undefined) result[key] = value
    else if (theirs !== undefined && ours !== undefined) result[key] = { ...theirs, ...ours }
  }
  return result
}
