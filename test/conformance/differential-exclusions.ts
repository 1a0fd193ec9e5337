import type { Answer, AnswerPart } from './answer.ts'
import { responseBytes, type RecordedCase } from './corpus.ts'

/** A way in which another decoder is known to read recordings differently. */
export interface DifferentialRule {
  readonly name: string
  /** The npm packages it holds for; empty means all. */
  readonly decoders: readonly string[]
  readonly covers: (recorded: RecordedCase, ours: Answer, theirs: Answer) => boolean
  readonly parts: readonly AnswerPart[]
  readonly reason: string
  /** The vendor's page, or the recording, that shows the other decoder wrong or narrower. */
  readonly source: string
}

function says(recorded: RecordedCase, phrase: string | RegExp): boolean {
  const text = new TextDecoder().decode(responseBytes(recorded))
  return typeof phrase === 'string' ? text.includes(phrase) : phrase.test(text)
}

const always = (): boolean => true

export const differentialRules: readonly DifferentialRule[] = [
  {
    name: 'nothing-after-an-error',
    decoders: [],
    covers: (_, ours) => ours.ending === 'error',
    parts: ['usage', 'finish', 'text', 'reasoning', 'toolCalls', 'ending'],
    reason:
      'they give up what came before an in-band error; some call such an answer finished. The oracle checks ours.',
    source:
      'corpus anthropic/messages/stream-midstream-error-*, openrouter/chat/stream-midstream-error-*',
  },
  {
    name: 'refusal-is-no-text',
    decoders: ['@ai-sdk/openai', '@ai-sdk/openai-compatible'],
    covers: (_, ours) => ours.choices.some(({ refusal }) => refusal !== ''),
    parts: ['text', 'finish'],
    reason:
      'they put `refusal` into the text and call the finish a content filter; the recording says `stop`',
    source: 'corpus openai/chat/stream-refusal-stream-b2746d',
  },
  {
    name: 'several-choices',
    decoders: [],
    covers: (_, ours) => ours.choices.length > 1,
    parts: ['text', 'reasoning', 'toolCalls', 'finish'],
    reason: 'they know one answer and write the pieces of all choices into it',
    source: 'corpus fireworks/chat/stream-e22f98c05933-7ebc21',
  },
  {
    name: 'legacy-function-call',
    decoders: ['@ai-sdk/openai', '@ai-sdk/openai-compatible'],
    covers: (recorded) => says(recorded, /"function_call": ?\{/),
    parts: ['toolCalls'],
    reason: 'they do not read `function_call`, the form of 2023',
    source: 'corpus openai/chat/json-tool-call-openai-functions-eaa62d',
  },
  {
    name: 'reasoning-content',
    decoders: ['@ai-sdk/openai'],
    covers: (recorded) => says(recorded, '"reasoning_content"'),
    parts: ['reasoning'],
    reason:
      'OpenAI sends no thoughts in Chat Completions, so their decoder reads none; this recording has them',
    source: 'corpus openai/chat/json-reasoning-completion-reasoning-13ea18',
  },
  {
    name: 'reasoning-details',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) =>
      says(recorded, '"reasoning_details"') && !says(recorded, /"reasoning(_content)?": ?"[^"]/),
    parts: ['reasoning'],
    reason: 'thoughts that are in `reasoning_details` alone are not read',
    source: 'corpus snowflake/chat/json-tool-call-snowflake-thinking-910855',
  },
  {
    name: 'thoughts-beside-completion-tokens',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (_, ours, theirs) =>
      (ours.usage.output ?? 0) === (theirs.usage.output ?? 0) + (theirs.usage.reasoning ?? 0),
    parts: ['usage.output'],
    reason:
      'the vendor counts thoughts beside `completion_tokens`: its own total adds them, or they are more than the whole',
    source: 'corpus xai/chat/json-reasoning-thinking-2e1beb: 11 + 332 thoughts = total - prompt',
  },
  {
    name: 'compatible-cache-counts',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) =>
      says(recorded, /"(cached_tokens|cache_write_tokens|cache_creation_input_tokens)"/),
    parts: ['usage.cacheRead', 'usage.cacheWrite'],
    reason:
      'they read `prompt_tokens_details.cached_tokens` only: not `cache_write_tokens` (OpenRouter), not `cached_tokens` beside the counts (Moonshot, Together)',
    source: 'corpus openrouter/chat/json-truncated-openrouter-cache-all-settings-real-api-e8ac72',
  },
  {
    name: 'eos',
    decoders: ['@ai-sdk/openai-compatible'],
    covers: (recorded) => says(recorded, /"finish_reason": ?"eos"/),
    parts: ['finish'],
    reason: '`eos` is the model’s own stop',
    source:
      'docs.together.ai, chat completions, finish_reason: stop | eos | length | tool_calls, 2026-11-20',
  },
  {
    name: 'groq-usage',
    decoders: ['@ai-sdk/groq'],
    covers: (recorded) => recorded.meta.stream && !says(recorded, /"x_groq":[^}]*"usage"/),
    parts: ['usage'],
    reason: 'their stream reads `x_groq.usage` only; Groq also sends `usage` as OpenAI does',
    source: 'corpus groq/chat/stream-stream-with-tools-3-8bf3b1',
  },
  {
    name: 'audio-beside-prompt-tokens',
    decoders: ['@ai-sdk/mistral'],
    covers: (recorded) => says(recorded, '"prompt_audio_seconds"'),
    parts: ['usage.input'],
    reason: 'Mistral counts audio beside `prompt_tokens`; its own total adds it',
    source:
      'corpus mistral/chat/stream-audio-in-streaming-agent-sends-audio-7125fe: 11 + 375 + 15 = 401',
  },
  {
    name: 'cohere-counts',
    decoders: ['@ai-sdk/cohere'],
    covers: always,
    parts: ['usage.cacheRead', 'usage.reasoning'],
    reason: 'they read neither `cached_tokens` nor `tokens.reasoning_tokens`',
    source: 'corpus cohere/chat/stream-reasoning-thinking-stream-32fdd7',
  },
  {
    name: 'cohere-image-tokens',
    decoders: ['@ai-sdk/cohere'],
    covers: (recorded) => says(recorded, '"image_tokens"'),
    parts: ['usage.input'],
    reason:
      'some models count images beside `tokens.input_tokens`: there are more of them than of the whole',
    source:
      'corpus cohere/chat/json-image-in-chat-vision-models-cohere-command-a-plus-05-2026-can-und-b927a8',
  },
  {
    name: 'cohere-tool-plan',
    decoders: ['@ai-sdk/cohere'],
    covers: (recorded) => says(recorded, '"tool_plan"'),
    parts: ['reasoning'],
    reason: '`tool_plan`, what the model thinks before a call, is not read',
    source:
      'docs.cohere.com/reference/chat, message.tool_plan: "A chain-of-thought style reflection", 2026-11-20',
  },
  {
    name: 'server-tools',
    decoders: ['@ai-sdk/amazon-bedrock'],
    covers: (recorded) => says(recorded, '"server_tool_use"'),
    parts: ['toolCalls', 'ending'],
    reason: 'a call of `type: server_tool_use` was run by the provider; they hand it to the client',
    source: 'docs.aws.amazon.com, Converse ToolUseBlock.type, 2026-11-20',
  },
  {
    name: 'compaction',
    decoders: ['@ai-sdk/anthropic'],
    covers: (recorded) => says(recorded, '"compaction"'),
    parts: ['text', 'usage.input', 'usage.output'],
    reason:
      'a `compaction` block is a summary for the next request, not the answer; the top-level counts are those of the answer, what the summary used is in `iterations` (they add it)',
    source: 'platform.claude.com, compaction, content blocks and usage, 2026-11-20',
  },
  {
    name: 'after-message-stop',
    decoders: ['@ai-sdk/anthropic'],
    covers: (recorded) => says(recorded, /"message_stop"[^]*"message_start"/),
    parts: ['text', 'reasoning', 'toolCalls', 'finish', 'usage'],
    reason:
      'the recording holds several answers one after the other; `message_stop` ends the first, they read on',
    source: 'platform.claude.com, streaming messages, event flow, 2026-11-20',
  },
  {
    name: 'cut-arguments',
    decoders: [],
    covers: (_, ours) =>
      ours.choices.some(({ toolCalls }) => toolCalls.some((call) => !isJson(call.arguments))),
    parts: ['toolCalls', 'ending', 'finish', 'reasoning', 'usage'],
    reason:
      'a call whose arguments were cut is left out or an error there; we hand on what the model wrote, with its finish',
    source: 'corpus anthropic/messages/stream-tool-call-incomplete-partial-json-response-0bc25d',
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

/** Single cases: the parts that differ, and why. A listed part that agrees fails the run. */
export const differentialCases: Readonly<
  Record<string, { readonly parts: readonly AnswerPart[]; readonly reason: string }>
> = {}
