import type { Feature } from '../canonical/features.ts'
import type { WireNeed } from './content-needs.ts'
import type { Finding } from './data-scan.ts'

/** Something the request asks for, with the caller's own field for it. */
export interface Need {
  readonly feature: Feature
  readonly param: string
}

/** What kind of work a request is: said by the caller, the route or a rule, or read off its shape; never off its text. */
export const requestClasses = [
  'chat',
  'classification',
  'extraction',
  'summarization',
  'code',
  'agentic',
  'reasoning',
  'vision',
  'audio',
  'embedding',
  'image',
] as const
export type RequestClass = (typeof requestClasses)[number]

/** How carefully the content of a request has to be handled, from careless to careful. */
export const dataClasses = ['public', 'internal', 'confidential', 'regulated'] as const
export type DataClass = (typeof dataClasses)[number]

/** By estimated tokens of the prompt: under 1,000, under 8,000, up to 32,000, more. The same bounds as the measurements of health. */
export const sizes = ['small', 'medium', 'large', 'huge'] as const
export type Size = (typeof sizes)[number]

export function sizeOf(promptTokens: number): Size {
  if (promptTokens < 1000) return 'small'
  if (promptTokens < 8000) return 'medium'
  return promptTokens <= 32_000 ? 'large' : 'huge'
}

/** What stands beside the body of a request: who asks, from where, for what. Null: nobody says. */
export interface FactsContext {
  /** The route that the caller named; null: a target or a model. */
  readonly route: string | null
  /** Of the caller's tags or the route; a class that is not given is read off the shape where somebody asks for it. */
  readonly class: RequestClass | null
  /** Of the caller's tags, the route or the tenant, whichever is the most careful; raised by what was found. */
  readonly dataClass: DataClass | null
  /** What the detectors found; null: nobody asked them. */
  readonly found: readonly Finding[] | null
  /** Macro-region of the client. */
  readonly region: string | null
  /** Such as `premium`, `standard`, `batch`. */
  readonly tenantTier: string | null
  /** Such as `voice`, `email`, `ide`. */
  readonly channel: string | null
  /** Of the deployment, such as `production`. */
  readonly environment: string | null
  /** Those that the request counts under; empty where no rule reads any. */
  readonly tags: Readonly<Record<string, string>>
  /** The caller gives up after this long, ms. */
  readonly latencyBudgetMs: number | null
  /** Digest of what holds the requests of one conversation together. */
  readonly sessionKey: string | null
  /** Digest of the start of the prompt. */
  readonly prefixKey: string | null
}

export const plainContext: FactsContext = Object.freeze({
  route: null,
  class: null,
  dataClass: null,
  found: null,
  region: null,
  tenantTier: null,
  channel: null,
  environment: null,
  tags: Object.freeze({}),
  latencyBudgetMs: null,
  sessionKey: null,
  prefixKey: null,
})

/** What the policy reads of a request: plain data, never the text of a message. */
export interface RequestFacts extends FactsContext {
  /** Without these the answer would be another one: a target that lacks one is avoided. */
  readonly needs: readonly Need[]
  /** A target that lacks one of these answers all the same, with a warning that names it. */
  readonly wishes: readonly Need[]
  /** A target that lacks one of these is avoided while another has it; the last one answers with a warning. */
  readonly preferred: readonly Need[]
  /** Wire formats whose own blocks, tools or fields the request holds. */
  readonly wires: readonly WireNeed[]
  /** Rough size of the prompt, tokens: four characters each. A lower estimate, not a bound. */
  readonly promptTokens: number
  readonly size: Size
  readonly maxOutputTokens: number | null
  readonly stopSequences: number
  /** Number of messages, those of the system included. */
  readonly messages: number
  /** Number of tools. */
  readonly tools: number
  readonly stream: boolean
}
