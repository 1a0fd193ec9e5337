import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, JsonObject, ResponseFormat } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
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
  // Assigned, not spread: after a spread V8 defines each property of a literal by a call into its runtime.
  const body: Body = {
    model: target.upstreamModel,
    messages: encodeMessages(request.messages, {
      quirks,
      maxToolCallIdLength: idLengthOf(quirks, target),
      ...options,
    }),
    stream: request.stream,
  }
  writeStreamOptions(body, quirks, request)
  const limit = outputLimitOf(request, target, departures)
  if (limit !== undefined) body[quirks.maxTokensField ?? 'max_tokens'] = limit
  writeSampling(body, quirks, request, target, departures)
  if (request.tools !== undefined) Object.assign(body, encodeTools(request, quirks, options))
  if (request.responseFormat !== undefined)
    Object.assign(body, responseFormat(quirks, request.responseFormat))
  if (request.reasoning !== undefined)
    Object.assign(body, encodeReasoning(request, target, quirks, departures))
  writeModalities(body, quirks, request)
  writeAccounting(body, quirks, request, departures)
  if (quirks.usageInclude === true && request.includeCost) body['usage'] = { include: true }
  const path = quirks.path ?? '/chat/completions'
  const written = withExtensions(request, body as JsonObject)
  return { method: 'POST', path, headers: noHeaders, body: written, ...departures.listed() }
}

/** A body that is being written. */
type Body = Record<string, unknown>

/** How long the id of a tool call may be for this model. */
function idLengthOf(
  { maxToolCallIdLength, shortToolCallIds }: OpenAiQuirks,
  { upstreamModel }: AdapterTarget,
): number | undefined {
  return shortToolCallIds?.test(upstreamModel) === false ? undefined : maxToolCallIdLength
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
function writeStreamOptions(body: Body, quirks: OpenAiQuirks, request: CanonicalRequest): void {
  if (!request.stream || quirks.streamOptions === false) return
  // The caller's other options hold (`include_obfuscation`); usage is not theirs to turn off.
  const asked = objectOf<JsonObject>(request.extensions?.['openai-chat']?.stream_options)
  body['stream_options'] = { ...asked, include_usage: true }
}

function writeSampling(
  body: Body,
  quirks: OpenAiQuirks,
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): void {
  const { sampling, stop } = request
  if (stop === undefined && isNothing(sampling)) return
  const lacks = lacksOf(quirks, target)
  const isFree = quirks.servesGpt !== true || gptSamples(target.upstreamModel, request)
  // 1 is the default of both, and the one value that every model takes: leaving it out changes nothing.
  const whereFree = (feature: Feature, value: number | undefined) => {
    if (isFree) return value
    if (value !== undefined && value !== 1) departures.leave(feature)
    return undefined
  }
  const write = (feature: Feature, name: string, value: unknown) => {
    if (value !== undefined && quirks.features.has(feature) && !lacks.includes(feature))
      body[name] = value
  }
  write('temperature', 'temperature', whereFree('temperature', sampling.temperature))
  write('topP', 'top_p', whereFree('topP', sampling.topP))
  write('topK', 'top_k', sampling.topK)
  write('minP', 'min_p', sampling.minP)
  write('frequencyPenalty', 'frequency_penalty', sampling.frequencyPenalty)
  write('presencePenalty', 'presence_penalty', sampling.presencePenalty)
  write('repetitionPenalty', 'repetition_penalty', sampling.repetitionPenalty)
  write('seed', 'seed', sampling.seed)
  write('logitBias', 'logit_bias', sampling.logitBias)
  write('logprobs', 'logprobs', sampling.logprobs)
  write('logprobs', 'top_logprobs', sampling.topLogprobs)
  write('n', 'n', sampling.n)
  write('stop', 'stop', stop)
}

/** Most requests ask for no sampling at all. */
function isNothing(sampling: object): boolean {
  for (const _name in sampling) return false
  return true
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

function writeModalities(body: Body, quirks: OpenAiQuirks, request: CanonicalRequest): void {
  const { outputModalities: wanted, audioOutput } = request
  if (wanted === undefined && audioOutput === undefined) return
  const canSpeak = quirks.features.has('audioOutput')
  if (!canSpeak && !quirks.features.has('imageOutput')) return
  if (wanted !== undefined) body['modalities'] = wanted
  if (audioOutput !== undefined && canSpeak) body['audio'] = audioOutput
}

function writeAccounting(
  body: Body,
  { features, standardTier, maxUserIdLength }: OpenAiQuirks,
  request: CanonicalRequest,
  departures: Departures,
): void {
  const { userId, metadata, serviceTier, promptCacheKey, verbosity } = request
  const tier = serviceTier === 'standard_only' ? (standardTier ?? 'default') : serviceTier
  if (userId !== undefined && features.has('userId')) {
    if (userId.length > (maxUserIdLength ?? Infinity)) departures.leave('userId')
    else body['user'] = userId
  }
  if (metadata !== undefined && features.has('metadata')) body['metadata'] = metadata
  if (tier !== undefined && features.has('serviceTier')) body['service_tier'] = tier
  if (promptCacheKey !== undefined && features.has('promptCacheKey'))
    body['prompt_cache_key'] = promptCacheKey
  if (verbosity !== undefined && features.has('verbosity')) body['verbosity'] = verbosity
}

/** The caller's own fields, before and under what is `written`. */
function withExtensions(request: CanonicalRequest, written: JsonObject): JsonObject {
  const extensions = request.extensions?.['openai-chat']
  if (extensions === undefined) return written
  const own = Object.entries(extensions).filter(
    ([name]) => !reserved.has(name) && !Object.hasOwn(written, name),
  )
  return { ...Object.fromEntries(own), ...written }
}
