import type { FunctionTool, JsonObject, Tool, ToolChoice } from '../../canonical/request.ts'
import type { BodyNotes } from '../shared/body-notes.ts'
import { compact } from '../shared/compact.ts'
import { cacheOf } from './parse-blocks.ts'
import { isFunctionTool, type PromptBody, type ToolField } from './schema.ts'

const ownFields = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'strict',
  'cache_control',
])

/** `tools`; an empty list is none. */
export function readTools(
  tools: PromptBody['tools'],
  notes: BodyNotes,
): readonly Tool[] | undefined {
  if (tools === undefined || tools === null || tools.length === 0) return undefined
  return tools.map((tool, index) => {
    if (tool.strict === true) notes.name('strictTools', 'tools', index, 'strict')
    if (tool.cache_control) notes.name('cacheMarks', 'tools', index, 'cache_control')
    return readTool(tool)
  })
}

function readTool(field: ToolField): Tool {
  if (isFunctionTool(field.type)) return functionTool(field)
  const server = field['mcp_server_name']
  const name = field.name ?? (typeof server === 'string' ? server : (field.type ?? ''))
  return { kind: 'native', name, raw: { wire: 'anthropic-messages', value: field } }
}

function functionTool(field: ToolField): FunctionTool {
  const own: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(field)) {
    if (!ownFields.has(key) && value !== null && value !== undefined) own[key] = value
  }
  const extensions: JsonObject | undefined = Object.keys(own).length === 0 ? undefined : own
  return compact<FunctionTool>({
    kind: 'function',
    name: field.name ?? '',
    description: field.description,
    parameters: field.input_schema,
    strict: field.strict,
    cache: cacheOf(field),
    extensions:
      extensions === undefined ? undefined : { wire: 'anthropic-messages', value: extensions },
  })
}

export function readToolChoice(field: PromptBody['tool_choice']): ToolChoice | undefined {
  switch (field?.type) {
    case undefined:
      return undefined
    case 'any':
      return { type: 'required' }
    case 'tool':
      return { type: 'tool', name: field.name }
    case 'auto':
    case 'none':
      return { type: field.type }
  }
}

/** `disable_parallel_tool_use`, turned round. */
export function readParallelToolCalls(field: PromptBody['tool_choice']): boolean | undefined {
  if (field === undefined || field === null || field.type === 'none') return undefined
  const disabled = field.disable_parallel_tool_use
  return disabled === undefined || disabled === null ? undefined : !disabled
}
