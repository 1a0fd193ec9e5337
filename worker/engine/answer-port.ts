import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'

/** Everything that can change an answer: two questions that differ in any of it have nothing to do with each other. */
export interface Question {
  readonly tenant: string
  /** Null: the request names a target or a model. */
  readonly route: string | null
  readonly configVersion: string
  /** The client's wire format: fields of it may mean what the neutral form does not say. */
  readonly dialect: string
  readonly request: CanonicalRequest
}

/** An answer that came whole, and that others may be given for the same question. */
export interface KeptAnswer {
  /** `model@provider` that made it. */
  readonly target: string
  /** Epoch ms. */
  readonly madeAtMs: number
  /** One `finish` ends them. */
  readonly events: readonly CanonicalEvent[]
}

export interface KeepingRules {
  readonly ttlMs: number
  readonly maxAnswerBytes: number
}

/** Where whole answers are kept. Nothing of it is relied upon: what is not found is made anew, and a fault finds nothing. */
export interface AnswerPort {
  find(question: Question): Promise<KeptAnswer | null>
  keep(question: Question, answer: KeptAnswer, rules: KeepingRules): Promise<void>
}
