import * as z from 'zod/mini'
import { jsonObject } from '../shared/json-object.ts'
import { list } from '../shared/list.ts'
import { cacheControl } from './schema-messages.ts'

export function functionSchema() {
  return z.looseObject({
    name: z.string().check(z.minLength(1), z.maxLength(128)),
    description: z.nullish(z.string()),
    parameters: z.nullish(jsonObject()),
    strict: z.nullish(z.boolean()),
    cache_control: cacheControl(),
  })
}

export type FunctionDefinition = z.output<ReturnType<typeof functionSchema>>

/**
 * `function` is checked; `custom` and the tools that a vendor runs itself
 * (Groq's `browser_search`, OpenRouter's `openrouter:...`) go on as they are.
 */
export function toolSchema() {
  return z
    .looseObject({
      type: z.string().check(z.minLength(1)),
      function: z.nullish(functionSchema()),
      custom: z.nullish(z.looseObject({ name: z.string().check(z.minLength(1)) })),
      cache_control: cacheControl(),
    })
    .check(
      z.superRefine((tool, context) => {
        const field = tool.type === 'function' || tool.type === 'custom' ? tool.type : undefined
        if (field !== undefined && (tool[field] ?? undefined) === undefined)
          context.addIssue({ code: 'custom', path: [field], message: 'is required' })
      }),
    )
}

export type ToolDefinition = z.output<ReturnType<typeof toolSchema>>

export function functionNameChoice() {
  return z.looseObject({ name: z.string().check(z.minLength(1)) })
}

export function toolChoiceSchema() {
  const allowedTool = z.looseObject({
    type: z.string(),
    function: z.nullish(functionNameChoice()),
    custom: z.nullish(functionNameChoice()),
  })
  return z.union([
    z.enum(['none', 'auto', 'required']),
    z.discriminatedUnion('type', [
      // Many clients leave `type` out beside `function` (corpus groq, huggingface, xai, zai).
      z.looseObject({ type: z.optional(z.literal('function')), function: functionNameChoice() }),
      z.looseObject({ type: z.literal('custom'), custom: functionNameChoice() }),
      z.looseObject({
        type: z.literal('allowed_tools'),
        allowed_tools: z.looseObject({
          mode: z.enum(['auto', 'required']),
          tools: list(allowedTool),
        }),
      }),
    ]),
  ])
}

export type ToolChoiceField = z.output<ReturnType<typeof toolChoiceSchema>>

interface Offered {
  readonly tools?: readonly ToolDefinition[] | null | undefined
  readonly functions?: readonly FunctionDefinition[] | null | undefined
}

/** What is wrong with a choice that no tool of the body can meet; null when nothing is. */
export function choiceFault(
  choice: ToolChoiceField | null | undefined,
  call: 'none' | 'auto' | { readonly name: string } | null | undefined,
  { tools, functions }: Offered,
): string | null {
  const names = choice ? namesIn(choice) : typeof call === 'object' && call ? [call.name] : []
  if (choice !== 'required' && names.length === 0) return null
  const offered = new Set([
    ...(tools ?? []).map(nameOfTool),
    ...(functions ?? []).map(({ name }) => name),
  ])
  if (offered.size === 0) return 'asks for a tool, and no tools are given'
  return names.every((name) => offered.has(name)) ? null : 'names a tool that is not given in tools'
}

function namesIn(choice: ToolChoiceField): readonly string[] {
  if (typeof choice === 'string') return []
  switch (choice.type) {
    case 'allowed_tools':
      return choice.allowed_tools.tools.map(nameOfTool)
    case 'custom':
      return [choice.custom.name]
    case 'function':
    case undefined:
      return [choice.function.name]
  }
}

interface Nameable {
  readonly type: string
  readonly function?: { readonly name: string } | null | undefined
  readonly custom?: { readonly name: string } | null | undefined
}

function nameOfTool(tool: Nameable): string {
  return tool.function?.name ?? tool.custom?.name ?? tool.type
}
