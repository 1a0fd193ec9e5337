import * as z from 'zod'
import { jsonObject } from '../shared/json-object.ts'
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
    max_tokens: z.int().min(0),
    stream: z.boolean().nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(0).nullish(),
    stop_sequences: z.array(z.string()).nullish(),
    metadata: z.looseObject({ user_id: z.string().max(512).nullish() }).nullish(),
    service_tier: z.enum(['auto', 'standard_only']).nullish(),
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
    .superRefine((body, context) => {
      const fault = choiceFault(body as Offered)
      if (fault !== null) refuseTogether(context, ['tool_choice'], fault)
    })
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
    model: z.string().min(1).max(512),
    messages: z.array(message()).min(1),
    system: z.union([z.string(), z.array(textBlock())]).nullish(),
    tools: z.array(tool()).nullish(),
    tool_choice: toolChoice().nullish(),
    thinking: thinking().nullish(),
    output_config: outputConfig().nullish(),
    /** The name that `output_config.format` had in beta. */
    output_format: outputFormat().nullish(),
  }
}

function message() {
  const role = z.enum(['user', 'assistant', 'system'])
  return z.looseObject({ role, content: z.union([z.string(), z.array(contentBlock())]) })
}

export type MessageField = z.output<ReturnType<typeof message>>

/** `type` is absent, `null` or `custom` for a function; any other is a tool that Anthropic knows. */
function tool() {
  return z
    .looseObject({
      type: z.string().min(1).nullish(),
      name: z.string().min(1).max(128).nullish(),
      description: z.string().nullish(),
      input_schema: jsonObject().nullish(),
      strict: z.boolean().nullish(),
      cache_control: cacheControl(),
    })
    .superRefine((tool, context) => {
      if (!isFunctionTool(tool.type)) return
      for (const field of ['name', 'input_schema'] as const) {
        if (tool[field] === undefined || tool[field] === null)
          context.addIssue({ code: 'custom', path: [field], message: 'must be given' })
      }
    })
}

export type ToolField = z.output<ReturnType<typeof tool>>

export function isFunctionTool(type: string | null | undefined): boolean {
  return type === undefined || type === null || type === 'custom'
}

function toolChoice() {
  const disable_parallel_tool_use = z.boolean().nullish()
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('auto'), disable_parallel_tool_use }),
    z.looseObject({ type: z.literal('any'), disable_parallel_tool_use }),
    z.looseObject({
      type: z.literal('tool'),
      name: z.string().min(1),
      disable_parallel_tool_use,
    }),
    z.looseObject({ type: z.literal('none') }),
  ])
}

function thinking() {
  const display = z.enum(['summarized', 'omitted']).nullish()
  return z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1024), display }),
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
    effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    format: outputFormat().nullish(),
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
