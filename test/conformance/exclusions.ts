import { responseBytes, type RecordedCase } from './corpus.ts'
import type { CaseExclusion, DifferentialRule, RefusalRule, SkipRule } from './exclusion.ts'

/*
 * Everything that the suite leaves out or lets differ, with its reason. What is
 * not here and differs fails the run.
 */

function operations(name: string, reason: string, ...covered: string[]): SkipRule {
  return { name, reason, covers: (recorded) => covered.includes(recorded.operation) }
}

/** The operations that this suite proves; an operation that neither list knows is a failure. */
export const provenOperations: ReadonlySet<string> = new Set(['chat', 'messages', 'count-tokens'])

export const skipRules: readonly SkipRule[] = [
  operations(
    'responses',
    'the OpenAI Responses dialect answers 501 until it is built',
    'responses',
  ),
  operations('embeddings', '/v1/embeddings answers 501 until it is built', 'embeddings'),
  operations('rerank', '/v1/rerank answers 501 until it is built', 'rerank'),
  operations('moderation', '/v1/moderations answers 501 until it is built', 'moderation'),
  operations('image', '/v1/images/generations answers 501 until it is built', 'image'),
  operations('audio', '/v1/audio/* answers 501 until it is built', 'speech', 'transcription'),
  operations(
    'completions',
    'the legacy text completions API: no dialect of ours is served by it',
    'completions',
  ),
  operations(
    'invoke',
    'Bedrock InvokeModel carries each model’s own format; the adapter speaks Converse',
    'invoke',
  ),
  operations(
    'generate',
    'Ollama’s /api/generate has no messages; the adapter speaks /api/chat',
    'generate',
  ),
  operations(
    'interactions',
    'Gemini’s Interactions API; the adapter speaks generateContent',
    'interactions',
  ),
  {
    name: 'cohere-v1',
    reason: 'Cohere’s retired v1 chat API; the adapter speaks v2',
    covers: ({ provider, meta }) => provider === 'cohere' && meta.tags.includes('cohere-v1'),
  },
]

/** By case id: single recordings that contradict their own protocol. */
export const caseExclusions: Readonly<Record<string, CaseExclusion>> = {}

function says(recorded: RecordedCase, phrase: string | RegExp): boolean {
  const text = new TextDecoder().decode(responseBytes(recorded))
  return typeof phrase === 'string' ? text.includes(phrase) : phrase.test(text)
}

const openAiReference =
  'OpenAI’s OpenAPI document 2.3.0 (platform.openai.com/docs/api-reference), 2026-11-26'

