import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { adapters } from '../../worker/providers/index.ts'
import { responseBytes, type RecordedCase } from './corpus.ts'
import { parseJson } from './oracles/read-sse.ts'
import { at } from './oracles/wire-value.ts'

/**
 * Folders of the corpus whose name is not the adapter's. What has no row of its
 * own and speaks Chat Completions is read by the row for any base URL.
 */
const adapterOfFolder: Readonly<Record<string, string>> = {
  vertex: 'gemini',
  'vertex-anthropic': 'anthropic',
  'bedrock-mantle': 'openai-compatible',
}

/** The adapter that must read a case; undefined when there is none for its provider. */
export function adapterFor(recorded: RecordedCase): ProviderAdapter | undefined {
  if (recorded.provider === 'ollama')
    return adapters.get(isNativeOllama(recorded) ? 'ollama' : 'ollama-openai')
  return adapters.get(adapterOfFolder[recorded.provider] ?? recorded.provider)
}

/** Ollama answers under two APIs; fixture files name no endpoint, so their form tells. */
function isNativeOllama(recorded: RecordedCase): boolean {
  const { tags, endpoint, status } = recorded.meta
  if (tags.includes('native-api') || endpoint === 'POST /api/chat') return true
  if (endpoint !== null || status >= 400) return false
  const text = new TextDecoder().decode(responseBytes(recorded))
  const first = parseJson(text.split('\n', 1)[0] ?? '') ?? parseJson(text)
  return at(first, 'message') !== undefined && at(first, 'choices') === undefined
}
