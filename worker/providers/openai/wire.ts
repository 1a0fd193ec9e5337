/**
 * The fields we read of an OpenAI-shaped answer. Vendors leave out, null or
 * misspell any of them, so each is `unknown` until looked at.
 */
export interface WireChunk {
  readonly id?: unknown
  readonly model?: unknown
  readonly created?: unknown
  readonly choices?: unknown
  readonly usage?: unknown
  readonly error?: unknown
  /** Groq's extras; older streams carry usage only here. */
  readonly x_groq?: unknown
  /** Perplexity's sources. */
  readonly citations?: unknown
  readonly search_results?: unknown
  /** Venice's price of the call. */
  readonly cost?: unknown
  /** MiniMax's and FastAPI's ways to say what is wrong. */
  readonly base_resp?: unknown
  readonly detail?: unknown
  readonly message?: unknown
  readonly object?: unknown
}

export interface WireChoice {
  readonly index?: unknown
  readonly delta?: unknown
  readonly message?: unknown
  readonly finish_reason?: unknown
  readonly logprobs?: unknown
  readonly error?: unknown
  readonly usage?: unknown
}

/** A `delta` of a stream, or the `message` of a whole answer: the same fields. */
export interface WireMessagePart {
  readonly content?: unknown
  readonly refusal?: unknown
  readonly reasoning_content?: unknown
  readonly reasoning?: unknown
  readonly reasoning_details?: unknown
  readonly tool_calls?: unknown
  readonly function_call?: unknown
  readonly annotations?: unknown
  readonly audio?: unknown
  readonly images?: unknown
}

export interface WireToolCall {
  readonly index?: unknown
  readonly id?: unknown
  readonly type?: unknown
  readonly function?: unknown
  readonly custom?: unknown
}

/** `value` as an object with fields `T`; null for everything that is none. */
export function objectOf<T extends object>(value: unknown): T | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as T) : null
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A string with something in it, else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
