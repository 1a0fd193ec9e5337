import type { Feature } from '../../canonical/features.ts'

/** What nearly every OpenAI-shaped vendor takes; text documents go as text, tool images as a message of their own. */
const common: readonly Feature[] = [
  'tools',
  'strictTools',
  'toolChoiceNone',
  'toolChoiceRequired',
  'toolChoiceNamed',
  // Not a word of the wire: the encoder offers fewer tools instead.
  'toolChoiceAllowed',
  'longToolNames',
  'imageUrl',
  'imageBase64',
  'imageDetail',
  'toolResultImages',
  'fileText',
  // In the heading of the text, or as a file's name.
  'documentTitles',
  'documentContext',
  'participantNames',
  'jsonMode',
  'jsonSchema',
  'reasoning',
  'stop',
  'temperature',
  'topP',
]

/** OpenAI's penalties, seed and the rest of plain sampling. */
const sampling: readonly Feature[] = ['seed', 'frequencyPenalty', 'presencePenalty']

/** What engines such as vLLM, SGLang and llama.cpp take beside OpenAI's parameters. */
const engineSampling: readonly Feature[] = ['topK', 'minP', 'repetitionPenalty', 'logitBias']

/** OpenAI's own list: everything Chat Completions has. */
const openAi: readonly Feature[] = [
  ...common,
  ...sampling,
  'singleToolCall',
  'customTools',
  'audioInput',
  'fileBase64',
  'fileId',
  'n',
  'logprobs',
  'audioOutput',
  'audioHistory',
  // Chat Completions never shows a thought.
  'hiddenReasoning',
  'logitBias',
  'userId',
  'metadata',
  'serviceTier',
  'promptCacheKey',
  'cacheMarks',
  'verbosity',
]

/**
 * What OpenAI counts (its 400 "string too long", `string_above_max_length`, with the numbers named: agno issue 5382,
 * vercel/ai 5171 and litellm 17343 for ids, which it did not enforce in July 2026, vercel/ai 17233; bifrost 1000 for
 * `user`; read 2026-11-26). Tool names over 64 are not `longToolNames` (FunctionObject in its OpenAPI document).
 */
export const openAiLimits = { maxToolCallIdLength: 40, maxUserIdLength: 64 } as const

export const featureSets = { common, sampling, engineSampling, openAi } as const

/** `base` lists with `more` and without `less`. */
export function features(
  base: readonly (readonly Feature[])[],
  more: readonly Feature[] = [],
  less: readonly Feature[] = [],
): ReadonlySet<Feature> {
  const all = new Set<Feature>([...base.flat(), ...more])
  for (const feature of less) all.delete(feature)
  return all
}
