import type { KeyProfile, Rejection } from '../../../durable-objects/tenant-ledger/access/verify.ts'

export interface KeyCacheSettings {
  /** The longest that anything is believed: a revocation is seen everywhere within it. */
  readonly longestMs: number
  /** How long a refusal is believed. */
  readonly refusalMs: number
  readonly maxProfiles: number
  readonly maxRefusals: number
}

export const defaultKeyCacheSettings: KeyCacheSettings = {
  longestMs: 30_000,
  refusalMs: 5000,
  maxProfiles: 4096,
  maxRefusals: 1024,
}

export type Cached =
  | { readonly kind: 'verified'; readonly profile: KeyProfile; readonly askedAtMs: number }
  | { readonly kind: 'rejected'; readonly reason: Rejection }

interface Entry<Value> {
  readonly value: Value
  readonly fromMs: number
  readonly untilMs: number
}

/**
 * What was said of keys lately, by the full digest. Refusals have a shelf of their own, so that keys somebody made up
 * (their check is no secret) push out one another and never a good one.
 */
export class KeyCache {
  readonly #settings: KeyCacheSettings
  readonly #profiles = new Map<string, Entry<KeyProfile>>()
  readonly #refusals = new Map<string, Entry<Rejection>>()

  constructor(settings: KeyCacheSettings = defaultKeyCacheSettings) {
    this.#settings = settings
  }

  /** Null: nothing is known, ask. */
  find(digest: string, nowMs: number): Cached | null {
    const profile = fresh(this.#profiles, digest, nowMs)
    if (profile !== null)
      return { kind: 'verified', profile: profile.value, askedAtMs: profile.fromMs }
    const refusal = fresh(this.#refusals, digest, nowMs)
    return refusal === null ? null : { kind: 'rejected', reason: refusal.value }
  }

  /** `askedAtMs`: when the question was sent. What changed after the answer was made is no later than that. */
  remember(digest: string, profile: KeyProfile, askedAtMs: number): void {
    const { longestMs, maxProfiles } = this.#settings
    this.#refusals.delete(digest)
    const untilMs = askedAtMs + Math.min(longestMs, profile.validForMs)
    put(this.#profiles, digest, { value: profile, fromMs: askedAtMs, untilMs }, maxProfiles)
  }

  refuse(digest: string, reason: Rejection, askedAtMs: number): void {
    const { longestMs, refusalMs, maxRefusals } = this.#settings
    this.#profiles.delete(digest)
    const untilMs = askedAtMs + Math.min(longestMs, refusalMs)
    put(this.#refusals, digest, { value: reason, fromMs: askedAtMs, untilMs }, maxRefusals)
  }

  /** A tenant's ledger said that somebody was revoked (a higher kill version): its keys are asked for again. */
  forgetTenant(tenantId: string): void {
    for (const [digest, { value }] of this.#profiles)
      if (value.tenantId === tenantId) this.#profiles.delete(digest)
  }

  get size(): number {
    return this.#profiles.size + this.#refusals.size
  }
}

/** A clock that has gone back does not make an answer last longer: it is dropped. */
function fresh<Value>(
  entries: Map<string, Entry<Value>>,
  digest: string,
  nowMs: number,
): Entry<Value> | null {
  const entry = entries.get(digest)
  if (entry === undefined) return null
  entries.delete(digest)
  if (nowMs >= entry.untilMs || nowMs < entry.fromMs) return null
  entries.set(digest, entry)
  return entry
}

/** The one that was not looked at for longest makes room. */
function put<Value>(
  entries: Map<string, Entry<Value>>,
  digest: string,
  entry: Entry<Value>,
  most: number,
): void {
  entries.delete(digest)
  entries.set(digest, entry)
  for (const oldest of entries.keys()) {
    if (entries.size <= most) return
    entries.delete(oldest)
  }
}
