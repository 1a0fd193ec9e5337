import * as z from 'zod'
import { isMediaUrl, mediaUrlRule } from '../shared/data-url.ts'

/** `cache_control`, as OpenRouter's and LiteLLM's clients put it on parts, messages and tools. */
export function cacheControl() {
  return z
    .looseObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).nullish() })
    .nullish()
}

function cacheFields() {
  return {
    cache_control: cacheControl(),
    prompt_cache_breakpoint: z.looseObject({ mode: z.literal('explicit') }).nullish(),
  }
}

function mediaUrl() {
  return z.string().refine(isMediaUrl, mediaUrlRule)
}

export function textPart() {
  return z.looseObject({ type: z.literal('text'), text: z.string(), ...cacheFields() })
}

function imagePart() {
  const image = z.looseObject({
    url: mediaUrl(),
    detail: z.enum(['auto', 'low', 'high']).nullish(),
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
    input_audio: z.looseObject({ data: z.string().min(1), format }),
    ...cacheFields(),
  })
}

function filePart() {
  const file = z
    .looseObject({
      filename: z.string().nullish(),
      file_data: z.string().min(1).nullish(),
      file_id: z.string().min(1).nullish(),
    })
    .refine((file) => Boolean(file.file_data) !== Boolean(file.file_id), {
      message: 'must hold either file_data or file_id',
    })
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

function content<Part extends z.ZodType>(part: Part) {
  return z.union([z.string(), z.array(part).min(1)])
}

function calledFunction() {
  return z.looseObject({ name: z.string().min(1), arguments: z.string() })
}

function toolCall() {
  const common = {
    id: z.string().min(1),
    cache_control: cacheControl(),
    /** Where Google's OpenAI-compatible API keeps the signature of a thought that led to a call. */
    extra_content: z
      .looseObject({ google: z.looseObject({ thought_signature: z.string().nullish() }).nullish() })
      .nullish(),
  }
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('function'), function: calledFunction(), ...common }),
    z.looseObject({
      type: z.literal('custom'),
      custom: z.looseObject({ name: z.string().min(1), input: z.string() }),
      ...common,
    }),
  ])
}

export type ToolCallPart = z.output<ReturnType<typeof toolCall>>

function reasoningDetail() {
  return z.looseObject({
    type: z.string().min(1),
    text: z.string().nullish(),
    summary: z.string().nullish(),
    data: z.string().nullish(),
    signature: z.string().nullish(),
    format: z.string().nullish(),
    index: z.number().nullish(),
  })
}

export type ReasoningDetail = z.output<ReturnType<typeof reasoningDetail>>

function assistantMessage() {
  return z.looseObject({
    role: z.literal('assistant'),
    content: content(assistantPart()).nullish(),
    refusal: z.string().nullish(),
    name: z.string().nullish(),
    audio: z.looseObject({ id: z.string().min(1) }).nullish(),
    tool_calls: z.array(toolCall()).nullish(),
    function_call: calledFunction().nullish(),
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
    reasoning_details: z.array(reasoningDetail()).nullish(),
    cache_control: cacheControl(),
  })
}

export type AssistantMessage = z.output<ReturnType<typeof assistantMessage>>

export function messageSchema() {
  const name = z.string().nullish()
  const cache_control = cacheControl()
  const instructions = content(textPart())
  return z.discriminatedUnion('role', [
    z.looseObject({ role: z.literal('user'), content: content(userPart()), name, cache_control }),
    assistantMessage(),
    z.looseObject({
      role: z.literal('tool'),
      content: content(userPart()),
      tool_call_id: z.string().min(1),
      name,
      cache_control,
    }),
    z.looseObject({ role: z.literal('system'), content: instructions, name, cache_control }),
    z.looseObject({ role: z.literal('developer'), content: instructions, name, cache_control }),
    z.looseObject({
      role: z.literal('function'),
      content: z.string().nullable(),
      name: z.string().min(1),
    }),
  ])
}

export type ChatMessage = z.output<ReturnType<typeof messageSchema>>
