import type { Answer, AnswerPart } from './answer.ts'
import type { RecordedCase } from './corpus.ts'

/*
 * What `exclusions.ts` lists is of these forms. Whatever is listed and not
 * needed any more fails the run: a case whose check passes, a rule whose
 * `shownBy` case agrees.
 */

/** Whole cases that are not run. */
export interface SkipRule {
  readonly name: string
  readonly reason: string
  readonly covers: (recorded: RecordedCase) => boolean
}

/** The named checks of one case, so that an exclusion leaves the others standing. */
export type CheckName =
  | 'decode'
  | 'splits'
  | 'cuts'
  | 'openai-chat'
  | 'anthropic-messages'
  | 'request'
  | 'failure'
  | 'count-tokens'
  | 'differential'

/** Checks of one case that are expected to fail. */
export interface CaseExclusion {
  readonly checks: readonly CheckName[]
  readonly reason: string
}

interface OtherDecoderRule {
  readonly name: string
  readonly reason: string
  /** The vendor's page, and the day it was read. */
  readonly page: string
  /** The recording that shows it: there the rule must be needed. */
  readonly shownBy: string
}

/** A way in which other decoders read recordings differently. */
export interface DifferentialRule extends OtherDecoderRule {
  /** The npm packages it holds for; empty means all. */
  readonly decoders: readonly string[]
  readonly covers: (recorded: RecordedCase, ours: Answer, theirs: Answer) => boolean
  readonly parts: readonly AnswerPart[]
}

/** Recordings that another decoder's schema does not take, so that there is nothing to compare. */
export interface RefusalRule extends OtherDecoderRule {
  readonly decoder: string
  /** What it says of them. */
  readonly says: RegExp
}
