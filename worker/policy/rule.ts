import type { Constraint } from './constraint.ts'
import type { DataClass, RequestClass } from './request-facts.ts'

/** A word or several, of which one has to be the fact; or patterns with `*`. A fact that nobody knows matches none. */
export type TextTest =
  | string
  | readonly string[]
  | { readonly in: readonly string[] }
  | { readonly glob: string | readonly string[] }

/** From and up to these, both included; one of them may be absent. */
export interface Range<Value> {
  readonly from?: Value | undefined
  readonly to?: Value | undefined
}

export type NumberTest =
  | number
  | { readonly in: readonly number[] }
  | { readonly range: Range<number> }

/** Of words that have an order. */
export type OrderedTest = TextTest | { readonly range: Range<string> }

/** The facts that are single words. */
export const textFacts = [
  'route',
  'class',
  'region',
  'tenantTier',
  'channel',
  'environment',
] as const
/** The facts that are words with an order. */
export const orderedFacts = ['size', 'dataClass'] as const
/** The facts that are numbers. */
export const numberFacts = [
  'promptTokens',
  'maxOutputTokens',
  'latencyBudgetMs',
  'messages',
  'tools',
] as const
/** The facts that are lists of words: one of the list has to match. */
export const listFacts = ['needs', 'found'] as const

/** What a rule asks of the facts. Everything that stands in one condition has to hold; an empty one always does. */
export type Condition = {
  readonly [Name in (typeof textFacts)[number] | (typeof listFacts)[number]]?: TextTest | undefined
} & {
  readonly [Name in (typeof orderedFacts)[number]]?: OrderedTest | undefined
} & {
  readonly [Name in (typeof numberFacts)[number]]?: NumberTest | undefined
} & {
  readonly stream?: boolean | undefined
  /** Tag -> what its value has to be; a tag that is not there matches nothing. */
  readonly tags?: Readonly<Record<string, TextTest>> | undefined
  readonly all?: readonly Condition[] | undefined
  readonly any?: readonly Condition[] | undefined
  readonly not?: Condition | undefined
}

/** Statuses that a rule may refuse with. */
export const refusalStatuses = [400, 403, 429, 451, 503] as const
export type RefusalStatus = (typeof refusalStatuses)[number]

/** What a rule does. Several of them may stand together, but nothing beside `refuse`. */
export interface Outcome {
  /** Sends the request to another route; the first rule that does so decides. */
  readonly route?: string | undefined
  readonly constrain?: Constraint | undefined
  readonly refuse?: { readonly status: RefusalStatus; readonly message: string } | undefined
  readonly class?: RequestClass | undefined
  /** Raises the class of the data; it is never lowered. */
  readonly dataClass?: DataClass | undefined
}

export interface Rule {
  readonly name: string
  readonly when: Condition
  readonly then: Outcome
}

/** Bounds of what one file may ask, checked when it is loaded. */
export const ruleLimits = {
  rules: 2000,
  /** How deep `all`, `any` and `not` may stand in one another. */
  depth: 8,
  /** Tests of one rule, values and patterns counted each. */
  testsOfRule: 256,
  /** Tests of all rules together. */
  tests: 50_000,
} as const