/** What is known of how the `@ai-sdk` packages read. */
export const differentialRules: readonly DifferentialRule[] = [
  {
    name: 'nothing-after-an-error',
    decoders: [],
    covers: (_, ours) => ours.ending === 'error',
    parts: ['usage', 'finish', 'text', 'reasoning', 'toolCalls', 'ending'],
    reason:
      'they give up what came before an in-band error; some call such an answer finished. The oracle checks ours.',
    page: 'openrouter.ai/docs/api/reference/streaming, handling errors during streaming: "still arrive as regular data: events with an error field", 2026-11-26; platform.claude.com, streaming, error events, 2026-11-20',
    shownBy: 'anthropic/messages/stream-midstream-error-midstream-overloaded-8a4ed0',
  },
  {
    name: 'refusal-is-no-text',
    decoders: ['@ai-sdk/openai', '@ai-sdk/openai-compatible'],
    covers: (_, ours) => ours.choices.some(({ refusal }) => refusal !== ''),
    parts: ['text', 'finish'],
    reason:
      'they put `refusal` into the text and call the finish a content filter; the recording says `stop`',
    page: `${openAiReference}, ChatCompletionResponseMessage.refusal, beside content`,
    shownBy: 'openai/chat/stream-refusal-stream-b2746d',
  },
  {
    name: 'several-choices',
    decoders: [],
    covers: (_, ours) => ours.choices.length > 1,
    parts: ['text', 'reasoning', 'toolCalls', 'finish'],
    reason: 'they know one answer and write the pieces of all choices into it',
    page: `${openAiReference}, choices: "Can be more than one if n is greater than 1"`,
    shownBy: 'fireworks/chat/stream-e22f98c05933-7ebc21',
  },
  {
    name: 'legacy-function-call',
    decoders: ['@ai-sdk/openai', '@ai-sdk/openai-compatible'],
    covers: (recorded) => says(recorded, /"function_call": ?\{/),
    parts: ['toolCalls'],
    reason: 'they do not read `function_call`, the form of 2023',
    page: `${openAiReference}, ChatCompletionResponseMessage.function_call, deprecated and still sent`,
    shownBy: 'openai/chat/json-tool-call-openai-functions-eaa62d',
  },
  {
    name: 'reasoning-content',
    decoders: ['@ai-sdk/openai'],
    covers: (recorded) => says(recorded, '"reasoning_content"'),
    parts: ['reasoning'],
    reason:
      'OpenAI sends no thoughts in Chat Completions, so their decoder reads none; this recording has them',
    page: 'api-docs.deepseek.com, thinking mode, reasoning_content, 2026-11-20',
    shownBy: 'openai/chat/json-reasoning-completion-reasoning-13ea18',
  },
  {
    name: 'reasoning-details',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) =>
      says(recorded, '"reasoning_details"') && !says(recorded, /"reasoning(_content)?": ?"[^"]/),
    parts: ['reasoning'],
    reason: 'thoughts that are in `reasoning_details` alone are not read',
    page: 'openrouter.ai/docs/use-cases/reasoning-tokens, reasoning_details, 2026-11-20',
    shownBy: 'snowflake/chat/json-tool-call-snowflake-thinking-910855',
  },
  {
    name: 'thoughts-beside-completion-tokens',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (_, ours, theirs) =>
      (ours.usage.output ?? 0) === (theirs.usage.output ?? 0) + (theirs.usage.reasoning ?? 0),
    parts: ['usage.output'],
    reason:
      'the vendor counts thoughts beside `completion_tokens`: its own total adds them (11 + 332 thoughts = total - prompt), or they are more than the whole',
    page: 'docs.cloud.google.com, Grok models, reasoning: "outputted in the reasoning_tokens field, separated from the completion_tokens", 2026-11-26',
    shownBy: 'xai/chat/json-reasoning-thinking-2e1beb',
  },
  {
    name: 'compatible-cache-counts',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) =>
      says(recorded, /"(cached_tokens|cache_write_tokens|cache_creation_input_tokens)"/),
    parts: ['usage.cacheRead', 'usage.cacheWrite'],
    reason:
      'they read `prompt_tokens_details.cached_tokens` only: not `cache_write_tokens` (OpenRouter), not `cached_tokens` beside the counts (Moonshot, Together)',
    page: 'openrouter.ai/docs/use-cases/usage-accounting, 2026-11-20',
    shownBy: 'openrouter/chat/json-truncated-openrouter-cache-all-settings-real-api-e8ac72',
  },
  {
    name: 'eos',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) => says(recorded, /"finish_reason": ?"eos"/),
    parts: ['finish'],
    reason: '`eos` is the model’s own stop',
    page: 'docs.together.ai, chat completions, finish_reason: stop | eos | length | tool_calls, 2026-11-20',
    shownBy: 'together/chat/json-recording-edfccc',
  },
  {
    name: 'groq-usage',
    decoders: ['@ai-sdk/groq'],
    covers: (recorded) => recorded.meta.stream && !says(recorded, /"x_groq":[^}]*"usage"/),
    parts: ['usage'],
    reason: 'their stream reads `x_groq.usage` only; Groq also sends `usage` as OpenAI does',
    page: 'console.groq.com/docs/openai, 2026-11-20',
    shownBy: 'groq/chat/stream-stream-with-tools-3-8bf3b1',
  },
  {
    name: 'audio-beside-prompt-tokens',
    decoders: ['@ai-sdk/mistral'],
    covers: (recorded) => says(recorded, '"prompt_audio_seconds"'),
    parts: ['usage.input'],
    reason:
      'Mistral counts audio beside `prompt_tokens`; its own total adds it (11 + 375 + 15 = 401)',
    page: 'docs.mistral.ai/capabilities/audio, 2026-11-20',
    shownBy: 'mistral/chat/stream-audio-in-streaming-agent-sends-audio-7125fe',
  },
  {
    name: 'cohere-counts',
    decoders: ['@ai-sdk/cohere'],
    covers: () => true,
    parts: ['usage.cacheRead', 'usage.reasoning'],
    reason: 'they read neither `cached_tokens` nor `tokens.reasoning_tokens`',
    page: 'docs.cohere.com/reference/chat, usage, 2026-11-20',
    shownBy: 'cohere/chat/stream-reasoning-thinking-stream-32fdd7',
  },
  {
    name: 'cohere-image-tokens',
    decoders: ['@ai-sdk/cohere'],
    covers: (recorded) => says(recorded, '"image_tokens"'),
    parts: ['usage.input'],
    reason:
      'some models count images beside `tokens.input_tokens`: there are more of them than of the whole',
    page: 'docs.cohere.com/reference/chat, usage.tokens, 2026-11-20',
    shownBy:
      'cohere/chat/json-image-in-chat-vision-models-cohere-command-a-plus-05-2026-can-und-b927a8',
  },
  {
    name: 'cohere-tool-plan',
    decoders: ['@ai-sdk/cohere'],
    covers: (recorded) => says(recorded, '"tool_plan"'),
    parts: ['reasoning'],
    reason: '`tool_plan`, what the model thinks before a call, is not read',
    page: 'docs.cohere.com/reference/chat, message.tool_plan: "A chain-of-thought style reflection", 2026-11-20',
    shownBy: 'cohere/chat/json-tool-call-langgraph-react-agent-c0e526',
  },
  {
    name: 'server-tools',
    decoders: ['@ai-sdk/amazon-bedrock'],
    covers: (recorded) => says(recorded, '"server_tool_use"'),
    parts: ['toolCalls', 'ending'],
    reason: 'a call of `type: server_tool_use` was run by the provider; they hand it to the client',
    page: 'docs.aws.amazon.com, Converse ToolUseBlock.type, 2026-11-20',
    shownBy: 'bedrock/chat/json-parallel-tool-calls-bedrock-model-with-code-execution-tool-6e89a6',
  },
  {
    name: 'compaction',
    decoders: ['@ai-sdk/anthropic'],
    covers: (recorded) => says(recorded, '"compaction"'),
    parts: ['text', 'usage.input', 'usage.output'],
    reason:
      'a `compaction` block is a summary for the next request, not the answer; the top-level counts are those of the answer, what the summary used is in `iterations` (they add it)',
    page: 'platform.claude.com, compaction, content blocks and usage, 2026-11-20',
    shownBy: 'anthropic/messages/json-anthropic-compaction-end-to-end-4c4dfc',
  },
  {
    name: 'after-message-stop',
    decoders: ['@ai-sdk/anthropic'],
    covers: (recorded) => says(recorded, /"message_stop"[^]*"message_start"/),
    parts: ['text', 'reasoning', 'toolCalls', 'finish', 'usage'],
    reason:
      'the recording holds several answers one after the other; `message_stop` ends the first, they read on',
    page: 'platform.claude.com, streaming messages, event flow, 2026-11-20',
    shownBy:
      'anthropic/messages/stream-parallel-tool-calls-anthropic-tool-search-deferred-bm25-8d2e53',
  },
  {
    name: 'cut-arguments',
    decoders: [],
    covers: (_, ours) =>
      ours.choices.some(({ toolCalls }) => toolCalls.some((call) => !isJson(call.arguments))),
    parts: ['toolCalls', 'ending', 'finish', 'reasoning', 'usage'],
    reason:
      'a call whose arguments were cut is left out or an error there; we hand on what the model wrote, with its finish',
    page: `${openAiReference}, arguments: "the model does not always generate valid JSON"`,
    shownBy: 'anthropic/messages/stream-tool-call-incomplete-partial-json-response-0bc25d',
  },
]

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** What is known of recordings that the `@ai-sdk` packages do not take at all. */
export const refusalRules: readonly RefusalRule[] = [
  {
    name: 'citation-without-file',
    decoder: '@ai-sdk/anthropic',
    says: /"citations",\s*\d+,\s*"file_id"/,
    reason: 'they require `file_id` in a citation: answers from before the Files API have none',
    page: '@anthropic-ai/sdk 1.11.0, CitationContentBlockLocation.file_id: string | null; platform.claude.com, citations, 2026-11-20',
    shownBy:
      'anthropic/messages/json-citations-generate-structured-with-text-document-citations-1-d1be96',
  },
  {
    name: 'filtered-choice-without-message',
    decoder: '@ai-sdk/openai',
    says: /"choices",\s*\d+,\s*"message"/,
    reason: 'they require a message; Azure leaves it out of an answer that its filter took',
    page: 'learn.microsoft.com/en-us/javascript/api/@azure/openai/chatchoice, message is optional, 2026-11-26',
    shownBy: 'azure-openai/chat/json-refusal-chat-content-filtering-9dc262',
  },
  {
    name: 'tool-result-delta',
    decoder: '@ai-sdk/amazon-bedrock',
    says: /"contentBlockDelta",\s*"delta"/,
    reason: 'they do not know the `toolResult` of a tool that the provider runs',
    page: 'docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html, toolResult, 2026-11-26',
    shownBy:
      'bedrock/chat/stream-tool-call-chat-web-search-with-bedrock-amazon-nova-2-lite-v1-0-str-f5b7ea',
  },
  {
    name: 'citation-of-a-tool',
    decoder: '@ai-sdk/cohere',
    says: /"sources",\s*\d+,\s*"document"/,
    reason: 'they require a `document`; the source of a citation may be a tool’s output',
    page: 'docs.cohere.com/reference/chat, message.citations.sources of type tool, 2026-11-20',
    shownBy: 'cohere/chat/json-citations-langchain-tool-calling-agent-c3f205',
  },
  {
    name: 'error-without-counts',
    decoder: '@ai-sdk/cohere',
    says: /"usage",\s*"tokens"/,
    reason: 'they require `usage.tokens`; a stream that ends in `finish_reason: ERROR` has none',
    page: 'docs.cohere.com/v2/docs/streaming, message-end, 2026-11-20',
    shownBy: 'cohere/chat/stream-midstream-error-sql-agent-05dba1',
  },
  {
    name: 'enums-as-numbers',
    decoder: '@ai-sdk/google',
    says: /"finishReason"[^]*expected string, received number/,
    reason: 'they require the names of enums; protobuf’s JSON may carry their numbers',
    page: 'protobuf.dev/programming-guides/json: "Parsers accept both enum names and integer values", 2026-11-26',
    shownBy: 'gemini/chat/json-structured-output-testgoogleaiwithjsonmode-a9eb2c',
  },
]
