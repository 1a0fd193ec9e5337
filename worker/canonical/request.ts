import type { Block, CacheMark, Wire, WireValue } from './blocks.ts'
import type { FieldNames } from './features.ts'

/** `developer` is OpenAI's newer word for system instructions; both are kept apart because some models refuse one of them. */
export type Role = 'system' | 'developer' | 'user' | 'assistant'

/**
 * One turn. Tool results are `toolResult` blocks inside a `user` message,
 * wherever the wire format puts them (OpenAI: a `tool` message of its own).
 */
export interface Message {
  readonly role: Role
  readonly content: readonly Block[]
  /** OpenAI's `name` of a participant. */
  readonly name?: string
  /** The field it came in, where that is not `messages` (Anthropic's `system`). */
  readonly field?: string
}

export interface FunctionTool {
  readonly kind: 'function'
  readonly name: string
  readonly description?: string
  /** JSON schema of the arguments. Absent: the tool takes none. */
  readonly parameters?: JsonObject
  readonly strict?: boolean
  readonly cache?: CacheMark
  /** Fields of the tool that only one wire format knows (Anthropic's `input_examples`, ...). */
  readonly extensions?: WireValue
}

/** A tool that the provider runs itself, or one of a form only it knows (web search, OpenAI `custom` tools). */
export interface NativeTool {
  readonly kind: 'native'
  readonly name: string
  readonly raw: WireValue
}

export type Tool = FunctionTool | NativeTool

export type ToolChoice =
  | { readonly type: 'auto' }
  | { readonly type: 'none' }
  | { readonly type: 'required' }
  | { readonly type: 'tool'; readonly name: string }
  /** OpenAI's `allowed_tools`: only these, called if the mode says so. */
  | {
      readonly type: 'allowed'
      readonly mode: 'auto' | 'required'
      readonly names: readonly string[]
    }

export type ResponseFormat =
  | { readonly type: 'text' }
  | { readonly type: 'json' }
  | {
      readonly type: 'jsonSchema'
      readonly name: string
      readonly schema: JsonObject
      readonly description?: string
      readonly strict?: boolean
    }

export interface ReasoningRequest {
  /** As the vendors spell it: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`. */
  readonly effort?: string
  /** The effort asks for thinking itself, as OpenAI's does; absent where it only grades the answer (Anthropic's `output_config`). */
  readonly effortAsksToThink?: true
  /** Tokens the model may think with. */
  readonly budgetTokens?: number
  /** Anthropic's `adaptive`: the model decides. */
  readonly adaptive?: boolean
  /** False when the caller turned thinking off. */
  readonly enabled?: boolean
  /** Leave the thinking out of the answer (Anthropic `display: omitted`, Gemini `includeThoughts: false`). */
  readonly hidden?: boolean
}

export interface Sampling {
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly minP?: number
  readonly frequencyPenalty?: number
  readonly presencePenalty?: number
  readonly repetitionPenalty?: number
  readonly seed?: number
  readonly logitBias?: Readonly<Record<string, number>>
  readonly logprobs?: boolean
  readonly topLogprobs?: number
  /** How many answers; absent means one. */
  readonly n?: number
}

/** What OpenRouter's clients send as `provider`; it narrows the plan, never widens it. */
export interface ProviderPreferences {
  readonly order?: readonly string[]
  readonly only?: readonly string[]
  readonly ignore?: readonly string[]
  readonly allowFallbacks?: boolean
  readonly requireParameters?: boolean
  readonly sort?: string
  readonly maxPrice?: { readonly prompt?: number; readonly completion?: number }
  readonly dataCollection?: string
  readonly zdr?: boolean
}

/** One chat request in our own neutral form. */
export interface CanonicalRequest {
  /** What the client put into `model`: a route, a target or a bare model id. */
  readonly model: string
  /** Further models the client would accept, in order. */
  readonly models?: readonly string[]
  readonly provider?: ProviderPreferences
  readonly messages: readonly Message[]
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  /** False: at most one tool call an answer. */
  readonly parallelToolCalls?: boolean
  readonly responseFormat?: ResponseFormat
  readonly sampling: Sampling
  readonly stop?: readonly string[]
  readonly maxOutputTokens?: number
  readonly reasoning?: ReasoningRequest
  /** Audio out, with the wire's own settings (`voice`, `format`). */
  readonly outputModalities?: readonly string[]
  readonly audioOutput?: JsonObject
  /** The end user, as the caller names them to the provider. */
  readonly userId?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly serviceTier?: string
  readonly promptCacheKey?: string
  readonly verbosity?: string
  readonly stream: boolean
  /** The client wants a usage block in the stream (always true where the dialect always has one). */
  readonly includeUsage: boolean
  /** `"usage":{"include":true}`, as OpenRouter's clients send it: cost inside the last usage event. */
  readonly includeCost: boolean
  /** The client speaks OpenAI's `functions` of 2023: it reads one `function_call`, not `tool_calls`. */
  readonly legacyFunctions?: boolean
  /** Paths of fields that no block or setting of ours can hold (`messages[0].prefix`): left out, and named in `x-switchyard-warning`. */
  readonly ignored?: readonly string[]
  /** What the caller calls what they ask for, where it is not the name that OpenAI's format has for it. */
  readonly fields?: FieldNames
  /** Request fields that only one wire format knows; sent on to providers of that format, named in a warning elsewhere. */
  readonly extensions?: Readonly<Partial<Record<Wire, JsonObject>>>
}

export interface JsonObject {
  readonly [key: string]: unknown
}
