import * as z from 'zod/mini'
import { jsonObject } from '../shared/json-object.ts'
import { isMediaUrl, mediaUrlRule } from '../shared/data-url.ts'
import { list } from '../shared/list.ts'

export function cacheControl() {
  return z.nullish(
    z.looseObject({ type: z.literal('ephemeral'), ttl: z.nullish(z.enum(['5m', '1h'])) }),
  )
}

/**
 * Blocks of Anthropic's own machinery (server tools and their results, search
 * results, containers, compaction): checked for their type, carried as they
 * are. Names from `ContentBlockParam` and `BetaContentBlockParam` of
 * `@anthropic-ai/sdk` 1.11.0.
 */
export const opaqueTypes = [
  'server_tool_use',
  'web_search_tool_result',
  'web_fetch_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
  'tool_search_tool_result',
  'advisor_tool_result',
  'mcp_tool_use',
  'mcp_tool_result',
  'mcp_tool_listing',
  'container_upload',
  'search_result',
  'compaction',
  'tool_addition',
  'tool_removal',
  'tool_reference',
  'browser_state',
  'fallback',
] as const

function mediaUrl() {
  return z.string().check(z.refine(isMediaUrl, mediaUrlRule))
}

function base64Source<MediaType extends z.ZodMiniType>(mediaType: MediaType) {
  return z.looseObject({
    type: z.literal('base64'),
    media_type: mediaType,
    data: z.string().check(z.minLength(1)),
  })
}

function urlSource() {
  return z.looseObject({ type: z.literal('url'), url: mediaUrl() })
}

function fileSource() {
  return z.looseObject({ type: z.literal('file'), file_id: z.string().check(z.minLength(1)) })
}

export function textBlock() {
  return z.looseObject({
    type: z.literal('text'),
    text: z.string(),
    cache_control: cacheControl(),
    citations: z.nullish(list(z.looseObject({ type: z.string() }))),
  })
}

function imageBlock() {
  const mediaType = z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp'])
  return z.looseObject({
    type: z.literal('image'),
    source: z.discriminatedUnion('type', [base64Source(mediaType), urlSource(), fileSource()]),
    cache_control: cacheControl(),
  })
}

function documentBlock() {
  return z.looseObject({
    type: z.literal('document'),
    source: z.discriminatedUnion('type', [
      base64Source(z.string().check(z.minLength(1))),
      z.looseObject({
        type: z.literal('text'),
        media_type: z.string().check(z.minLength(1)),
        data: z.string(),
      }),
      z.looseObject({
        type: z.literal('content'),
        content: z.union([z.string(), list(z.looseObject({ type: z.string() }))]),
      }),
      urlSource(),
      fileSource(),
    ]),
    cache_control: cacheControl(),
    citations: z.nullish(z.looseObject({ enabled: z.nullish(z.boolean()) })),
    context: z.nullish(z.string()),
    title: z.nullish(z.string()),
  })
}

function opaqueBlock() {
  return z.looseObject({ type: z.enum(opaqueTypes) })
}

function toolUseBlock() {
  return z.looseObject({
    type: z.literal('tool_use'),
    id: z.string().check(z.minLength(1)),
    name: z.string().check(z.minLength(1)),
    input: jsonObject(),
    cache_control: cacheControl(),
    caller: z.nullish(z.looseObject({ type: z.string() })),
    toolset_name: z.nullish(z.string()),
    /** Ours: a signed thought behind the call (`renderToolUse`), sent back by clients that return blocks whole. */
    signature: z.nullish(z.string()),
  })
}

function toolResultBlock() {
  const inner = z.discriminatedUnion('type', [
    textBlock(),
    imageBlock(),
    documentBlock(),
    opaqueBlock(),
  ])
  return z.looseObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string().check(z.minLength(1)),
    content: z.nullish(z.union([z.string(), list(inner)])),
    is_error: z.nullish(z.boolean()),
    cache_control: cacheControl(),
    toolset_name: z.nullish(z.string()),
  })
}

export function contentBlock() {
  return z.discriminatedUnion('type', [
    textBlock(),
    imageBlock(),
    documentBlock(),
    toolUseBlock(),
    toolResultBlock(),
    z.looseObject({
      type: z.literal('thinking'),
      thinking: z.string(),
      signature: z.nullish(z.string()),
    }),
    z.looseObject({ type: z.literal('redacted_thinking'), data: z.string() }),
    opaqueBlock(),
  ])
}

export type ContentBlockField = z.output<ReturnType<typeof contentBlock>>
export type BlockField<Type extends ContentBlockField['type']> = Extract<
  ContentBlockField,
  { type: Type }
>
