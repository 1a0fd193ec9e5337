import type { Json, JsonObject } from './json.ts'

export interface AskTool {
  readonly name: string
  readonly schema: Json
}

export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'named'; readonly name: string }

/** What a caller wants, whatever its wire format: all that decides the answer. */
export interface Ask {
  readonly model: string
  readonly stream: boolean
  /** Everything the model reads, one string per part: instructions and tools first, then one per message. */
  readonly promptParts: readonly string[]
  /** How many of `promptParts` lie before the last cache mark; 0 without a mark. */
  readonly markedParts: number
  readonly images: number
  readonly lastUserText: string
  /** Results in the last turn; a conversation that ends in tool results gets an answer that quotes them. */
  readonly toolResults: readonly string[]
  readonly tools: readonly AskTool[]
  readonly toolChoice: ToolChoice
  /** False when the caller allows one call per turn only. */
  readonly parallelCalls: boolean
  readonly json:
    | { readonly kind: 'object' }
    | { readonly kind: 'schema'; readonly schema: Json }
    | null
  readonly reasoning: boolean
  readonly stop: readonly string[]
  readonly maxTokens: number | null
  readonly choices: number
  /** Writes the id of a tool call: `sequence` is the call's number, `index` the place in the answer. */
  readonly toolCallId: (sequence: number, index: number, name: string) => string
}

export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: JsonObject
  /** `arguments` as JSON text, one token each. */
  readonly pieces: readonly string[]
}

export type Finish = 'stop' | 'stop-sequence' | 'length' | 'tool-calls' | 'refusal'

/** One answer, in pieces of one token each. */
export interface Choice {
  readonly reasoning: readonly string[]
  readonly text: readonly string[]
  readonly toolCalls: readonly ToolCall[]
  readonly finish: Finish
  readonly stopSequence: string | null
}

/** `input` counts every prompt token, cached or not; `output` counts reasoning too. */
export interface Tokens {
  readonly input: number
  readonly output: number
  readonly reasoning: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

export interface Answer {
  readonly choices: readonly [Choice, ...Choice[]]
  readonly tokens: Tokens
}
