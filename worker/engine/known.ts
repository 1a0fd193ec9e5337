import type { ChoiceFinish } from '../canonical/events.ts'
import type { Usage } from '../canonical/usage.ts'
import type { Dialect } from '../dialects/dialect.ts'
import type { Target } from '../edge/runtime.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Caller } from './caller.ts'
import { decisionOf, type DecisionRecord } from './decision.ts'
import { type Degradation, degradations } from './departures.ts'
import type { Made } from './made.ts'
import type { Decided, PlannedRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import { recordedPreferences } from './recorded-preferences.ts'
import type { AttemptRecord, Ending, RequestRecord } from './record.ts'

/** How a request ended, for its record. */
export interface Outcome {
  readonly ending: Ending
  readonly status: number
  readonly errorCode?: string
  /** The field or header at fault, as its record may hold it. */
  readonly errorParam?: string
  /** Why it was refused before anything was planned, in no word of the caller's. */
  readonly reason?: string
  readonly plumbing?: RequestRecord['plumbing']
  readonly usage?: Usage | undefined
  readonly choices?: readonly ChoiceFinish[] | undefined
  /** What a program will parse of it does not parse; absent where nobody looked. */
  readonly broken?: boolean
  /** Where it is not the price of `usage` at the target that answered: an answer of two parts. */
  readonly costNanoUsd?: number | null
  /** The last attempt, when it ended after the answer had begun. */
  readonly attempt?: AttemptRecord
}

/** The upstream calls of a request, and the one that decided. */
export interface Called {
  readonly step: PlannedStep
  readonly reason: string
  readonly attempts: readonly AttemptRecord[]
  /** From sending the answering call to its first meaningful token or its end, ms; null when none answered. */
  readonly firstTokenMs: number | null
}

/** What is known of one request so far: whatever is told of it is made from here. */
export interface Known {
  readonly requestId: string
  readonly dialect: Dialect
  readonly ports: Ports
  readonly caller: Caller
  readonly operation: RequestRecord['operation']
  readonly colo: string | null
  readonly startedMs: number
  planned: PlannedRequest | null
  plannedMs: number
  called: Called | null
  /** What the caller named in `model` and `models`. */
  names: readonly [string, ...string[]] | null
  decided: Decided | null
  readonly warnings: string[]
  isShortened: boolean
  degraded: readonly Degradation[]
  /** Its answer is one that nobody was asked for. */
  made: Pick<Made, 'by' | 'reason'> | null
  isSettled: boolean
}

/** That of the call that decided; none answered with a fixed text. */
export function targetOf({ called, made, ports }: Known): Target | undefined {
  if (called === null || made?.by === 'template') return undefined
  return ports.runtime.targets.get(called.step.target)
}

/** In what the answer is less than what was asked for. */
export function degradationsOf({
  made,
  degraded,
  planned,
  isShortened,
  called,
}: Known): readonly Degradation[] {
  if (made !== null) return degraded
  const own = degradations(planned, isShortened, called !== null)
  return degraded.length === 0 ? own : [...new Set([...own, ...degraded])]
}

/** Why this request goes where it goes; null before there is a plan. */
export function decisionOfKnown({ decided, names, caller, ports }: Known): DecisionRecord | null {
  if (decided === null || names === null) return null
  const { version, config } = ports.runtime
  const decision = decisionOf(decided, names, caller, version)
  if (decision.preferences === undefined) return decision
  const providers = Object.keys(config.providers)
  return { ...decision, preferences: recordedPreferences(decision.preferences, providers) }
}
