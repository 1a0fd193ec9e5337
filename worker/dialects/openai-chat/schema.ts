import * as z from 'zod/mini'
import { jsonObject } from '../shared/json-object.ts'
import { dictionary, list } from '../shared/list.ts'
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
      model: z.string().check(z.minLength(1), z.maxLength(512)),
      messages: list(messageSchema()).check(z.minLength(1)),
      ...samplingFields(),
      ...outputFields(),
      ...toolFields(),
      ...reasoningFields(),
      ...callerFields(),
      ...ownWireFields(),
      ...preferenceFields(),
    })
    .check(
      z.superRefine((body, context) => {
        const { max_tokens: old, max_completion_tokens: current } = body
        if (isGiven(old) && isGiven(current) && old !== current)
          refuse(context, ['max_tokens'], 'must not differ from max_completion_tokens')
        const effort = body.reasoning?.effort
        if (isGiven(effort) && isGiven(body.reasoning_effort) && effort !== body.reasoning_effort)
          refuse(context, ['reasoning', 'effort'], 'must not differ from reasoning_effort')
        const field = isGiven(body.tool_choice) ? 'tool_choice' : 'function_call'
        const fault = choiceFault(body.tool_choice, body.function_call, body)
        if (fault !== null) refuseTogether(context, [field], fault)
      }),
    )
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
  return z.number().check(z.refine(Number.isInteger, 'must be an integer'))
}

function range(least: number, most: number) {
  return z.nullish(z.number().check(z.minimum(least), z.maximum(most)))
}

function tokens() {
  return z.nullish(z.int().check(z.minimum(1)))
}

function samplingFields() {
  return {
    temperature: range(0, 2),
    top_p: range(0, 1),
    top_k: z.nullish(z.int().check(z.minimum(0))),
    min_p: range(0, 1),
    frequency_penalty: range(-2, 2),
    presence_penalty: range(-2, 2),
    repetition_penalty: range(0, 2),
    seed: z.nullish(anyInteger()),
    logit_bias: z.nullish(dictionary(z.number().check(z.minimum(-100), z.maximum(100)))),
    logprobs: z.nullish(z.boolean()),
    top_logprobs: z.nullish(z.int().check(z.minimum(0), z.maximum(20))),
    n: z.nullish(z.int().check(z.minimum(1), z.maximum(128))),
  }
}

function outputFields() {
  return {
    stream: z.nullish(z.boolean()),
    stream_options: z.nullish(z.looseObject({ include_usage: z.nullish(z.boolean()) })),
    stop: z.nullish(z.union([z.string(), list(z.string()).check(z.minLength(1), z.maxLength(4))])),
    max_tokens: tokens(),
    max_completion_tokens: tokens(),
    modalities: z.nullish(list(z.enum(['text', 'audio', 'image']))),
    audio: z.nullish(
      z.looseObject({
        voice: z.union([z.string(), z.looseObject({ id: z.string() })]),
        format: z.enum(['wav', 'aac', 'mp3', 'flac', 'opus', 'pcm16']),
      }),
    ),
    verbosity: z.nullish(z.enum(['low', 'medium', 'high'])),
    response_format: z.nullish(responseFormat()),
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
        name: z.nullish(z.string().check(z.minLength(1), z.maxLength(64))),
        description: z.nullish(z.string()),
        schema: z.nullish(jsonObject()),
        strict: z.nullish(z.boolean()),
      }),
    }),
  ])
}

function toolFields() {
  return {
    tools: z.nullish(list(toolSchema())),
    tool_choice: z.nullish(toolChoiceSchema()),
    parallel_tool_calls: z.nullish(z.boolean()),
    functions: z.nullish(list(functionSchema()).check(z.minLength(1), z.maxLength(128))),
    function_call: z.nullish(z.union([z.enum(['none', 'auto']), functionNameChoice()])),
  }
}

function reasoningFields() {
  // `default` is Groq's word for its Qwen models.
  const effort = () =>
    z.nullish(z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max', 'default']))
  return {
    reasoning_effort: effort(),
    reasoning: z.nullish(
      z.looseObject({
        effort: effort(),
        max_tokens: z.nullish(z.int().check(z.minimum(0))),
        exclude: z.nullish(z.boolean()),
        enabled: z.nullish(z.boolean()),
      }),
    ),
    include_reasoning: z.nullish(z.boolean()),
    thinking: z.nullish(
      z.looseObject({
        type: z.enum(['enabled', 'disabled', 'adaptive', 'auto']),
        budget_tokens: z.nullish(z.int().check(z.minimum(0))),
      }),
    ),
    enable_thinking: z.nullish(z.boolean()),
    thinking_budget: z.nullish(z.int().check(z.minimum(0))),
  }
}

/** Documented limits of `metadata`: 16 pairs, keys of 64 and values of 512 characters. */
function metadata() {
  return dictionary(z.string().check(z.maxLength(512))).check(
    z.refine((pairs) => Object.keys(pairs).length <= 16, 'must have at most 16 pairs'),
    z.refine(
      (pairs) => Object.keys(pairs).every((key) => key.length <= 64),
      'must have keys of at most 64 characters',
    ),
  )
}

function callerFields() {
  return {
    user: z.nullish(z.string()),
    safety_identifier: z.nullish(z.string().check(z.maxLength(64))),
    metadata: z.nullish(metadata()),
    // The last two are Groq's.
    service_tier: z.nullish(
      z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast', 'on_demand', 'performance']),
    ),
    prompt_cache_key: z.nullish(z.string()),
  }
}

/** Documented fields without a canonical counterpart: checked here, carried as extensions. */
function ownWireFields() {
  return {
    store: z.nullish(z.boolean()),
    prediction: z.nullish(
      z.looseObject({
        type: z.literal('content'),
        content: z.union([z.string(), list(textPart()).check(z.minLength(1))]),
      }),
    ),
    prompt_cache_retention: z.nullish(z.enum(['in_memory', '24h'])),
    prompt_cache_options: z.nullish(
      z.looseObject({ mode: z.nullish(z.enum(['implicit', 'explicit'])) }),
    ),
    web_search_options: z.nullish(
      z.looseObject({ search_context_size: z.nullish(z.enum(['low', 'medium', 'high'])) }),
    ),
    moderation: z.nullish(jsonObject()),
  }
}

let schema: ReturnType<typeof build> | undefined

/** Built at the first request: building costs some milliseconds that start-up does not have to pay. */
export function chatRequestSchema(): ReturnType<typeof build> {
  return (schema ??= build())
}

export type ChatBody = z.output<ReturnType<typeof build>>
