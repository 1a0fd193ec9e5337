import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, JsonObject, ResponseFormat } from '../../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from '../adapter.ts'
import { encodeMessages } from './encode-messages.ts'
import type { PartOptions } from './encode-parts.ts'
import { encodeReasoning } from './encode-reasoning.ts'
import { encodeTools } from './encode-tools.ts'
import type { OpenAiQuirks } from './quirks.ts'
import { objectOf } from './wire.ts'

/**
 * Fields that a caller's extensions never set: they decide who answers, how
 * much is billed, or in what form it comes, and those are decided by us.
 */
const reserved: ReadonlySet<string> = new Set([
  'model',
  'models',
  'route',
  'provider',
  'messages',
  'stream',
  'stream_options',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
])

/**
 * Writes a Chat Completions call. Parameters the vendor does not know (not in
 * its `features`) are left out, because most vendors refuse what they do not
 * know; the plan has named them in a warning. Content is always written: a
 * refusal by the provider is better than a question with a part missing.
 */
export function encodeRequest(
  quirks: OpenAiQuirks,
  request: CanonicalRequest,
  target: AdapterTarget,
): UpstreamCall {
  const options = partOptions(quirks, target)
  const written: JsonObject = {
    model: target.upstreamModel,
    messages: encodeMessages(request.messages, { quirks, ...options }),
    ...streamFields(quirks, request),
    ...limitField(quirks, request),
    ...sampling(quirks, request),
    ...encodeTools(request, quirks, options),
    ...responseFormat(quirks, request.responseFormat),
    ...(quirks.features.has('reasoning') ? encodeReasoning(request, target, quirks) : {}),
    ...modalities(quirks, request),
    ...accounting(quirks, request),
    ...(quirks.usageInclude === true && request.includeCost ? { usage: { include: true } } : {}),
  }
  const body = { ...extensionsOf(request, written), ...written }
  return { method: 'POST', path: quirks.path ?? '/chat/completions', headers: {}, body }
}

function partOptions(quirks: OpenAiQuirks, target: AdapterTarget): PartOptions {
  const { cacheMarks } = quirks
  return cacheMarks?.models.test(target.upstreamModel) === true
    ? { cacheMarks: cacheMarks.style }
    : {}
}

/** Usage is always asked for: without it an answer cannot be billed. */
function streamFields(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  if (!request.stream) return { stream: false }
  if (quirks.streamOptions === false) return { stream: true }
  // The caller's other options hold (`include_obfuscation`); usage is not theirs to turn off.
  const asked = objectOf<JsonObject>(request.extensions?.['openai-chat']?.stream_options)
  return { stream: true, stream_options: { ...asked, include_usage: true } }
}

function limitField(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  return request.maxOutputTokens === undefined
    ? {}
    : { [quirks.maxTokensField ?? 'max_tokens']: request.maxOutputTokens }
}

function sampling(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  const { sampling } = request
  return known(quirks, [
    ['temperature', 'temperature', sampling.temperature],
    ['topP', 'top_p', sampling.topP],
    ['topK', 'top_k', sampling.topK],
    ['minP', 'min_p', sampling.minP],
    ['frequencyPenalty', 'frequency_penalty', sampling.frequencyPenalty],
    ['presencePenalty', 'presence_penalty', sampling.presencePenalty],
    ['repetitionPenalty', 'repetition_penalty', sampling.repetitionPenalty],
    ['seed', 'seed', sampling.seed],
    ['logitBias', 'logit_bias', sampling.logitBias],
    ['logprobs', 'logprobs', sampling.logprobs],
    ['logprobs', 'top_logprobs', sampling.topLogprobs],
    ['n', 'n', sampling.n],
    ['stop', 'stop', request.stop],
  ])
}

function responseFormat(quirks: OpenAiQuirks, format: ResponseFormat | undefined): JsonObject {
  switch (format?.type) {
    case undefined:
      return {}
    case 'text':
      return quirks.features.has('jsonMode') ? { response_format: { type: 'text' } } : {}
    case 'json':
      return quirks.features.has('jsonMode') ? { response_format: { type: 'json_object' } } : {}
    case 'jsonSchema': {
      if (!quirks.features.has('jsonSchema')) return responseFormat(quirks, { type: 'json' })
      const { name, schema, description, strict } = format
      return {
        response_format: {
          type: 'json_schema',
          json_schema: {
            name,
            schema,
            ...(description === undefined ? {} : { description }),
            ...(strict === undefined ? {} : { strict }),
          },
        },
      }
    }
  }
}

function modalities(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  const wanted = request.outputModalities
  const canSpeak = quirks.features.has('audioOutput')
  if (!canSpeak && !quirks.features.has('imageOutput')) return {}
  return {
    ...(wanted === undefined ? {} : { modalities: wanted }),
    ...(request.audioOutput === undefined || !canSpeak ? {} : { audio: request.audioOutput }),
  }
}

function accounting(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  return known(quirks, [
    ['userId', 'user', request.userId],
    ['metadata', 'metadata', request.metadata],
    ['serviceTier', 'service_tier', request.serviceTier],
    ['promptCacheKey', 'prompt_cache_key', request.promptCacheKey],
    ['verbosity', 'verbosity', request.verbosity],
  ])
}

/** The fields that are given and that the vendor knows. */
function known(
  quirks: OpenAiQuirks,
  fields: readonly (readonly [feature: Feature, name: string, value: unknown])[],
): JsonObject {
  return Object.fromEntries(
    fields.flatMap(([feature, name, value]) =>
      value === undefined || !quirks.features.has(feature) ? [] : [[name, value]],
    ),
  )
}

function extensionsOf(request: CanonicalRequest, written: JsonObject): JsonObject {
  const extensions = request.extensions?.['openai-chat'] ?? {}
  return Object.fromEntries(
    Object.entries(extensions).filter(
      ([name]) => !reserved.has(name) && !Object.hasOwn(written, name),
    ),
  )
}
