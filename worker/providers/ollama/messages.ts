import type { Block, ToolResultBlock } from '../../canonical/blocks.ts'
import type { JsonObject, Message } from '../../canonical/request.ts'
import { present } from '../json-values.ts'
import { toolInput } from '../tool-calls.ts'

/** `messages`: content is text alone, images stand beside it, each tool result is a message. */
export function messagesOf(messages: readonly Message[]): JsonObject[] {
  const toolNames = new Map<string, string>()
  return messages.flatMap((message) => {
    for (const block of message.content)
      if (block.type === 'toolCall') toolNames.set(block.id, block.name)
    return message.role === 'assistant'
      ? [assistantMessage(message)]
      : inputMessages(message, toolNames)
  })
}

function inputMessages(message: Message, toolNames: ReadonlyMap<string, string>): JsonObject[] {
  const results = message.content.filter((block) => block.type === 'toolResult')
  const rest = message.content.filter((block) => block.type !== 'toolResult')
  const role = message.role === 'user' ? 'user' : 'system'
  const said = rest.length === 0 ? [] : [{ role, ...contentOf(rest) }]
  return [...results.map((result) => toolMessage(result, toolNames)), ...said]
}

function toolMessage(result: ToolResultBlock, toolNames: ReadonlyMap<string, string>): JsonObject {
  return present({
    role: 'tool',
    ...contentOf(result.content),
    tool_name: result.name ?? toolNames.get(result.toolCallId),
    tool_call_id: result.toolCallId,
  })
}

function assistantMessage(message: Message): JsonObject {
  const calls = message.content.flatMap((block) =>
    block.type === 'toolCall'
      ? {
          id: block.id,
          type: 'function',
          function: { name: block.name, arguments: toolInput(block.arguments) },
        }
      : [],
  )
  const thinking = thinkingOf(message.content)
  return present({
    role: 'assistant',
    ...contentOf(message.content),
    thinking: thinking === '' ? undefined : thinking,
    tool_calls: calls.length === 0 ? undefined : calls,
  })
}

/** Text files have no other place than the text. */
function contentOf(blocks: readonly Block[]): JsonObject {
  const images = blocks.flatMap((block) =>
    block.type === 'image' && block.source.kind === 'base64' ? [block.source.data] : [],
  )
  const texts = blocks.flatMap((block) => {
    if (block.type === 'text' || block.type === 'refusal') return [block.text]
    return block.type === 'file' && block.source.kind === 'text' ? [block.source.text] : []
  })
  return present({ content: texts.join('\n'), images: images.length === 0 ? undefined : images })
}

function thinkingOf(blocks: readonly Block[]): string {
  return blocks.flatMap((block) => (block.type === 'reasoning' ? [block.text] : [])).join('\n')
}
