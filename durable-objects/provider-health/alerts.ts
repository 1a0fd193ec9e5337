import { sha256 } from '@noble/hashes/sha2.js'
import type { Transition, TrialStopped } from './health.ts'
import type { HealthPlace } from './object-name.ts'
import type { DomainKey, Evidence } from './protocol.ts'
import { trialSentence } from './rules/trial.ts'
import type { StandbyChange } from './standby.ts'

/** Where alerts go, and what they are signed with. */
export interface AlertSettings {
  readonly url: string
  readonly secret: string
}

export type AlertType =
  | 'circuit.opened'
  | 'circuit.closed'
  | 'credential.refused'
  | 'credential.restored'
  | 'quota.spent'
  | 'quota.restored'
  | 'standby.failed'
  | 'standby.recovered'
  | 'canary.stopped'

/** What a receiver reads, as Standard Webhooks has it: type, time, data. No prompt, key or tenant has a field in it. */
export interface AlertPayload {
  readonly type: AlertType
  readonly timestamp: string
  readonly data: {
    readonly provider: string
    readonly region: string
    readonly jurisdiction: string | null
    readonly domain: DomainKey
    /** `model@provider` where the domain is one target's. */
    readonly target: string | null
    readonly cause: string | null
    readonly evidence: Evidence | null
  }
}

export interface Alert {
  /** The same for the same transition, also when it is sent again: receivers know by it what they have. */
  readonly id: string
  /** Alerts of one subject replace one another. */
  readonly subject: string
  readonly payload: AlertPayload
}

/** What is to be told of a transition; null for the steps between bad and good. */
export function alertOfTransition(
  transition: Transition,
  place: HealthPlace,
  nowMs: number,
): Alert | null {
  const { key, from, to, epoch, cause, evidence } = transition
  const words = wordsFor(key)
  if (words === null || to === 'half_open') return null
  // Half-open to open: it is still the trouble that was told of.
  if (to === 'open' && from !== 'closed') return null
  const type = to === 'open' ? words.bad : words.good
  return alert({ type, domain: key, cause, evidence }, String(epoch), place, nowMs)
}

export function alertOfStandby(
  { target, status, reason, sinceMs }: StandbyChange,
  place: HealthPlace,
  nowMs: number,
): Alert {
  const type = status === 'failing' ? 'standby.failed' : 'standby.recovered'
  const domain: DomainKey = `target:${target}`
  return alert({ type, domain, cause: reason, evidence: null }, String(sinceMs), place, nowMs)
}

/** The trial's name says which route; its counts stand in the cause, because evidence is a circuit's. */
export function alertOfTrial(
  { trial, target, counts }: TrialStopped,
  place: HealthPlace,
  nowMs: number,
): Alert {
  const domain: DomainKey = `target:${target}`
  const cause = `${trial}: ${trialSentence(counts)}`
  return alert({ type: 'canary.stopped', domain, cause, evidence: null }, trial, place, nowMs)
}

function wordsFor(key: DomainKey): { readonly bad: AlertType; readonly good: AlertType } | null {
  if (key === 'edge' || key.startsWith('target:'))
    return { bad: 'circuit.opened', good: 'circuit.closed' }
  if (key.startsWith('credential:'))
    return { bad: 'credential.refused', good: 'credential.restored' }
  return key === 'quota:*' ? { bad: 'quota.spent', good: 'quota.restored' } : null
}

function alert(
  what: Pick<AlertPayload['data'], 'domain' | 'cause' | 'evidence'> & { readonly type: AlertType },
  generation: string,
  { provider, region, jurisdiction }: HealthPlace,
  nowMs: number,
): Alert {
  const { type, domain, cause, evidence } = what
  const target = domain.startsWith('target:') ? domain.slice('target:'.length) : null
  return {
    id: `alert_${digest([provider, region, jurisdiction, domain, type, generation])}`,
    subject: `${type.split('.')[0] ?? ''} ${domain}`,
    payload: {
      type,
      timestamp: new Date(nowMs).toISOString(),
      data: { provider, region, jurisdiction, domain, target, cause, evidence },
    },
  }
}

/** Short, of letters and digits: an id of Standard Webhooks is a part of a signed text that dots divide. */
function digest(parts: readonly unknown[]): string {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(parts))).subarray(0, 12)
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
