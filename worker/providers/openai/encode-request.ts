import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, JsonObject, ResponseFormat } from '../../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from '../adapter.ts'
import { Departures, outputLimitOf } from '../departures.ts'
import { encodeMessages } from './encode-messages.ts'
import type { PartOptions } from './encode-parts.ts'
import { encodeReasoning } from './encode-reasoning.ts'
import { encodeTools } from './encode-tools.ts'
import { gptLacks, gptSamples } from './gpt-models.ts'
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
  const departures = new Departures()
  const options = partOptions(quirks, target, departures)
  const written: JsonObject = {
    model: target.upstreamModel,
    messages: encodeMessages(request.messages, { quirks, ...options }),
    ...streamFields(quirks, request),
    ...limitField(quirks, outputLimitOf(request, target, departures)),
    ...sampling(quirks, request, target, departures),
    ...encodeTools(request, quirks, options),
    ...responseFormat(quirks, request.responseFormat),
    ...encodeReasoning(request, target, quirks, departures),
    ...modalities(quirks, request),
    ...accounting(quirks, request),
    ...(quirks.usageInclude === true && request.includeCost ? { usage: { include: true } } : {}),
  }
  const body = { ...extensionsOf(request, written), ...written }
  const path = quirks.path ?? '/chat/completions'
  return { method: 'POST', path, headers: {}, body, ...departures.listed() }
}

function partOptions(
  quirks: OpenAiQuirks,
  target: AdapterTarget,
  departures: Departures,
): PartOptions {
  const { cacheMarks } = quirks
  return cacheMarks?.models.test(target.upstreamModel) === true
    ? { cacheMarks: cacheMarks.style, departures }
    : { departures }
}

/** What the vendor's wire has a word for and this model refuses. */
export function lacksOf(quirks: OpenAiQuirks, { upstreamModel }: AdapterTarget): Feature[] {
  const { cacheMarks, servesGpt, modelLacks = [] } = quirks
  return [
    ...(cacheMarks?.models.test(upstreamModel) === false ? (['cacheMarks'] as const) : []),
    ...(servesGpt === true ? gptLacks(upstreamModel) : []),
    ...modelLacks.flatMap(({ models, lacks }) => (models.test(upstreamModel) ? lacks : [])),
  ]
}

/** Usage is always asked for: without it an answer cannot be billed. */
function streamFields(quirks: OpenAiQuirks, request: CanonicalRequest): JsonObject {
  if (!request.stream) return { stream: false }
  if (quirks.streamOptions === false) return { stream: true }
  // The caller's other options hold (`include_obfuscation`); usage is not theirs to turn off.
  const asked = objectOf<JsonObject>(request.extensions?.['openai-chat']?.stream_options)
  return { stream: true, stream_options: { ...asked, include_usage: true } }
}

function limitField(quirks: OpenAiQuirks, limit: number | undefined): JsonObject {
  return limit === undefined ? {} : { [quirks.maxTokensField ?? 'max_tokens']: limit }
}

function sampling(
  quirks: OpenAiQuirks,
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): JsonObject {
  const { sampling } = request
  const lacks = lacksOf(quirks, target)
  const isFree = quirks.servesGpt !== true || gptSamples(target.upstreamModel, request)
  // 1 is the default of both, and the one value that every model takes: leaving it out changes nothing.
  const whereFree = (feature: Feature, value: number | undefined) => {
    if (isFree) return value
    if (value !== undefined && value !== 1) departures.leave(feature)
    return undefined
  }
  return known(
    quirks,
    [
      ['temperature', 'temperature', whereFree('temperature', sampling.temperature)],
      ['topP', 'top_p', whereFree('topP', sampling.topP)],
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
    ],
    lacks,
  )
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
  const { serviceTier } = request
  const tier = serviceTier === 'standard_only' ? (quirks.standardTier ?? 'default') : serviceTier
  return known(quirks, [
    ['userId', 'user', request.userId],
    ['metadata', 'metadata', request.metadata],
    ['serviceTier', 'service_tier', tier],
    ['promptCacheKey', 'prompt_cache_key', request.promptCacheKey],
    ['verbosity', 'verbosity', request.verbosity],
  ])
}

/** The fields that are given and that the vendor, and the model, knows. */
function known(
  quirks: OpenAiQuirks,
  fields: readonly (readonly [feature: Feature, name: string, value: unknown])[],
  lacks: readonly Feature[] = [],
): JsonObject {
  const written: Record<string, unknown> = {}
  for (const [feature, name, value] of fields) {
    if (value === undefined || !quirks.features.has(feature) || lacks.includes(feature)) continue
    written[name] = value
  }
  return written as JsonObject
}

function extensionsOf(request: CanonicalRequest, written: JsonObject): JsonObject {
  const extensions = request.extensions?.['openai-chat']
  if (extensions === undefined) return {}
  return Object.fromEntries(
    Object.entries(extensions).filter(
      ([name]) => !reserved.has(name) && !Object.hasOwn(written, name),
    ),
  )
}
