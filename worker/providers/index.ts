import type { ProviderAdapter } from './adapter.ts'
import { azureFoundry, azureOpenAi } from './azure-openai.ts'
import { compatibleRows } from './compatible-rows.ts'
import { createOpenAiAdapter } from './openai-compatible.ts'
import { anthropicAdapter } from './anthropic/adapter.ts'
import { bedrockAdapter } from './bedrock/adapter.ts'
import { cohereAdapter } from './cohere/adapter.ts'
import { geminiAdapter } from './gemini/adapter.ts'
import { mistralAdapter } from './mistral/adapter.ts'
import { ollamaAdapter } from './ollama/adapter.ts'
import { workersAiAdapter } from './workers-ai/adapter.ts'

/** Every vendor we can call. A new one is one import and one entry here. */
const all: readonly ProviderAdapter[] = [
  azureOpenAi,
  azureFoundry,
  ...compatibleRows.map((row) => createOpenAiAdapter(row)),
  anthropicAdapter,
  bedrockAdapter,
  geminiAdapter,
  mistralAdapter,
  cohereAdapter,
  workersAiAdapter,
  ollamaAdapter,
]

/** Adapters by the name `routes.json` uses. */
export const adapters: ReadonlyMap<string, ProviderAdapter> = new Map(
  all.map((adapter) => [adapter.id, adapter]),
)

/** The adapter called `id`; undefined when there is none. */
export function adapterOf(id: string): ProviderAdapter | undefined {
  return adapters.get(id)
}
