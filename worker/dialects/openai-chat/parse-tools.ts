import type { FunctionTool, Tool, ToolChoice } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import type { Ignored } from '../shared/ignored.ts'
import { cacheOf } from './parse-parts.ts'
import type { ChatBody } from './schema.ts'
import type { FunctionDefinition, ToolChoiceField, ToolDefinition } from './schema-tools.ts'

const toolFields = new Set(['type', 'function', 'cache_control'])
const functionFields = new Set(['name', 'description', 'parameters', 'strict', 'cache_control'])

/** `tools`, or the `functions` of 2023; none is undefined, an empty list too. */
export function readTools(body: ChatBody, ignored: Ignored): readonly Tool[] | undefined {
  const tools: Tool[] = (body.tools ?? []).map((tool, index) => readTool(tool, index, ignored))
  for (const [index, definition] of (body.functions ?? []).entries()) {
    ignored.note(definition, functionFields, 'functions', index)
    tools.push(functionTool(definition, definition))
  }
  return tools.length === 0 ? undefined : tools
}

function readTool(tool: ToolDefinition, index: number, ignored: Ignored): Tool {
  if (tool.type === 'function' && tool.function) {
    ignored.note(tool, toolFields, 'tools', index)
    ignored.note(tool.function, functionFields, 'tools', index, 'function')
    return functionTool(tool.function, tool)
  }
  return {
    kind: 'native',
    name: tool.custom?.name ?? tool.type,
    raw: { wire: 'openai-chat', value: tool },
  }
}

function functionTool(definition: FunctionDefinition, marked: object): FunctionTool {
  return compact<FunctionTool>({
    kind: 'function',
    name: definition.name,
    description: definition.description,
    parameters: definition.parameters,
    strict: definition.strict,
    cache: cacheOf(marked) ?? cacheOf(definition),
  })
}

export function readToolChoice(body: ChatBody): ToolChoice | undefined {
  if (body.tool_choice !== undefined && body.tool_choice !== null)
    return toolChoice(body.tool_choice)
  const legacy = body.function_call
  if (legacy === undefined || legacy === null) return undefined
  return typeof legacy === 'string' ? { type: legacy } : { type: 'tool', name: legacy.name }
}

function toolChoice(field: ToolChoiceField): ToolChoice {
  if (typeof field === 'string') return { type: field }
  switch (field.type) {
    case 'custom':
      return { type: 'tool', name: field.custom.name }
    case 'allowed_tools': {
      const { mode, tools } = field.allowed_tools
      const names = tools.map((tool) => tool.function?.name ?? tool.custom?.name ?? tool.type)
      return { type: 'allowed', mode, names }
    }
    case 'function':
    case undefined:
      return { type: 'tool', name: field.function.name }
  }
}
