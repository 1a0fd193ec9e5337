import type { Wire } from '../../../worker/canonical/blocks.ts'
import type { Answer } from '../answer.ts'
import { readAnthropic } from './anthropic.ts'
import { readBedrock } from './bedrock.ts'
import { readCohere } from './cohere.ts'
import { readGemini } from './gemini.ts'
import { readOllama } from './ollama.ts'
import { readOpenAiChat } from './openai-chat.ts'
import { readWorkersAi } from './workers-ai.ts'

/**
 * What a recorded body says, read slowly and without any code of `worker/`: the
 * whole text at once, no state machine.
 */
export function readRecording(
  wire: Wire,
  provider: string,
  bytes: Uint8Array,
  streamed: boolean,
): Answer {
  switch (wire) {
    case 'openai-chat':
    case 'mistral':
      return readOpenAiChat(bytes, streamed, provider)
    case 'anthropic-messages':
      return readAnthropic(bytes, streamed)
    case 'gemini':
      return readGemini(bytes, streamed)
    case 'cohere':
      return readCohere(bytes, streamed)
    case 'bedrock-converse':
      return readBedrock(bytes, streamed)
    case 'workers-ai':
      return readWorkersAi(bytes, streamed)
    case 'ollama':
      return readOllama(bytes)
  }
}
