import type { FunctionTool, Tool, ToolChoice } from '../../canonical/request.ts'
import { compact } from '../shared/compact.ts'
import type { BodyNotes } from '../shared/body-notes.ts'
import { cacheOf, nameMark } from './parse-parts.ts'
import type { ChatBody } from './schema.ts'
import type { FunctionDefinition, ToolChoiceField, ToolDefinition } from './schema-tools.ts'

const toolFields = new Set(['type', 'function', 'cache_control'])
const functionFields = new Set(['name', 'description', 'parameters', 'strict', 'cache_control'])

/** `tools`, or the `functions` of 2023; none is undefined, an empty list too. */
export function readTools(body: ChatBody, notes: BodyNotes): readonly Tool[] | undefined {
  const tools: Tool[] = (body.tools ?? []).map((tool, index) => readTool(tool, index, notes))
  for (const [index, definition] of (body.functions ?? []).entries()) {
    notes.note(definition, functionFields, 'functions', index)
    nameFunction(definition, ['functions', index], notes)
    tools.push(functionTool(definition, definition))
  }
  // What the history asks of tools is named by it only where no tools are given.
  if (tools.length > 0) notes.name('tools', (body.tools ?? []).length > 0 ? 'tools' : 'functions')
  return tools.length === 0 ? undefined : tools
}

function nameFunction(
  definition: FunctionDefinition,
  path: readonly (string | number)[],
  notes: BodyNotes,
): void {
  nameMark(definition, path, notes)
  if (definition.strict === true) notes.name('strictTools', ...path, 'strict')
}

function readTool(tool: ToolDefinition, index: number, notes: BodyNotes): Tool {
  if (tool.type === 'function' && tool.function) {
    notes.note(tool, toolFields, 'tools', index)
    notes.note(tool.function, functionFields, 'tools', index, 'function')
    nameMark(tool, ['tools', index], notes)
    nameFunction(tool.function, ['tools', index, 'function'], notes)
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

export function readToolChoice(body: ChatBody, notes: BodyNotes): ToolChoice | undefined {
  if (body.tool_choice !== undefined && body.tool_choice !== null)
    return toolChoice(body.tool_choice)
  const legacy = body.function_call
  if (legacy === undefined || legacy === null) return undefined
  notes.name(legacy === 'none' ? 'toolChoiceNone' : 'toolChoiceNamed', 'function_call')
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
