import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createCohere } from '@ai-sdk/cohere'
import { createDeepSeek } from '@ai-sdk/deepseek'
import { createGoogle } from '@ai-sdk/google'
import { createGroq } from '@ai-sdk/groq'
import { createMistral } from '@ai-sdk/mistral'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { AnswerDraft, type Answer, type AnswerFinish } from './answer.ts'
import type { RecordedCase } from './corpus.ts'

type Fetch = typeof globalThis.fetch
type Model = ReturnType<ReturnType<typeof createOpenAI>['chat']>

export interface OtherDecoder {
  /** The npm package. */
  readonly name: string
  readonly model: Model
}

/** The `@ai-sdk` package that reads the wire format of a case; undefined when there is none. */
export function otherDecoderFor(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
  fetch: Fetch,
): OtherDecoder | undefined {
  const model = 'conformance'
  const settings = { apiKey: 'none', fetch }
  switch (adapter.wire) {
    case 'anthropic-messages':
      return { name: '@ai-sdk/anthropic', model: createAnthropic(settings)(model) }
    case 'gemini':
      return { name: '@ai-sdk/google', model: createGoogle(settings)(model) }
    case 'mistral':
      return { name: '@ai-sdk/mistral', model: createMistral(settings)(model) }
    case 'cohere':
      return { name: '@ai-sdk/cohere', model: createCohere(settings)(model) }
    case 'bedrock-converse':
      return {
        name: '@ai-sdk/amazon-bedrock',
        model: createAmazonBedrock({ ...settings, region: 'us-east-1' })(model),
      }
    case 'openai-chat':
      return openAiFamily(recorded.provider, settings)
    case 'workers-ai':
    case 'ollama':
      return undefined
  }
}

function openAiFamily(provider: string, settings: { apiKey: string; fetch: Fetch }): OtherDecoder {
  const model = 'conformance'
  switch (provider) {
    case 'openai':
    case 'azure-openai':
      return { name: '@ai-sdk/openai', model: createOpenAI(settings).chat(model) }
    case 'groq':
      return { name: '@ai-sdk/groq', model: createGroq(settings)(model) }
    case 'deepseek':
      return { name: '@ai-sdk/deepseek', model: createDeepSeek(settings)(model) }
    default: {
      // `@ai-sdk/xai` 5 speaks Responses only, so xAI is read here too.
      const compatible = createOpenAICompatible({
        ...settings,
        name: 'conformance',
        baseURL: 'https://conformance.invalid/v1',
      })
      return { name: '@ai-sdk/openai-compatible', model: compatible(model) }
    }
  }
}

const finishes: Readonly<Record<string, AnswerFinish>> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'contentFilter',
  'tool-calls': 'toolCalls',
}

/** What an error says, and what it says was its cause. */
export function refusalText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Zod's own words say which field; the message around them quotes the recording.
  const own = error.name === 'AI_TypeValidationError' ? error.name : error.message
  return error.cause === undefined ? own : `${own} <- ${refusalText(error.cause)}`
}

/** True for an error that says that the bytes do not fit the package's schema. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.name === 'AI_TypeValidationError' || isRefusal(error.cause)
}

/** What the other decoder understands of the recorded bytes. Throws when they do not fit its schema, or it cannot go on. */
export async function readWithOther(other: OtherDecoder, streamed: boolean): Promise<Answer> {
  const draft = new AnswerDraft()
  const options: Parameters<Model['doStream']>[0] = {
    prompt: [{ role: 'user', content: [{ type: 'text', text: 'conformance' }] }],
  }
  if (!streamed) {
    const result = await other.model.doGenerate(options)
    for (const part of result.content) addPart(draft, part)
    addEnd(draft, result)
    return draft.result()
  }
  const { stream } = await other.model.doStream(options)
  const reader = stream.getReader()
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const part = read.value
    if (part.type === 'text-delta') draft.choice(0).text += part.delta
    else if (part.type === 'reasoning-delta') draft.choice(0).reasoning += part.delta
    else if (part.type === 'tool-call') addPart(draft, part)
    else if (part.type === 'finish') addEnd(draft, part)
    else if (part.type === 'error') {
      if (isRefusal(part.error)) throw part.error
      draft.ending = 'error'
    }
  }
  return draft.result()
}

type Content = Awaited<ReturnType<Model['doGenerate']>>['content'][number]

function addPart(draft: AnswerDraft, part: Content): void {
  const choice = draft.choice(0)
  if (part.type === 'text') choice.text += part.text
  if (part.type === 'reasoning') choice.reasoning += part.text
  if (part.type === 'tool-call' && part.providerExecuted !== true) {
    choice.toolCalls.push({ name: part.toolName, arguments: part.input, id: part.toolCallId })
  }
}

type End = Pick<Awaited<ReturnType<Model['doGenerate']>>, 'finishReason' | 'usage'>

function addEnd(draft: AnswerDraft, { finishReason, usage }: End): void {
  const choice = draft.choice(0)
  choice.finish = finishes[finishReason.unified] ?? 'other'
  if (draft.ending !== 'error')
    draft.ending = finishReason.unified === 'error' ? 'error' : 'finished'
  draft.addUsage({
    input: usage.inputTokens.total,
    output: usage.outputTokens.total,
    reasoning: usage.outputTokens.reasoning,
    cacheRead: usage.inputTokens.cacheRead,
    cacheWrite: usage.inputTokens.cacheWrite,
  })
}
