import type { NanoUsd } from './money.ts'
import type { Answer, ScopeId } from './protocol.ts'

/** What `open` is asked for beside the key: credit for the request that brings it. */
export interface AdvanceCall {
  readonly holder: string
  /** Made by the isolate, as for any ask: the same again is the same lease, and a void ends it. */
  readonly askId: string
  /** The worst case of any request whose headers are these. */
  readonly wantNanoUsd: NanoUsd
  /** The same with the longest answer that there is: it is not limited where all budgets are soft. */
  readonly softNanoUsd: NanoUsd
  /** The first of them in tokens. */
  readonly tokens: number
  /** Of the caller; those of the key win. */
  readonly tags: Readonly<Record<string, string>>
  /** Left out by an isolate of the version before, which knows no hold that comes with a key. */
  readonly mayHold?: true
  /** As `askId`, for routes that the request may turn out to be of beside the one that is guessed. */
  readonly moreAskIds?: readonly string[]
  /** Of a pinned tenant: for the object in its jurisdiction that runs the request, which is the holder. */
  readonly isHandedOn?: true
}

/** What came of one ask. */
export interface AdvanceAnswer {
  /** What it was asked for: the scopes of the key, of the tags, and of the route that was guessed. */
  readonly scopes: readonly ScopeId[]
  /** Those of them that have a budget or a limit. */
  readonly kept: readonly ScopeId[]
  readonly answer: Answer
}

/** What came of an advance. */
export interface Advance extends AdvanceAnswer {
  /** All routes that have a budget or a limit; null: too many to tell. */
  readonly routes: readonly string[] | null
  /** Of the other routes that the key may use, where they are few. */
  readonly more?: readonly AdvanceAnswer[]
}
