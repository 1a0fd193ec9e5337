import type { Feature } from '../../canonical/features.ts'
import type { CanonicalRequest, FunctionTool, JsonObject, Tool } from '../../canonical/request.ts'
import type { Leave } from '../departures.ts'
import { objectOf, present } from '../json-values.ts'
import { cacheControl } from './encode-blocks.ts'

/** The tools the caller lets the model use; `allowed_tools` becomes the list itself, since the wire has no word for it. */
export function offeredTools({ tools = [], toolChoice }: CanonicalRequest): readonly Tool[] {
  if (toolChoice?.type !== 'allowed') return tools
  return tools.filter((tool) => toolChoice.names.includes(tool.name))
}

/** Function tools, and the provider's own tools as the caller wrote them. */
export function encodeTools(tools: readonly Tool[], leave: Leave): readonly JsonObject[] {
  return tools.flatMap((tool) => {
    if (tool.kind === 'function') return [encodeFunction(tool)]
    const value = tool.raw.wire === 'anthropic-messages' ? objectOf(tool.raw.value) : undefined
    if (value === undefined) leave('customTools')
    return value === undefined ? [] : [value]
  })
}

function encodeFunction(tool: FunctionTool): JsonObject {
  const own =
    tool.extensions?.wire === 'anthropic-messages' ? objectOf(tool.extensions.value) : undefined
  return present({
    ...own,
    name: tool.name,
    description: tool.description,
    input_schema: inputSchema(tool.parameters),
    strict: tool.strict,
    cache_control: cacheControl(tool.cache),
  })
}

/** A schema of an object: the API refuses one without `type`. */
export function inputSchema(parameters: JsonObject | undefined): JsonObject {
  if (parameters === undefined) return { type: 'object', properties: {} }
  return parameters['type'] === undefined ? { type: 'object', ...parameters } : parameters
}

/** `tool_choice`; undefined leaves the choice to the model, which is the default. */
export function encodeToolChoice(
  { toolChoice, parallelToolCalls }: CanonicalRequest,
  forcedTools: boolean,
  leave: Leave,
): JsonObject | undefined {
  const single = parallelToolCalls === false ? true : parallelToolCalls === true ? false : undefined
  const withSingle = (choice: JsonObject): JsonObject =>
    present({ ...choice, disable_parallel_tool_use: single })
  const forced = (choice: JsonObject, feature: Feature): JsonObject => {
    if (forcedTools) return withSingle(choice)
    leave(feature)
    return withSingle({ type: 'auto' })
  }
  switch (toolChoice?.type) {
    case undefined:
      // Said only when it changes something: false is the default.
      return single === true ? withSingle({ type: 'auto' }) : undefined
    case 'none':
      return { type: 'none' }
    case 'auto':
      return withSingle({ type: 'auto' })
    case 'required':
      return forced({ type: 'any' }, 'toolChoiceRequired')
    case 'tool':
      return forced({ type: 'tool', name: toolChoice.name }, 'toolChoiceNamed')
    case 'allowed':
      return toolChoice.mode === 'required'
        ? forced({ type: 'any' }, 'toolChoiceRequired')
        : withSingle({ type: 'auto' })
  }
}

/** True when the caller leaves the model no choice but to call a tool. */
export function forcesTool({ toolChoice }: CanonicalRequest): boolean {
  if (toolChoice?.type === 'allowed') return toolChoice.mode === 'required'
  return toolChoice?.type === 'required' || toolChoice?.type === 'tool'
}
