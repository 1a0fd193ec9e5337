/**
 * Lines of models and the words that their ids are known by. A family is what one maker trains and calls by one name,
 * whatever the version, the size and the host: `claude-sonnet-4-5` and `anthropic.claude-haiku-4-5-20251001-v1:0` are
 * one family, `gpt-4.1` and `gpt-oss-120b` are two. Read off the ids of `models.json`.
 */
const wordsByFamily: Readonly<Record<string, readonly string[]>> = {
  claude: ['claude'],
  command: ['command', 'c4ai'],
  deepseek: ['deepseek'],
  gemini: ['gemini'],
  gemma: ['gemma', 'diffusiongemma'],
  glm: ['glm'],
  gpt: ['gpt', 'chatgpt'],
  'gpt-oss': ['gpt-oss'],
  granite: ['granite'],
  grok: ['grok'],
  jamba: ['jamba'],
  kimi: ['kimi'],
  llama: ['llama', 'llama2', 'llama3', 'llama4'],
  minimax: ['minimax'],
  mistral: [
    'mistral',
    'mixtral',
    'ministral',
    'magistral',
    'codestral',
    'devstral',
    'pixtral',
    'voxtral',
  ],
  nemotron: ['nemotron'],
  nova: ['nova'],
  o: ['o1', 'o3', 'o4'],
  phi: ['phi'],
  qwen: ['qwen', 'qwen2', 'qwen2p5', 'qwen3', 'qwen3p5', 'qwq', 'qvq'],
  sonar: ['sonar'],
}

/** Longest words first: `gpt-oss` before `gpt`. */
const known = Object.entries(wordsByFamily)
  .flatMap(([family, words]) => words.map((word) => ({ family, word })))
  .sort((a, b) => b.word.length - a.word.length)

/**
 * The family of a model by its id, or null when no word of it is known. Of several words the first decides:
 * `DeepSeek-R1-Distill-Llama-70B` is of DeepSeek. What stands before the last `/` names a host or an account.
 */
export function familyOf(model: string): string | null {
  const name = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  // A version may follow a word without a gap: "qwen2.5", "llama3.1".
  const pieces = name.split(/[^a-z0-9]+/)
  for (let at = 0; at < pieces.length; at += 1) {
    const rest = pieces.slice(at).join('-')
    const found = known.find(({ word }) => rest === word || rest.startsWith(`${word}-`))
    if (found !== undefined) return found.family
  }
  return null
}
