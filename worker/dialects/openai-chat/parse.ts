import type {
  CanonicalRequest,
  JsonObject,
  ReasoningRequest,
  ResponseFormat,
  Sampling,
} from '../../canonical/request.ts'
import type { Parsed } from '../dialect.ts'
import { compact } from '../shared/compact.ts'
import { readExtensions } from '../shared/extensions.ts'
import { BodyNotes } from '../shared/body-notes.ts'
import { readPreferences, withModel } from '../shared/preferences.ts'
import { readBody } from '../shared/read-body.ts'
import { readMessages } from './parse-messages.ts'
import { parsePlain } from './parse-plain.ts'
import { readTools, readToolChoice } from './parse-tools.ts'
import { type ChatBody, chatRequestSchema } from './schema.ts'

/** Fields that the canonical request holds itself. */
const knownFields = new Set([
  'model',
  'messages',
  'models',
  'provider',
  'usage',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'frequency_penalty',
  'presence_penalty',
  'repetition_penalty',
  'seed',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'n',
  'stream',
  'stream_options',
  'stop',
  'max_tokens',
  'max_completion_tokens',
  'modalities',
  'audio',
  'verbosity',
  'response_format',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'reasoning_effort',
  'reasoning',
  'include_reasoning',
  'thinking',
  'enable_thinking',
  'thinking_budget',
  'user',
  'metadata',
  'service_tier',
  'prompt_cache_key',
])

/** Those of them in which a client of another gateway might name a destination. */
const settings = new Set(['provider', 'usage', 'stream_options', 'reasoning', 'thinking', 'audio'])

const streamOptions = new Set(['include_usage'])
const usageFields = new Set(['include'])
const reasoningFields = new Set(['effort', 'max_tokens', 'exclude', 'enabled'])
const thinkingFields = new Set(['type', 'budget_tokens'])

/** Reads a body of `POST /v1/chat/completions`. */
export function parse(body: unknown): Parsed<CanonicalRequest> {
  const plain = parsePlain(body)
  return plain === null ? parseBySchema(body) : { ok: true, value: plain }
}

/** Reads any body, and says what is wrong with it. */
export function parseBySchema(body: unknown): Parsed<CanonicalRequest> {
  const read = readBody(chatRequestSchema(), withModel(body))
  if (!read.ok) return read
  const notes = new BodyNotes()
  // The body itself, not the schema's copy: the copy leaves `__proto__` out.
  const extensions = readExtensions(body as JsonObject, knownFields, settings, notes)
  if (!extensions.ok) return extensions
  return { ok: true, value: canonical(read.value, extensions.fields, notes) }
}

function canonical(
  body: ChatBody,
  extensions: JsonObject | undefined,
  notes: BodyNotes,
): CanonicalRequest {
  const includeCost = body.usage?.include === true
  noteSettings(body, notes)
  nameSettings(body, notes)
  const legacyFunctions = (body.functions ?? []).length > 0
  const fields = {
    model: body.model,
    models: body.models,
    provider: readPreferences(body.provider, notes),
    // Before the messages, so that tools are named by their own field.
    tools: readTools(body, notes),
    messages: readMessages(body.messages, notes),
    toolChoice: readToolChoice(body, notes),
    // A `function_call` is one call, so more than one could not be told.
    parallelToolCalls: legacyFunctions ? false : body.parallel_tool_calls,
    responseFormat: responseFormat(body.response_format),
    sampling: sampling(body),
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    maxOutputTokens: body.max_completion_tokens ?? body.max_tokens,
    reasoning: reasoning(body),
    outputModalities: body.modalities,
    audioOutput: body.audio,
    userId: body.user,
    metadata: body.metadata,
    serviceTier: body.service_tier,
    promptCacheKey: body.prompt_cache_key,
    verbosity: body.verbosity,
    stream: body.stream === true,
    // OpenRouter's accounting is usage with the cost in it.
    includeUsage: includeCost || body.stream_options?.include_usage === true,
    includeCost,
    legacyFunctions: legacyFunctions ? true : undefined,
    extensions: extensions === undefined ? undefined : { 'openai-chat': extensions },
  }
  return compact<CanonicalRequest>({
    ...fields,
    ignored: notes.ignored(),
    fields: notes.fields(),
  })
}

function noteSettings(body: ChatBody, notes: BodyNotes): void {
  if (body.stream_options) notes.note(body.stream_options, streamOptions, 'stream_options')
  if (body.usage) notes.note(body.usage, usageFields, 'usage')
  if (body.reasoning) notes.note(body.reasoning, reasoningFields, 'reasoning')
  if (body.thinking) notes.note(body.thinking, thinkingFields, 'thinking')
}

/** Settings that this wire format has several names for, by the one that was used. */
function nameSettings(body: ChatBody, notes: BodyNotes): void {
  if (isGiven(body.max_completion_tokens)) notes.name('maxOutputTokens', 'max_completion_tokens')
  if ((body.functions ?? []).length > 0) notes.name('singleToolCall', 'functions')
  const thinking = reasoningNames.find((name) => isGiven(body[name]))
  if (thinking !== undefined && thinking !== 'reasoning_effort') notes.name('reasoning', thinking)
  if (isGiven(body.reasoning?.exclude)) notes.name('hiddenReasoning', 'reasoning', 'exclude')
  else if (isGiven(body.include_reasoning)) notes.name('hiddenReasoning', 'include_reasoning')
}

const reasoningNames = [
  'reasoning_effort',
  'reasoning',
  'thinking',
  'enable_thinking',
  'thinking_budget',
] as const

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function sampling(body: ChatBody): Sampling {
  return compact<Sampling>({
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    repetitionPenalty: body.repetition_penalty,
    seed: body.seed,
    logitBias: body.logit_bias,
    logprobs: body.logprobs,
    topLogprobs: body.top_logprobs,
    n: body.n,
  })
}

function responseFormat(field: ChatBody['response_format']): ResponseFormat | undefined {
  switch (field?.type) {
    case undefined:
      return undefined
    case 'text':
      return { type: 'text' }
    case 'json_object':
      return { type: 'json' }
    case 'json_schema': {
      const { name, schema, description, strict } = field.json_schema
      return compact<Extract<ResponseFormat, { type: 'jsonSchema' }>>({
        type: 'jsonSchema',
        name: name ?? 'response',
        schema: schema ?? {},
        description,
        strict,
      })
    }
  }
}

/**
 * Every way of asking for thinking in this wire format: OpenAI's
 * `reasoning_effort`, OpenRouter's `reasoning` and `include_reasoning`,
 * `thinking` (DeepSeek, z.ai, Moonshot, LiteLLM's clients), Alibaba's
 * `enable_thinking` and `thinking_budget`.
 */
function reasoning(body: ChatBody): ReasoningRequest | undefined {
  const { reasoning: object, thinking } = body
  const include = body.include_reasoning
  const effort = body.reasoning_effort ?? object?.effort
  const request = compact<ReasoningRequest>({
    effort,
    effortAsksToThink: typeof effort === 'string' && effort !== 'none' ? true : undefined,
    budgetTokens: object?.max_tokens ?? thinking?.budget_tokens ?? body.thinking_budget,
    adaptive: thinking?.type === 'adaptive' || thinking?.type === 'auto' ? true : undefined,
    enabled: object?.enabled ?? enabledBy(thinking?.type) ?? body.enable_thinking,
    hidden: object?.exclude ?? (typeof include === 'boolean' ? !include : undefined),
  })
  return Object.keys(request).length === 0 ? undefined : request
}

function enabledBy(type: string | undefined): boolean | undefined {
  return type === undefined ? undefined : type !== 'disabled'
}
