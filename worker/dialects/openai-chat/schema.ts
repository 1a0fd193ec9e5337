import * as z from 'zod'
import { jsonObject } from '../shared/json-object.ts'
import { preferenceFields } from '../shared/preferences.ts'
import { refuseTogether } from '../shared/read-body.ts'
import { messageSchema, textPart } from './schema-messages.ts'
import {
  choiceFault,
  functionNameChoice,
  functionSchema,
  toolChoiceSchema,
  toolSchema,
} from './schema-tools.ts'

/**
 * Bodies of `POST /v1/chat/completions`, after `CreateChatCompletionRequest` of
 * OpenAI's OpenAPI document 2.3.0 with its documented ranges, widened by what
 * clients of OpenRouter, Groq, DeepSeek and Alibaba send in the same wire
 * format. Objects are open: what is not named here is an extension or is
 * reported as ignored. `null` means absent, as it does at OpenAI.
 */
function build() {
  return z
    .looseObject({
      model: z.string().min(1).max(512),
      messages: z.array(messageSchema()).min(1),
      ...samplingFields(),
      ...outputFields(),
      ...toolFields(),
      ...reasoningFields(),
      ...callerFields(),
      ...ownWireFields(),
      ...preferenceFields(),
    })
    .superRefine((body, context) => {
      const { max_tokens: old, max_completion_tokens: current } = body
      if (isGiven(old) && isGiven(current) && old !== current)
        refuse(context, ['max_tokens'], 'must not differ from max_completion_tokens')
      const effort = body.reasoning?.effort
      if (isGiven(effort) && isGiven(body.reasoning_effort) && effort !== body.reasoning_effort)
        refuse(context, ['reasoning', 'effort'], 'must not differ from reasoning_effort')
      const field = isGiven(body.tool_choice) ? 'tool_choice' : 'function_call'
      const fault = choiceFault(body.tool_choice, body.function_call, body)
      if (fault !== null) refuseTogether(context, [field], fault)
    })
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function refuse(
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
  path: string[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path, message })
}

/** Integers that clients may send beyond 2^53 (OpenAI's seed is an int64). */
function anyInteger() {
  return z.number().refine(Number.isInteger, 'must be an integer')
}

function range(least: number, most: number) {
  return z.number().min(least).max(most).nullish()
}

function tokens() {
  return z.int().min(1).nullish()
}

function samplingFields() {
  return {
    temperature: range(0, 2),
    top_p: range(0, 1),
    top_k: z.int().min(0).nullish(),
    min_p: range(0, 1),
    frequency_penalty: range(-2, 2),
    presence_penalty: range(-2, 2),
    repetition_penalty: range(0, 2),
    seed: anyInteger().nullish(),
    logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(20).nullish(),
    n: z.int().min(1).max(128).nullish(),
  }
}

function outputFields() {
  return {
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    stop: z.union([z.string(), z.array(z.string()).min(1).max(4)]).nullish(),
    max_tokens: tokens(),
    max_completion_tokens: tokens(),
    modalities: z.array(z.enum(['text', 'audio', 'image'])).nullish(),
    audio: z
      .looseObject({
        voice: z.union([z.string(), z.looseObject({ id: z.string() })]),
        format: z.enum(['wav', 'aac', 'mp3', 'flac', 'opus', 'pcm16']),
      })
      .nullish(),
    verbosity: z.enum(['low', 'medium', 'high']).nullish(),
    response_format: responseFormat().nullish(),
  }
}

function responseFormat() {
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('text') }),
    z.looseObject({ type: z.literal('json_object') }),
    z.looseObject({
      type: z.literal('json_schema'),
      json_schema: z.looseObject({
        // Required at OpenAI, left out by clients of Perplexity (corpus perplexity/chat/*structured*).
        name: z.string().min(1).max(64).nullish(),
        description: z.string().nullish(),
        schema: jsonObject().nullish(),
        strict: z.boolean().nullish(),
      }),
    }),
  ])
}

function toolFields() {
  return {
    tools: z.array(toolSchema()).nullish(),
    tool_choice: toolChoiceSchema().nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    functions: z.array(functionSchema()).min(1).max(128).nullish(),
    function_call: z.union([z.enum(['none', 'auto']), functionNameChoice()]).nullish(),
  }
}

function reasoningFields() {
  // `default` is Groq's word for its Qwen models.
  const effort = () =>
    z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'default']).nullish()
  return {
    reasoning_effort: effort(),
    reasoning: z
      .looseObject({
        effort: effort(),
        max_tokens: z.int().min(0).nullish(),
        exclude: z.boolean().nullish(),
        enabled: z.boolean().nullish(),
      })
      .nullish(),
    include_reasoning: z.boolean().nullish(),
    thinking: z
      .looseObject({
        type: z.enum(['enabled', 'disabled', 'adaptive', 'auto']),
        budget_tokens: z.int().min(0).nullish(),
      })
      .nullish(),
    enable_thinking: z.boolean().nullish(),
    thinking_budget: z.int().min(0).nullish(),
  }
}

/** Documented limits of `metadata`: 16 pairs, keys of 64 and values of 512 characters. */
function metadata() {
  return z
    .record(z.string(), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 16, 'must have at most 16 pairs')
    .refine(
      (pairs) => Object.keys(pairs).every((key) => key.length <= 64),
      'must have keys of at most 64 characters',
    )
}

function callerFields() {
  return {
    user: z.string().nullish(),
    safety_identifier: z.string().max(64).nullish(),
    metadata: metadata().nullish(),
    // The last two are Groq's.
    service_tier: z
      .enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'on_demand', 'performance'])
      .nullish(),
    prompt_cache_key: z.string().nullish(),
  }
}

/** Documented fields without a canonical counterpart: checked here, carried as extensions. */
function ownWireFields() {
  return {
    store: z.boolean().nullish(),
    prediction: z
      .looseObject({
        type: z.literal('content'),
        content: z.union([z.string(), z.array(textPart()).min(1)]),
      })
      .nullish(),
    prompt_cache_retention: z.enum(['in_memory', '24h']).nullish(),
    prompt_cache_options: z
      .looseObject({ mode: z.enum(['implicit', 'explicit']).nullish() })
      .nullish(),
    web_search_options: z
      .looseObject({ search_context_size: z.enum(['low', 'medium', 'high']).nullish() })
      .nullish(),
    moderation: jsonObject().nullish(),
  }
}

let schema: ReturnType<typeof build> | undefined

/** Built at the first request: building costs some milliseconds that start-up does not have to pay. */
export function chatRequestSchema(): ReturnType<typeof build> {
  return (schema ??= build())
}

export type ChatBody = z.output<ReturnType<typeof build>>
