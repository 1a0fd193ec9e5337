import type { Citation, Wire, WireValue } from './blocks.ts'
import type { Failure } from './failure.ts'
import type { Usage } from './usage.ts'

export interface TokenLogprob {
  readonly token: string
  readonly logprob: number
  readonly bytes?: readonly number[] | null
  readonly top?: readonly Omit<TokenLogprob, 'top'>[]
}

/** Why a choice ended. `raw` keeps the provider's own word when none of ours says it. */
export type FinishReason =
  | 'stop'
  | 'length'
  | 'toolCalls'
  | 'contentFilter'
  | 'refusal'
  | 'pause'
  | 'contextWindow'
  | 'other'

export interface ChoiceFinish {
  readonly choice: number
  readonly reason: FinishReason
  /** The stop sequence that was hit, where the provider says so. */
  readonly stopSequence?: string
  readonly raw?: string
}

/**
 * What a provider's answer is turned into, streamed or not.
 *
 * Exactly one terminal event (`finish` or `failure`) ends every stream, and
 * nothing follows it. `choice` is 0 unless the client asked for several
 * answers. `block` tells apart consecutive pieces of one kind (two text blocks
 * in a row, as Anthropic sends them around citations); it only ever grows.
 */
export type CanonicalEvent =
  | {
      readonly type: 'start'
      readonly id?: string
      readonly model?: string
      readonly createdS?: number
    }
  | {
      readonly type: 'text'
      readonly choice: number
      readonly text: string
      readonly block?: number
      readonly logprobs?: readonly TokenLogprob[]
    }
  | {
      readonly type: 'reasoning'
      readonly choice: number
      readonly text: string
      readonly block?: number
      /** Ends the block: the provider's proof for it. */
      readonly signature?: string
      /** The whole block in the provider's encrypted form. */
      readonly redacted?: string
      /** The wire format whose provider signed or encrypted it. */
      readonly wire?: Wire
    }
  | {
      readonly type: 'toolCallStart'
      readonly choice: number
      /** Counts the calls of this choice, from 0. */
      readonly index: number
      readonly id: string
      readonly name: string
      readonly custom?: boolean
      readonly signature?: string
    }
  | {
      readonly type: 'toolCallArguments'
      readonly choice: number
      readonly index: number
      readonly text: string
    }
  | {
      readonly type: 'citation'
      readonly choice: number
      readonly block?: number
      readonly citation: Citation
    }
  | {
      readonly type: 'refusal'
      readonly choice: number
      readonly text: string
      readonly logprobs?: readonly TokenLogprob[]
    }
  | {
      readonly type: 'media'
      readonly choice: number
      readonly kind: 'audio' | 'image'
      readonly mediaType?: string
      readonly data?: string
      readonly url?: string
      readonly id?: string
      readonly transcript?: string
      readonly expiresAt?: number
    }
  /** A whole block that only a client of the same wire format can read. */
  | { readonly type: 'opaque'; readonly choice: number; readonly raw: WireValue }
  /** Counts so far; later ones complete and replace earlier ones (`mergeUsage`). */
  | { readonly type: 'usage'; readonly usage: Usage }
  | { readonly type: 'finish'; readonly choices: readonly ChoiceFinish[] }
  | { readonly type: 'failure'; readonly failure: Failure }

/**
 * True for what a person or a program can use: after the first of these the
 * answer is committed to its target. Headers, roles, pings and usage are not.
 */
export function isMeaningful(event: CanonicalEvent): boolean {
  switch (event.type) {
    case 'text':
    case 'refusal':
      return event.text !== ''
    case 'reasoning':
      return event.text !== '' || event.redacted !== undefined
    case 'toolCallStart':
    case 'toolCallArguments':
    case 'media':
    case 'opaque':
    case 'citation':
      return true
    case 'start':
    case 'usage':
    case 'finish':
    case 'failure':
      return false
  }
}

export function isTerminal(event: CanonicalEvent): boolean {
  return event.type === 'finish' || event.type === 'failure'
}
