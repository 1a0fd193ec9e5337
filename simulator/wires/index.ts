import type { WireFormat, WireName } from '../wire.ts'
import { anthropicWire } from './anthropic.ts'
import { bedrockWire } from './bedrock.ts'
import { cohereWire } from './cohere.ts'
import { geminiWire } from './gemini.ts'
import { mistralWire } from './mistral.ts'
import { ollamaWire } from './ollama.ts'
import { openAiWire } from './openai.ts'
import { workersAiWire } from './workers-ai.ts'

export const wires: Readonly<Record<WireName, WireFormat>> = {
  openai: openAiWire,
  anthropic: anthropicWire,
  gemini: geminiWire,
  mistral: mistralWire,
  cohere: cohereWire,
  bedrock: bedrockWire,
  'workers-ai': workersAiWire,
  ollama: ollamaWire,
}
