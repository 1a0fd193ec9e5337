import type { CanonicalRequest, JsonObject, Tool, ToolChoice } from '../../canonical/request.ts'
import { cacheMark, type PartOptions } from './encode-parts.ts'
import type { OpenAiQuirks } from './quirks.ts'

/** `tools`, `tool_choice` and `parallel_tool_calls`, in forms the vendor has. */
export function encodeTools(
  request: CanonicalRequest,
  quirks: OpenAiQuirks,
  options: PartOptions,
): JsonObject {
  const { tools, toolChoice, parallelToolCalls } = request
  if (tools === undefined || tools.length === 0) return {}
  const choice = toolChoice === undefined ? undefined : narrowed(tools, toolChoice, quirks)
  const offered = choice?.tools ?? tools
  if (offered.length === 0) return {}
  const wireChoice = choice?.wire
  return {
    tools: offered.flatMap((tool) => encodeTool(tool, options)),
    ...(wireChoice === undefined ? {} : { tool_choice: wireChoice }),
    ...(parallelToolCalls === undefined || !quirks.features.has('singleToolCall')
      ? {}
      : { parallel_tool_calls: parallelToolCalls }),
  }
}

/** A tool another wire brought in its own form cannot be written here; the plan keeps such requests away. */
function encodeTool(tool: Tool, options: PartOptions): JsonObject[] {
  if (tool.kind === 'native')
    return tool.raw.wire === 'openai-chat' ? [tool.raw.value as JsonObject] : []
  // OpenAI marks content only; gateways take Anthropic's mark on a tool too.
  const isMarked = options.cacheMarks === 'cache_control'
  if (tool.cache !== undefined && !isMarked) options.departures.leave('cacheMarks')
  const extensions =
    tool.extensions?.wire === 'openai-chat' ? (tool.extensions.value as object) : {}
  return [
    {
      ...extensions,
      ...(isMarked ? cacheMark(tool.cache, options) : {}),
      type: 'function',
      function: {
        name: tool.name,
        ...(tool.description === undefined ? {} : { description: tool.description }),
        ...(tool.parameters === undefined ? {} : { parameters: tool.parameters }),
        ...(tool.strict === undefined ? {} : { strict: tool.strict }),
      },
    },
  ]
}

interface Choice {
  readonly tools: readonly Tool[]
  readonly wire: unknown
}

/**
 * A choice the vendor has no word for is said with fewer tools: `none` offers
 * none, `allowed` only those named, one named tool alone and `required`.
 */
function narrowed(tools: readonly Tool[], choice: ToolChoice, quirks: OpenAiQuirks): Choice {
  const has = (feature: Parameters<OpenAiQuirks['features']['has']>[0]) =>
    quirks.features.has(feature)
  const required = has('toolChoiceRequired') ? 'required' : 'auto'
  switch (choice.type) {
    case 'auto':
      return { tools, wire: 'auto' }
    case 'none':
      return has('toolChoiceNone') ? { tools, wire: 'none' } : { tools: [], wire: undefined }
    case 'required':
      return { tools, wire: required }
    case 'tool':
      if (has('toolChoiceNamed')) return { tools, wire: namedChoice(tools, choice.name) }
      return { tools: tools.filter((tool) => tool.name === choice.name), wire: required }
    case 'allowed': {
      const { mode, names } = choice
      if (quirks.allowedTools === true) {
        const allowed = names.map((name) => namedChoice(tools, name))
        return { tools, wire: { type: 'allowed_tools', allowed_tools: { mode, tools: allowed } } }
      }
      return {
        tools: tools.filter((tool) => names.includes(tool.name)),
        wire: mode === 'required' ? required : 'auto',
      }
    }
  }
}

function namedChoice(tools: readonly Tool[], name: string): JsonObject {
  const tool = tools.find((one) => one.name === name)
  const raw = tool?.kind === 'native' ? (tool.raw.value as { type?: unknown }) : undefined
  return raw?.type === 'custom'
    ? { type: 'custom', custom: { name } }
    : { type: 'function', function: { name } }
}
