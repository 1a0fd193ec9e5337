/** What a client asks of a provider; one cell of the table is one client, one operation, one provider. */
export type Operation =
  | 'chat'
  | 'streaming'
  | 'tool loop'
  | 'streamed tool loop'
  | 'parallel tools'
  | 'forced tool'
  | 'JSON schema'
  | 'streamed JSON schema'
  | 'image as base64'
  | 'image by URL'
  | 'reasoning'
  | 'streamed reasoning'
  | 'upstream refusal'
  | 'upstream outage'
  | 'broken stream'
  | 'abort'
  | 'count tokens'

/** One provider of `routes.json`, and the model that speaks for it. */
export interface SdkTarget {
  readonly provider: string
  readonly model: string
  /** The provider's own id of `model`, as the simulator sees it. */
  readonly upstream: string
  /** A model that thinks; null where the provider has none in `routes.json`. */
  readonly thinker: string | null
  /** OpenAI thinks in silence: its Chat Completions count the tokens of a thought and never show it. */
  readonly thinksAloud: boolean
  /** Operations that the plan refuses by name, and the feature that is missing. */
  readonly cannot: Readonly<Partial<Record<Operation, string>>>
}

/** Models without eyes. */
const blind = { 'image as base64': 'imageBase64', 'image by URL': 'imageUrl' } as const

export const targets: readonly SdkTarget[] = [
  {
    provider: 'openai',
    model: 'gpt-4.1@openai',
    upstream: 'gpt-4.1',
    thinker: 'gpt-5@openai',
    thinksAloud: false,
    cannot: {},
  },
  {
    provider: 'anthropic',
    model: 'claude-sonnet-4-5@anthropic',
    upstream: 'claude-sonnet-4-5',
    thinker: 'claude-sonnet-4-5@anthropic',
    thinksAloud: true,
    cannot: {},
  },
  {
    provider: 'gemini',
    model: 'gemini-2.5-flash@gemini',
    upstream: 'gemini-2.5-flash',
    thinker: 'gemini-2.5-flash@gemini',
    thinksAloud: true,
    cannot: {},
  },
  {
    provider: 'mistral',
    model: 'mistral-large-latest@mistral',
    upstream: 'mistral-large-latest',
    thinker: 'magistral-medium-latest@mistral',
    thinksAloud: true,
    cannot: {},
  },
  {
    provider: 'cohere',
    model: 'command-a-03-2025@cohere',
    upstream: 'command-a-03-2025',
    thinker: null,
    thinksAloud: false,
    cannot: {},
  },
  {
    provider: 'bedrock',
    model: 'nova-lite@bedrock',
    upstream: 'amazon.nova-lite-v1:0',
    thinker: 'claude-sonnet-4-5@bedrock',
    thinksAloud: true,
    cannot: { 'image by URL': 'imageUrl' },
  },
  {
    provider: 'azure-openai',
    model: 'gpt-4.1@azure-openai',
    upstream: 'gpt-4.1',
    thinker: null,
    thinksAloud: false,
    cannot: {},
  },
  {
    provider: 'workers-ai',
    model: '@cf/meta/llama-3.3-70b-instruct-fp8-fast@workers-ai',
    upstream: '@cf/meta/llama-3.3-70b-instruct-fp8-fast',
    thinker: '@cf/openai/gpt-oss-120b@workers-ai',
    thinksAloud: true,
    cannot: blind,
  },
  {
    provider: 'groq',
    model: 'llama-3.3-70b-versatile@groq',
    upstream: 'llama-3.3-70b-versatile',
    thinker: 'gpt-oss-120b@groq',
    thinksAloud: true,
    cannot: blind,
  },
  {
    provider: 'xai',
    model: 'grok-4.3@xai',
    upstream: 'grok-4.3',
    thinker: 'grok-4.3@xai',
    thinksAloud: true,
    cannot: {},
  },
  {
    provider: 'deepseek',
    model: 'deepseek-v4-flash@deepseek',
    upstream: 'deepseek-v4-flash',
    thinker: 'deepseek-v4-flash@deepseek',
    thinksAloud: true,
    cannot: { ...blind, 'JSON schema': 'jsonSchema', 'streamed JSON schema': 'jsonSchema' },
  },
  {
    provider: 'ollama',
    model: 'llama3.3@ollama',
    upstream: 'llama3.3',
    thinker: 'llama3.3@ollama',
    thinksAloud: true,
    cannot: { 'image by URL': 'imageUrl', 'forced tool': 'toolChoiceNamed' },
  },
]
