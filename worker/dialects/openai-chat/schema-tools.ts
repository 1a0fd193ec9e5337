import * as z from 'zod'
import { jsonObject } from '../shared/json-object.ts'
import { cacheControl } from './schema-messages.ts'

export function functionSchema() {
  return z.looseObject({
    name: z.string().min(1).max(128),
    description: z.string().nullish(),
    parameters: jsonObject().nullish(),
    strict: z.boolean().nullish(),
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
      type: z.string().min(1),
      function: functionSchema().nullish(),
      custom: z.looseObject({ name: z.string().min(1) }).nullish(),
      cache_control: cacheControl(),
    })
    .superRefine((tool, context) => {
      const field = tool.type === 'function' || tool.type === 'custom' ? tool.type : undefined
      if (field !== undefined && (tool[field] ?? undefined) === undefined)
        context.addIssue({ code: 'custom', path: [field], message: 'is required' })
    })
}

export type ToolDefinition = z.output<ReturnType<typeof toolSchema>>

export function functionNameChoice() {
  return z.looseObject({ name: z.string().min(1) })
}

export function toolChoiceSchema() {
  const allowedTool = z.looseObject({
    type: z.string(),
    function: functionNameChoice().nullish(),
    custom: functionNameChoice().nullish(),
  })
  return z.union([
    z.enum(['none', 'auto', 'required']),
    z.discriminatedUnion('type', [
      // Many clients leave `type` out beside `function` (corpus groq, huggingface, xai, zai).
      z.looseObject({ type: z.literal('function').optional(), function: functionNameChoice() }),
      z.looseObject({ type: z.literal('custom'), custom: functionNameChoice() }),
      z.looseObject({
        type: z.literal('allowed_tools'),
        allowed_tools: z.looseObject({
          mode: z.enum(['auto', 'required']),
          tools: z.array(allowedTool),
        }),
      }),
    ]),
  ])
}

export type ToolChoiceField = z.output<ReturnType<typeof toolChoiceSchema>>
