import type { ChoiceFinish, FinishReason } from '../../canonical/events.ts'
import type { FailureClass } from '../../canonical/failure.ts'

/** Finish words of OpenAI and of the vendors who pass their own engine's word on. */
const reasons: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'toolCalls',
  content_filter: 'contentFilter',
  function_call: 'toolCalls',
  tool_call: 'toolCalls',
  tool_use: 'toolCalls',
  // Together and TGI name the token that stopped them; gateways let Anthropic's words through.
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  complete: 'stop',
  max_tokens: 'length',
  max_length: 'length',
  refusal: 'refusal',
  // z.ai (docs.z.ai/api-reference/llm/chat-completion, 2026-11-20)
  sensitive: 'contentFilter',
  model_context_window_exceeded: 'contextWindow',
}

/** Canonical words that OpenAI spells exactly so: nothing is lost by not keeping them. */
const plain: ReadonlySet<string> = new Set(['stop', 'length', 'tool_calls', 'content_filter'])

/**
 * Words that say that the answer broke off, however much a finish they look.
 * `insufficient_system_resource`: api-docs.deepseek.com, 2026-11-20;
 * `network_error`: docs.z.ai, 2026-11-20; `error`: openrouter.ai/docs, 2026-11-20.
 */
const breakOffs: Readonly<Record<string, FailureClass>> = {
  error: 'server_error',
  network_error: 'server_error',
  insufficient_system_resource: 'overloaded',
}

/** The failure that a finish word stands for; undefined when the word is a finish. */
export function breakOffOf(word: string): FailureClass | undefined {
  return Object.hasOwn(breakOffs, word) ? breakOffs[word] : undefined
}

/** What a choice ended with. `word` is the provider's own; undefined when it gave none. */
export function finishOf(
  choice: number,
  word: string | undefined,
  calledTools: boolean,
  toolCallsOverStop: boolean,
): ChoiceFinish {
  if (word === undefined)
    return { choice, reason: toolCallsOverStop ? (calledTools ? 'toolCalls' : 'stop') : 'other' }
  const key = word.toLowerCase()
  const named = Object.hasOwn(reasons, key) ? reasons[key] : undefined
  const reason =
    named === 'stop' && calledTools && toolCallsOverStop ? 'toolCalls' : (named ?? 'other')
  return plain.has(word) ? { choice, reason } : { choice, reason, raw: word }
}
