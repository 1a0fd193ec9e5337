import { toolText } from '../../canonical/tool-text.ts'
import type { OpenAiQuirks } from '../openai/quirks.ts'
import { features, featureSets } from './feature-sets.ts'

const { common, sampling, engineSampling } = featureSets
const readOn = '2026-11-20'

/** Servers an operator runs, or any other vendor by its base URL: there is no address to default to. */
export const ownServers: readonly OpenAiQuirks[] = [
  {
    id: 'vllm',
    page: toolText('https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html'),
    readOn,
    verified: 'recorded',
    features: features(
      [common, sampling, engineSampling],
      ['n', 'logprobs', 'singleToolCall', 'audioInput', 'videoInput', 'userId'],
    ),
    maxTokensField: 'max_completion_tokens',
    reasoning: 'effort',
    reasoningEcho: 'reasoning_content',
  },
  {
    id: 'lmstudio',
    page: toolText('https://lmstudio.ai/docs/developer/openai-compat/chat-completions'),
    readOn,
    verified: 'unverified',
    features: features(
      [common, sampling],
      ['topK', 'repetitionPenalty', 'logitBias'],
      ['imageUrl', 'toolChoiceNamed'],
    ),
    reasoning: 'effort',
  },
  {
    id: 'llamacpp',
    page: toolText('https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md'),
    readOn,
    verified: 'recorded',
    features: features(
      [common, sampling, engineSampling],
      ['logprobs', 'singleToolCall', 'audioInput'],
      ['toolChoiceNamed'],
    ),
    reasoning: 'effort',
    reasoningEcho: 'reasoning_content',
  },
  {
    // Ollama's OpenAI-shaped endpoint; its own API is the adapter `ollama`.
    id: 'ollama-openai',
    page: toolText('https://docs.ollama.com/api/openai-compatibility'),
    readOn,
    verified: 'recorded',
    baseUrl: toolText('http://localhost:11434/v1'),
    features: features(
      [common, sampling],
      ['logprobs'],
      // It reads no `tool_choice`, and images as data URIs only.
      ['toolChoiceNone', 'toolChoiceRequired', 'toolChoiceNamed', 'imageUrl'],
    ),
    reasoning: 'effort',
    reasoningEcho: 'reasoning',
    toolCallsOverStop: true,
  },
  {
    id: 'openai-compatible',
    // Any vendor without a row: the plainest form of the wire, and nothing that many refuse.
    page: toolText('https://platform.openai.com/docs/api-reference/chat'),
    readOn,
    verified: 'recorded',
    features: features([common, sampling], ['singleToolCall', 'n', 'logprobs']),
    reasoning: 'effort',
  },
]
