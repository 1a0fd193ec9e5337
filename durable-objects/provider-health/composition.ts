import type { AlertSettings } from './alerts.ts'
import type { Transition, TrialStopped } from './health.ts'
import type { HealthPlace } from './object-name.ts'
import type { Outcome } from './protocol.ts'
import type { HealthSettings } from './settings.ts'
import type { StandbyChange, StandbySettings } from './standby.ts'

/** What a Worker gives its objects of provider health; they import nothing of it themselves. */

/** Variables, secrets and bindings by name. */
export type Variables = Readonly<Record<string, unknown>>

/** What a small call of the object's own came to. */
export interface ProbeResult {
  readonly outcome: Outcome
  readonly ttftMs?: number
  readonly costNanoUsd?: number
  readonly retryAfterMs?: number
  readonly providerCode?: string
  /** The target itself is wrong: the provider no longer has the model. */
  readonly targetFault?: true
  /** `rate_limited` because traffic grew too fast. */
  readonly ramp?: true
}

/** Sends the smallest request there is to a target, through the real encode and decode. Rejects only when it could not be sent. */
export type Prober = (target: string, env: Variables) => Promise<ProbeResult>

/** The configuration, as far as the objects of one provider need it. */
export interface ObjectSettings {
  readonly health: HealthSettings
  /** This provider's targets that are kept warm. */
  readonly standby: ReadonlyMap<string, StandbySettings>
  /** What synthetic probes of open targets may cost, for this one object. */
  readonly syntheticMaxNanoUsdPerDay: number
  /** Fingerprint of the provider's credential, as isolates report it; null where there is none. */
  readonly credential: string | null
  /** Null: nobody is told. */
  readonly alerts: AlertSettings | null
}

export interface HealthComposition {
  /** Asked once in the life of an object, when it is first called. */
  settingsOf(env: Variables, provider: string): ObjectSettings
  readonly prober: Prober
  log(entry: HealthLogEntry): void
  /** The platform's, unless a test has its own. */
  readonly clock?: { nowMs(): number; random(): number }
}

/** One line of the log. No prompt, key or tenant has a field in it. */
export type HealthLogEntry =
  | { readonly event: 'circuit'; readonly place: HealthPlace; readonly transition: Transition }
  /** A canary was stopped. */
  | { readonly event: 'trial'; readonly place: HealthPlace; readonly stopped: TrialStopped }
  | { readonly event: 'standby'; readonly place: HealthPlace; readonly change: StandbyChange }
  /** An alert that its receiver did not take; `givenUp` after the last try. */
  | {
      readonly event: 'alert_unsent'
      readonly place: HealthPlace
      readonly alertId: string
      readonly status: number | null
      readonly givenUp: boolean
    }
  /** A fault of ours, by its name alone: messages may hold anything. */
  | { readonly event: 'health_fault'; readonly place: HealthPlace; readonly fault: unknown }
