import type { Vendor } from './wire.ts'

/**
 * What is known of each provider's way with its wire format. Traits are taken
 * from the recorded corpus (`<provider>/chat/stream-*`); a provider that is not
 * here speaks plain OpenAI Chat Completions.
 */
const vendors: readonly Vendor[] = [
  { id: 'openai', wire: 'openai', usage: 'asked', strict: true },
  { id: 'azure-openai', wire: 'openai', usage: 'asked', strict: true },
  { id: 'anthropic', wire: 'anthropic' },
  { id: 'gemini', wire: 'gemini' },
  { id: 'mistral', wire: 'mistral' },
  { id: 'cohere', wire: 'cohere' },
  { id: 'bedrock', wire: 'bedrock' },
  { id: 'workers-ai', wire: 'workers-ai' },
  { id: 'ollama', wire: 'ollama', keyless: true, reasoningField: 'reasoning', usage: 'asked' },
  {
    id: 'groq',
    wire: 'openai',
    reasoningField: 'reasoning',
    usage: 'finish',
    wholeArguments: true,
  },
  { id: 'deepseek', wire: 'openai', reasoningField: 'reasoning_content', usage: 'finish' },
  {
    id: 'xai',
    wire: 'openai',
    reasoningField: 'reasoning_content',
    usage: 'asked',
    wholeArguments: true,
  },
  { id: 'together', wire: 'openai', reasoningField: 'reasoning', usage: 'finish' },
  { id: 'perplexity', wire: 'openai', usage: 'each', withoutDone: true },
  { id: 'openrouter', wire: 'openai', reasoningField: 'reasoning', usage: 'always' },
  { id: 'cerebras', wire: 'openai', reasoningField: 'reasoning', usage: 'finish' },
  { id: 'moonshot', wire: 'openai', reasoningField: 'reasoning_content', usage: 'finish' },
  {
    id: 'vllm',
    wire: 'openai',
    keyless: true,
    reasoningField: 'reasoning_content',
    usage: 'asked',
  },
  {
    id: 'lmstudio',
    wire: 'openai',
    keyless: true,
    reasoningField: 'reasoning_content',
    usage: 'asked',
  },
]

/** Names that other tools use for the same vendor. */
const aliases: Readonly<Record<string, string>> = {
  azure: 'azure-openai',
  google: 'gemini',
  'google-gemini': 'gemini',
  'amazon-bedrock': 'bedrock',
  'aws-bedrock': 'bedrock',
  'cloudflare-workers-ai': 'workers-ai',
  moonshotai: 'moonshot',
  'lm-studio': 'lmstudio',
  // Adapters that speak another vendor's form.
  'azure-foundry': 'azure-openai',
  'ollama-openai': 'ollama',
}

const byId: ReadonlyMap<string, Vendor> = new Map(vendors.map((vendor) => [vendor.id, vendor]))

/** The vendor that the first segment of a path names. */
export function vendorOf(id: string): Vendor {
  const known = byId.get(aliases[id] ?? id)
  if (known !== undefined) return { ...known, id }
  return { id, wire: 'openai', reasoningField: 'reasoning_content', usage: 'asked' }
}
