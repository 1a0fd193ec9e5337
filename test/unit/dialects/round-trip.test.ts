import { describe, expect, it } from 'vitest'
import { parseCountTokens } from '../../../worker/dialects/anthropic-messages/index.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import {
  type Json,
  plain,
  plainAnthropic,
  plainOpenAi,
  toAnthropic,
  toOpenAi,
  without,
} from './inverse.ts'
import { corpusBodies, recordedBodies } from './support.ts'

/** Vendors whose recorded chat bodies are in OpenAI's wire format. */
const openAiFolders = [
  'alibaba',
  'azure-foundry',
  'azure-openai',
  'cerebras',
  'deepseek',
  'fireworks',
  'groq',
  'huggingface',
  'llamacpp',
  'moonshotai',
  'openai',
  'openai-compatible',
  'openrouter',
  'perplexity',
  'together',
  'venice',
  'vercel-gateway',
  'vllm',
  'xai',
  'zai',
]

/** Azure names the model in the URL; the vendors' SDKs leave it out of the body. */
function withModel(body: unknown): Json {
  return { model: 'm', ...(body as Json) }
}

const openAiCases = [
  ...recordedBodies('openai-chat'),
  ...openAiFolders.flatMap((folder) => corpusBodies(`${folder}/chat`)),
]
const anthropicCases = [
  ...recordedBodies('anthropic-messages'),
  ...corpusBodies('anthropic/messages'),
]

describe('parse() of openai-chat', () => {
  it('has recorded bodies to read', () => expect(openAiCases.length).toBeGreaterThan(20))

  it.each(openAiCases)('keeps all of $name but what it names as ignored', ({ body }) => {
    const given = withModel(body)
    const parsed = dialects['openai-chat'].parse(given)
    if (!parsed.ok) throw new Error(parsed.error.message)
    const kept = without(given, parsed.value.ignored)
    expect(plain(toOpenAi(parsed.value))).toEqual(plain(plainOpenAi(kept)))
  })
})

describe('parse() of anthropic-messages', () => {
  it('has recorded bodies to read', () => expect(anthropicCases.length).toBeGreaterThan(15))

  it.each(anthropicCases)('keeps all of $name but what it names as ignored', ({ body }) => {
    const given = withModel(body)
    const parsed = dialects['anthropic-messages'].parse(given)
    if (!parsed.ok) throw new Error(parsed.error.message)
    const kept = without(given, parsed.value.ignored)
    expect(plain(toAnthropic(parsed.value))).toEqual(plain(plainAnthropic(kept)))
  })

  it.each(corpusBodies('anthropic/count-tokens'))('counts $name', ({ body }) => {
    expect(parseCountTokens(body)).toMatchObject({ ok: true })
  })
})
