import type { CanonicalRequest, JsonObject } from '../../canonical/request.ts'
import { noHeaders, type AdapterTarget, type UpstreamCall } from '../adapter.ts'
import { Departures, type Leave, outputLimitOf } from '../departures.ts'
import { describedSchema } from '../described-schema.ts'
import { objectOf, present, without } from '../json-values.ts'
import { contentsOf, systemInstructionOf } from './contents.ts'
import { isThirdGeneration, thinkingChange, thinkingConfig } from './thinking.ts'
import { toolConfigOf, toolsOf } from './tools.ts'

/** Settings that a caller's extensions never make: they decide how much is billed. */
const billed: readonly string[] = ['candidateCount', 'maxOutputTokens']

/** The call of `generateContent`, or of its streaming form. */
export function encodeRequest(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const method = request.stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
  const departures = new Departures()
  const body = bodyOf(request, target, departures)
  return { ...callOf(target, method, body), ...departures.listed() }
}

/**
 * The call of `countTokens`. The Gemini API counts system instruction and tools
 * only inside a `generateContentRequest`; Vertex (`options.api` is `vertex`) has
 * them beside the contents (https://ai.google.dev/api/tokens, 2026-11-20).
 */
export function encodeCountTokens(request: CanonicalRequest, target: AdapterTarget): UpstreamCall {
  const { contents, systemInstruction, tools } = bodyOf(request, target, new Departures())
  const prompt = present({ contents, systemInstruction, tools })
  const model = modelPath(target.upstreamModel).slice(1)
  const body =
    target.options['api'] === 'vertex' ? prompt : { generateContentRequest: { model, ...prompt } }
  return callOf(target, 'countTokens', body)
}

/** Reads `totalTokens`; null when there is none. */
export function decodeCountTokens(body: unknown): number | null {
  const total = objectOf(body)?.['totalTokens']
  return typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? total : null
}

function callOf(target: AdapterTarget, method: string, body: JsonObject): UpstreamCall {
  return {
    method: 'POST',
    path: `${modelPath(target.upstreamModel)}:${method}`,
    headers: noHeaders,
    body,
  }
}

/** A bare id is one of `models/`; `tunedModels/x` and `endpoints/x` name their own collection. */
function modelPath(model: string): string {
  const path = model.includes('/') ? model : `models/${model}`
  return `/${path.split('/').map(encodeURIComponent).join('/')}`
}

function bodyOf(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): JsonObject {
  const extensions = without(request.extensions?.gemini, ['model', 'contents', 'generationConfig'])
  const generationConfig = generationConfigOf(request, target, departures)
  return present({
    ...extensions,
    systemInstruction: systemInstructionOf(request.messages, departures),
    contents: contentsOf(request.messages, isThirdGeneration(target.upstreamModel), departures),
    tools: toolsOf(request),
    toolConfig: toolConfigOf(request, extensions['toolConfig']),
    serviceTier: serviceTierOf(request, departures.leave) ?? extensions['serviceTier'],
    generationConfig: Object.keys(generationConfig).length === 0 ? undefined : generationConfig,
  })
}

function generationConfigOf(
  request: CanonicalRequest,
  target: AdapterTarget,
  departures: Departures,
): JsonObject {
  const own = without(objectOf(request.extensions?.gemini?.['generationConfig']), billed)
  const { sampling, outputModalities } = request
  const thinking = thinkingConfig(request.reasoning, target)
  const said = thinkingChange(request.reasoning, thinking)
  if (said !== undefined) departures.change('reasoning', said)
  const ownThinking = objectOf(own['thinkingConfig'])
  return present({
    ...own,
    ...present({
      temperature: sampling.temperature,
      topP: sampling.topP,
      topK: sampling.topK,
      seed: sampling.seed,
      presencePenalty: sampling.presencePenalty,
      frequencyPenalty: sampling.frequencyPenalty,
      candidateCount: sampling.n,
      responseLogprobs: sampling.logprobs,
      logprobs: sampling.topLogprobs,
      stopSequences: request.stop,
      maxOutputTokens: outputLimitOf(request, target, departures),
      responseModalities: outputModalities?.map((modality) => modality.toUpperCase()),
      speechConfig: speechOf(request.audioOutput, departures),
      ...formatOf(request),
    }),
    thinkingConfig: thinking === undefined ? ownThinking : { ...ownThinking, ...thinking },
  })
}

/** Google's words for the tiers of others; the plain one has three names. */
const tiers: Readonly<Record<string, string>> = {
  default: 'standard',
  standard_only: 'standard',
  on_demand: 'standard',
  standard: 'standard',
  flex: 'flex',
  priority: 'priority',
}

/** `flex`, `priority` or `standard` (`@ai-sdk/google` 4.0.121, read 2026-11-26); `auto` is what leaving it out means. */
function serviceTierOf({ serviceTier }: CanonicalRequest, leave: Leave): string | undefined {
  if (serviceTier === undefined || serviceTier === 'auto') return undefined
  const tier = tiers[serviceTier]
  if (tier === undefined) leave('serviceTier')
  return tier
}

/** OpenAI's `audio.voice` names a prebuilt voice; the sound itself comes as PCM, whatever format is asked for. */
function speechOf(
  audioOutput: JsonObject | undefined,
  departures: Departures,
): JsonObject | undefined {
  const voiceName = audioOutput?.['voice']
  const isOtherVoice = voiceName !== undefined && typeof voiceName !== 'string'
  const isOtherFormat = ![undefined, 'pcm16'].includes(
    audioOutput?.['format'] as string | undefined,
  )
  if (isOtherVoice || isOtherFormat)
    departures.change(
      'audioSettings',
      `audio in Google's own ${isOtherVoice ? 'voice and format' : 'format'}`,
    )
  return typeof voiceName === 'string'
    ? { voiceConfig: { prebuiltVoiceConfig: { voiceName } } }
    : undefined
}

function formatOf({ responseFormat }: CanonicalRequest): JsonObject {
  switch (responseFormat?.type) {
    case 'json':
      return { responseMimeType: 'application/json' }
    case 'jsonSchema':
      return {
        responseMimeType: 'application/json',
        responseJsonSchema: describedSchema(responseFormat),
      }
    case 'text':
    case undefined:
      return {}
  }
}
