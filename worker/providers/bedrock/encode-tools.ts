import type { CanonicalRequest, FunctionTool, JsonObject, Tool } from '../../canonical/request.ts'
import { inputSchema, offeredTools } from '../anthropic/encode-tools.ts'
import type { Leave } from '../departures.ts'
import { objectOf, present } from '../json-values.ts'
import type { MessageEncoder } from './encode-messages.ts'
import type { BedrockModel } from './models.ts'

/**
 * `toolConfig`; undefined when there is nothing to offer.
 *
 * Converse has no `none`, and it refuses a history with tool blocks but no
 * tools. So with `none` the tools are left out when the history allows it, and
 * otherwise stay offered (the plan has warned: `toolChoiceNone` is no feature
 * here). A history whose tools the caller no longer sends declares them by name.
 */
export function encodeToolConfig(
  request: CanonicalRequest,
  model: BedrockModel,
  encoder: MessageEncoder,
  leave: Leave,
): JsonObject | undefined {
  const called = toolsInHistory(request)
  if (request.toolChoice?.type === 'none' && called.size === 0) return undefined
  const tools = offeredTools(request).flatMap((tool) => encodeTool(tool, model, encoder, leave))
  if (tools.length > 0)
    return present({ tools, toolChoice: encodeToolChoice(request, model, leave) })
  if (called.size === 0) return undefined
  return { tools: [...called].map(formerTool) }
}

function encodeTool(
  tool: Tool,
  model: BedrockModel,
  encoder: MessageEncoder,
  leave: Leave,
): readonly JsonObject[] {
  if (tool.kind === 'function') {
    if (tool.cache !== undefined && !model.cachesTools) leave('cacheMarks')
    return [
      { toolSpec: toolSpec(tool, model) },
      ...(model.cachesTools ? encoder.cachePoint(tool.cache) : []),
    ]
  }
  const value = tool.raw.wire === 'bedrock-converse' ? objectOf(tool.raw.value) : undefined
  if (value === undefined) leave('customTools')
  return value === undefined ? [] : [value]
}

function toolSpec(tool: FunctionTool, model: BedrockModel): JsonObject {
  const own =
    tool.extensions?.wire === 'bedrock-converse' ? objectOf(tool.extensions.value) : undefined
  return present({
    ...own,
    name: tool.name,
    // At least one character, if any (ToolSpecification).
    description: tool.description === '' ? undefined : tool.description,
    inputSchema: { json: inputSchema(tool.parameters) },
    strict: model.strictTools ? tool.strict : undefined,
  })
}

function encodeToolChoice(
  { toolChoice }: CanonicalRequest,
  model: BedrockModel,
  leave: Leave,
): JsonObject | undefined {
  const forced = model.claude?.forcedTools !== false
  switch (toolChoice?.type) {
    case undefined:
    case 'none':
      return undefined
    case 'auto':
      return { auto: {} }
    case 'required':
      if (!forced) leave('toolChoiceRequired')
      return forced ? { any: {} } : { auto: {} }
    case 'tool':
      if (!forced) leave('toolChoiceNamed')
      return forced ? { tool: { name: toolChoice.name } } : { auto: {} }
    case 'allowed':
      if (!forced && toolChoice.mode === 'required') leave('toolChoiceRequired')
      return forced && toolChoice.mode === 'required' ? { any: {} } : { auto: {} }
  }
}

function toolsInHistory({ messages }: CanonicalRequest): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { content } of messages)
    for (const block of content) {
      if (block.type === 'toolCall') names.add(block.name)
      if (block.type === 'toolResult' && block.name !== undefined) names.add(block.name)
    }
  return names
}

function formerTool(name: string): JsonObject {
  const description =
    'Was called earlier in this conversation and is no longer available. Do not call it.'
  return { toolSpec: { name, description, inputSchema: { json: { type: 'object' } } } }
}
