import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from '../adapter.ts'
import type { Note } from '../anthropic/encode-blocks.ts'
import { outputSchema } from '../anthropic/output-schema.ts'
import { objectOf, present } from '../json-values.ts'
import { MessageEncoder } from './encode-messages.ts'
import { encodeToolConfig } from './encode-tools.ts'
import { encodeModelSettings } from './model-settings.ts'
import { type BedrockModel, bedrockModel } from './models.ts'

/** Fields that are ours, or not of the body: an extension never speaks for them. */
const reserved = new Set(['modelId', 'messages', 'system'])

/** Writes `POST /model/{id}/converse` or `/converse-stream`. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const unhonoured = new Set<Feature>()
  const note: Note = (feature) => void unhonoured.add(feature)
  const model = bedrockModel(target)
  const settings = encodeModelSettings(request, target, model, note)
  const stop = stopOf(request, model, note)
  const inference = present({ ...settings.inference, stopSequences: stop })
  const body = withExtensions(request, {
    ...promptOf(request, model, note),
    inferenceConfig: Object.keys(inference).length === 0 ? undefined : inference,
    additionalModelRequestFields: settings.modelFields,
    outputConfig: outputConfigOf(request, model),
    serviceTier: serviceTierOf(request),
    requestMetadata: request.metadata,
  })
  return {
    method: 'POST',
    path: pathOf(target, request.stream ? 'converse-stream' : 'converse'),
    headers: {},
    body,
    ...(unhonoured.size === 0 ? {} : { unhonoured: [...unhonoured] }),
  }
}

/** Writes `POST /model/{id}/count-tokens` (API reference, CountTokens; corpus bedrock/count-tokens). */
export function encodeCountTokens(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const model = bedrockModel(target)
  const ignore: Note = () => undefined
  const { modelFields } = encodeModelSettings(request, target, model, ignore)
  const converse = present({
    ...promptOf(request, model, ignore),
    additionalModelRequestFields: modelFields,
  })
  return {
    method: 'POST',
    path: pathOf(target, 'count-tokens'),
    headers: {},
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

function promptOf(request: CanonicalRequest, model: BedrockModel, note: Note): JsonObject {
  const encoder = new MessageEncoder(model, note)
  const { system, messages } = encoder.encode(request.messages)
  return {
    system: system.length === 0 ? undefined : system,
    messages,
    toolConfig: encodeToolConfig(request, model, encoder, note),
  }
}

function stopOf(
  { stop = [] }: CanonicalRequest,
  model: BedrockModel,
  note: Note,
): readonly string[] | undefined {
  if (stop.length === 0) return undefined
  if (!model.stopSequences) note('stop')
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
function serviceTierOf({ serviceTier }: CanonicalRequest): JsonObject | undefined {
  if (serviceTier === undefined || serviceTier === 'auto') return undefined
  return { type: serviceTier === 'standard_only' ? 'default' : serviceTier }
}

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
