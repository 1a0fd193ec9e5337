import type { Feature } from '../../canonical/features.ts'
import type { FailureClass } from '../../canonical/failure.ts'

/**
 * How one vendor's Chat Completions differs from OpenAI's, as data. Everything
 * optional is OpenAI's own way when absent.
 */
export interface OpenAiQuirks {
  /** Adapter name in `routes.json`. */
  readonly id: string
  /** The vendor's page that describes the wire, and the day it was read (`toolText`). */
  readonly page: string | undefined
  readonly readOn: string
  /** `recorded`: real exchanges pin it; `unverified`: written from the page alone. */
  readonly verified: 'recorded' | 'unverified'
  /** The vendor's public base URL, to be written into `routes.json` (`toolText`); absent where every operator has an own one. */
  readonly baseUrl?: string | undefined
  /** Appended to the base URL; default `/chat/completions`. */
  readonly path?: string
  /** Answers are OpenAI's form, whole: they may be passed on byte for byte. */
  readonly relay?: boolean
  readonly features: ReadonlySet<Feature>
  /** What ends a stream: `[DONE]`, or, where the vendor sends none, a finish reason. */
  readonly endMark?: 'done' | 'finish-reason'
  /** Default `max_tokens`, which is what every vendor but OpenAI understands. */
  readonly maxTokensField?: 'max_completion_tokens' | 'max_tokens'
  /** False: `stream_options` is refused, or usage comes without asking. */
  readonly streamOptions?: boolean
  /** True: the vendor knows OpenAI's `developer` role; else it is sent as `system`. */
  readonly developerRole?: boolean
  /** True: the vendor knows `tool_choice: {type: 'allowed_tools'}`; else only the allowed tools are offered. */
  readonly allowedTools?: boolean
  readonly reasoning?: ReasoningStyle
  /** How the model's earlier thinking goes back to it; absent: it does not. */
  readonly reasoningEcho?: 'reasoning_content' | 'reasoning' | 'reasoning_details'
  /** How a cache mark is written, and for which models: others refuse it or cache by themselves. Absent: not at all. */
  readonly cacheMarks?: { readonly style: CacheMarkStyle; readonly models: RegExp }
  /** An answer with tool calls that says `stop`, or nothing, ended for its tool calls. */
  readonly toolCallsOverStop?: boolean
  /** The caller's wish for the cost is passed on as OpenRouter's `usage: {include: true}`. */
  readonly usageInclude?: boolean
  /** OpenAI's own models, under OpenAI's names: each refuses what it refuses at OpenAI. */
  readonly servesGpt?: boolean
  /** Models that refuse what the wire has words for. */
  readonly modelLacks?: readonly { readonly models: RegExp; readonly lacks: readonly Feature[] }[]
  /** How many stop sequences the vendor's page allows. */
  readonly maxStopSequences?: number
  /** Characters of a tool call's id that the vendor takes; longer ones are shortened. */
  readonly maxToolCallIdLength?: number
  /** Models for which that holds; absent: all of the vendor's. */
  readonly shortToolCallIds?: RegExp
  /** Characters of `user` that the vendor takes; a longer one is left out, with a warning. */
  readonly maxUserIdLength?: number
  /** The vendor's word for Anthropic's `standard_only`; `default` is OpenAI's. */
  readonly standardTier?: string
  /** What the vendor says a call cost is the price (`Usage.providerCostUsd`). */
  readonly statesCost?: boolean
  /** The vendor's own error codes, over the common table. */
  readonly errorCodes?: Readonly<Record<string, FailureClass>>
}

/** Anthropic's `cache_control` (on gateways), or OpenAI's `prompt_cache_breakpoint`. */
export type CacheMarkStyle = 'cache_control' | 'prompt_cache_breakpoint'

/**
 * How thinking is asked for: `effort` is OpenAI's `reasoning_effort`,
 * `object` is OpenRouter's `reasoning: {effort, max_tokens, exclude}`,
 * `thinking` is `thinking: {type}` beside `reasoning_effort` (DeepSeek, z.ai, Moonshot),
 * `enable-thinking` is Alibaba's `enable_thinking` and `thinking_budget`.
 */
export type ReasoningStyle = 'effort' | 'object' | 'thinking' | 'enable-thinking'
