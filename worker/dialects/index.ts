import { anthropicMessages } from './anthropic-messages/index.ts'
import type { Dialect } from './dialect.ts'
import { openAiChat } from './openai-chat/index.ts'

/** Every client wire format, by its id. */
export const dialects: Readonly<Record<Dialect['id'], Dialect>> = {
  'openai-chat': openAiChat,
  'anthropic-messages': anthropicMessages,
}
