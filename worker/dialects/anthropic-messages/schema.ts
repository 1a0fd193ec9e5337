import * as z from 'zod/mini'
import { jsonObject } from '../shared/json-object.ts'
import { list } from '../shared/list.ts'
import { preferenceFields } from '../shared/preferences.ts'
import { refuseTogether } from '../shared/read-body.ts'
import { betaFields } from './betas.ts'
import { cacheControl, contentBlock, textBlock } from './schema-blocks.ts'

/**
 * Bodies of `POST /v1/messages`, after `MessageCreateParams` of
 * `@anthropic-ai/sdk` 1.11.0 and platform.claude.com/docs/en/api/messages
 * (2026-11-20). Objects are open: what is not named here is an extension or is
 * reported as ignored.
 */
function build() {
  return prompt({
    // 0 fills the prompt cache without an answer.
    max_tokens: z.int().check(z.minimum(0)),
    stream: z.nullish(z.boolean()),
    temperature: z.nullish(z.number().check(z.minimum(0), z.maximum(1))),
    top_p: z.nullish(z.number().check(z.minimum(0), z.maximum(1))),
    top_k: z.nullish(z.int().check(z.minimum(0))),
    stop_sequences: z.nullish(list(z.string())),
    metadata: z.nullish(z.looseObject({ user_id: z.nullish(z.string().check(z.maxLength(512))) })),
    service_tier: z.nullish(z.enum(['auto', 'standard_only'])),
  })
}

/** What token counting reads of a body: everything but how to answer. */
function buildCount() {
  return prompt({})
}

/** What is read of a body that has a prompt, with `more` beside it. */
function prompt<More extends z.core.$ZodLooseShape>(more: More) {
  return z
    .looseObject({ ...promptFields(), ...betaFields(), ...preferenceFields(), ...more })
    .check(
      z.superRefine((body, context) => {
        const fault = choiceFault(body as Offered)
        if (fault !== null) refuseTogether(context, ['tool_choice'], fault)
      }),
    )
}

interface Offered {
  readonly tool_choice?: z.output<ReturnType<typeof toolChoice>> | null | undefined
  readonly tools?: readonly ToolField[] | null | undefined
  readonly mcp_servers?: unknown
}

/** What is wrong with a choice that no tool of the body can meet; null when nothing is. A server's tools are not known here. */
function choiceFault(body: Offered): string | null {
  const { tool_choice: choice, tools, mcp_servers: servers } = body
  if (choice?.type !== 'any' && choice?.type !== 'tool') return null
  if (Array.isArray(servers) && servers.length > 0) return null
  const offered = tools ?? []
  if (offered.length === 0) return 'asks for a tool, and no tools are given'
  if (choice.type === 'any' || !offered.every(({ type }) => isFunctionTool(type))) return null
  return offered.some(({ name }) => name === choice.name)
    ? null
    : 'names a tool that is not given in tools'
}

function promptFields() {
  return {
    model: z.string().check(z.minLength(1), z.maxLength(512)),
    messages: list(message()).check(z.minLength(1)),
    system: z.nullish(z.union([z.string(), list(textBlock())])),
    tools: z.nullish(list(tool())),
    tool_choice: z.nullish(toolChoice()),
    thinking: z.nullish(thinking()),
    output_config: z.nullish(outputConfig()),
    /** The name that `output_config.format` had in beta. */
    output_format: z.nullish(outputFormat()),
  }
}

function message() {
  const role = z.enum(['user', 'assistant', 'system'])
  return z.looseObject({ role, content: z.union([z.string(), list(contentBlock())]) })
}

export type MessageField = z.output<ReturnType<typeof message>>

/** `type` is absent, `null` or `custom` for a function; any other is a tool that Anthropic knows. */
function tool() {
  return z
    .looseObject({
      type: z.nullish(z.string().check(z.minLength(1))),
      name: z.nullish(z.string().check(z.minLength(1), z.maxLength(128))),
      description: z.nullish(z.string()),
      input_schema: z.nullish(jsonObject()),
      strict: z.nullish(z.boolean()),
      cache_control: cacheControl(),
    })
    .check(
      z.superRefine((tool, context) => {
        if (!isFunctionTool(tool.type)) return
        for (const field of ['name', 'input_schema'] as const) {
          if (tool[field] === undefined || tool[field] === null)
            context.addIssue({ code: 'custom', path: [field], message: 'must be given' })
        }
      }),
    )
}

export type ToolField = z.output<ReturnType<typeof tool>>

export function isFunctionTool(type: string | null | undefined): boolean {
  return type === undefined || type === null || type === 'custom'
}

function toolChoice() {
  const disable_parallel_tool_use = z.nullish(z.boolean())
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('auto'), disable_parallel_tool_use }),
    z.looseObject({ type: z.literal('any'), disable_parallel_tool_use }),
    z.looseObject({
      type: z.literal('tool'),
      name: z.string().check(z.minLength(1)),
      disable_parallel_tool_use,
    }),
    z.looseObject({ type: z.literal('none') }),
  ])
}

function thinking() {
  const display = z.nullish(z.enum(['summarized', 'omitted']))
  return z.discriminatedUnion('type', [
    z.looseObject({
      type: z.literal('enabled'),
      budget_tokens: z.int().check(z.minimum(1024)),
      display,
    }),
    z.looseObject({ type: z.literal('adaptive'), display }),
    z.looseObject({ type: z.literal('disabled') }),
    z.looseObject({ type: z.literal('between_tools') }),
  ])
}

function outputFormat() {
  return z.looseObject({ type: z.literal('json_schema'), schema: jsonObject() })
}

function outputConfig() {
  return z.looseObject({
    effort: z.nullish(z.enum(['low', 'medium', 'high', 'xhigh', 'max'])),
    format: z.nullish(outputFormat()),
  })
}

let messages: ReturnType<typeof build> | undefined
let count: ReturnType<typeof buildCount> | undefined

/** Built at the first request: building costs some milliseconds that start-up does not have to pay. */
export function messagesSchema(): ReturnType<typeof build> {
  return (messages ??= build())
}

export function countTokensSchema(): ReturnType<typeof buildCount> {
  return (count ??= buildCount())
}

export type MessagesBody = z.output<ReturnType<typeof build>>
export type PromptBody = z.output<ReturnType<typeof buildCount>>
