import * as z from 'zod/mini'
import { isMediaUrl, mediaUrlRule } from '../shared/data-url.ts'
import { list } from '../shared/list.ts'

/** `cache_control`, as OpenRouter's and LiteLLM's clients put it on parts, messages and tools. */
export function cacheControl() {
  return z.nullish(
    z.looseObject({ type: z.literal('ephemeral'), ttl: z.nullish(z.enum(['5m', '1h'])) }),
  )
}

function cacheFields() {
  return {
    cache_control: cacheControl(),
    prompt_cache_breakpoint: z.nullish(z.looseObject({ mode: z.literal('explicit') })),
  }
}

function mediaUrl() {
  return z.string().check(z.refine(isMediaUrl, mediaUrlRule))
}

export function textPart() {
  return z.looseObject({ type: z.literal('text'), text: z.string(), ...cacheFields() })
}

function imagePart() {
  const image = z.looseObject({
    url: mediaUrl(),
    detail: z.nullish(z.enum(['auto', 'low', 'high'])),
  })
  return z.looseObject({
    type: z.literal('image_url'),
    // The bare string is undocumented, and taken by OpenAI (corpus openai/chat/json-image-in-*-00d571).
    image_url: z.union([mediaUrl(), image]),
    ...cacheFields(),
  })
}

function videoPart() {
  return z.looseObject({
    type: z.literal('video_url'),
    video_url: z.looseObject({ url: mediaUrl() }),
    ...cacheFields(),
  })
}

function audioPart() {
  // OpenAI documents wav and mp3, OpenRouter the others (openrouter.ai/docs "Audio", 2026-11-20).
  const format = z.enum(['wav', 'mp3', 'aiff', 'aac', 'ogg', 'flac', 'm4a', 'pcm16', 'pcm24'])
  return z.looseObject({
    type: z.literal('input_audio'),
    input_audio: z.looseObject({ data: z.string().check(z.minLength(1)), format }),
    ...cacheFields(),
  })
}

function filePart() {
  const file = z
    .looseObject({
      filename: z.nullish(z.string()),
      file_data: z.nullish(z.string().check(z.minLength(1))),
      file_id: z.nullish(z.string().check(z.minLength(1))),
    })
    .check(
      z.refine((file) => Boolean(file.file_data) !== Boolean(file.file_id), {
        message: 'must hold either file_data or file_id',
      }),
    )
  return z.looseObject({ type: z.literal('file'), file, ...cacheFields() })
}

function refusalPart() {
  return z.looseObject({ type: z.literal('refusal'), refusal: z.string() })
}

/** Any part that some role may hold; which role holds which is said by the unions below. */
type PartUnion = ReturnType<typeof userPart> | ReturnType<typeof assistantPart>
export type ContentPart = z.output<PartUnion>

function userPart() {
  return z.discriminatedUnion('type', [
    textPart(),
    imagePart(),
    audioPart(),
    filePart(),
    videoPart(),
  ])
}

function assistantPart() {
  return z.discriminatedUnion('type', [textPart(), refusalPart()])
}

function content<Part extends z.ZodMiniType>(part: Part) {
  return z.union([z.string(), list(part).check(z.minLength(1))])
}

function calledFunction() {
  return z.looseObject({ name: z.string().check(z.minLength(1)), arguments: z.string() })
}

function toolCall() {
  const common = {
    id: z.string().check(z.minLength(1)),
    cache_control: cacheControl(),
    /** Where Google's OpenAI-compatible API keeps the signature of a thought that led to a call. */
    extra_content: z.nullish(
      z.looseObject({
        google: z.nullish(z.looseObject({ thought_signature: z.nullish(z.string()) })),
      }),
    ),
  }
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('function'), function: calledFunction(), ...common }),
    z.looseObject({
      type: z.literal('custom'),
      custom: z.looseObject({ name: z.string().check(z.minLength(1)), input: z.string() }),
      ...common,
    }),
  ])
}

export type ToolCallPart = z.output<ReturnType<typeof toolCall>>

function reasoningDetail() {
  return z.looseObject({
    type: z.string().check(z.minLength(1)),
    text: z.nullish(z.string()),
    summary: z.nullish(z.string()),
    data: z.nullish(z.string()),
    signature: z.nullish(z.string()),
    format: z.nullish(z.string()),
    index: z.nullish(z.number()),
  })
}

export type ReasoningDetail = z.output<ReturnType<typeof reasoningDetail>>

function assistantMessage() {
  return z.looseObject({
    role: z.literal('assistant'),
    content: z.nullish(content(assistantPart())),
    refusal: z.nullish(z.string()),
    name: z.nullish(z.string()),
    audio: z.nullish(z.looseObject({ id: z.string().check(z.minLength(1)) })),
    tool_calls: z.nullish(list(toolCall())),
    function_call: z.nullish(calledFunction()),
    reasoning_content: z.nullish(z.string()),
    reasoning: z.nullish(z.string()),
    reasoning_details: z.nullish(list(reasoningDetail())),
    cache_control: cacheControl(),
  })
}

export type AssistantMessage = z.output<ReturnType<typeof assistantMessage>>

export function messageSchema() {
  const name = z.nullish(z.string())
  const cache_control = cacheControl()
  const instructions = content(textPart())
  return z.discriminatedUnion('role', [
    z.looseObject({ role: z.literal('user'), content: content(userPart()), name, cache_control }),
    assistantMessage(),
    z.looseObject({
      role: z.literal('tool'),
      content: content(userPart()),
      tool_call_id: z.string().check(z.minLength(1)),
      name,
      cache_control,
    }),
    z.looseObject({ role: z.literal('system'), content: instructions, name, cache_control }),
    z.looseObject({ role: z.literal('developer'), content: instructions, name, cache_control }),
    z.looseObject({
      role: z.literal('function'),
      content: z.nullable(z.string()),
      name: z.string().check(z.minLength(1)),
    }),
  ])
}

export type ChatMessage = z.output<ReturnType<typeof messageSchema>>
