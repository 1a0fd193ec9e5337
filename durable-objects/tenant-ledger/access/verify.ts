import type { Grant } from './grant.ts'
import { grantOf, type Keys, pathOf, put, statusOf } from './keys.ts'
import type { AccessChange, KeyRow, KeySecret, Proof, TenantRow } from './rows.ts'
import { sameDigest } from './same-digest.ts'
import type { AccessSettings } from './settings.ts'
import { grantOfTenant } from './tenant.ts'

/** What an isolate knows of a key until it asks again. Plain JSON; no secret and no digest in it. */
export interface KeyProfile {
  readonly tenantId: string
  readonly keyId: string
  /** The key and those that made it: its requests count in the budgets of all of them. */
  readonly keyPath: readonly string[]
  /** Of the key, within what its tenant has now. Its tags are fixed. */
  readonly grant: Grant
  readonly residency: string | null
  readonly isStrict: boolean
  readonly tier: string | null
  readonly storesAnswers: boolean
  /** Names of tags that every request must carry, because money is kept by them. */
  readonly requiredTags: readonly string[]
  /** A duration, from when it was asked for. */
  readonly validForMs: number
}

export type Rejection = 'unknown' | 'wrong_secret' | 'revoked' | 'expired'

export type Verdict =
  | {
      readonly kind: 'verified'
      readonly profile: KeyProfile
      readonly changes: readonly AccessChange[]
    }
  | { readonly kind: 'rejected'; readonly reason: Rejection }

export interface KeyAsk {
  readonly keyId: string
  /** Of the same text under each pepper that is still known, the current one first. */
  readonly proofs: readonly [Proof, ...Proof[]]
}

/**
 * Whether whoever sent the proofs has the key. The secret is looked at first, so that only its owner is told that a
 * key is revoked or has expired. A key that was proven under an old pepper is written down under the current one.
 */
export function verifyKey(
  keys: Keys,
  tenant: TenantRow,
  requiredTags: readonly string[],
  { keyId, proofs }: KeyAsk,
  settings: AccessSettings,
  nowMs: number,
): Verdict {
  const key = keys.get(keyId)
  if (key === undefined) return { kind: 'rejected', reason: 'unknown' }
  const secret = secretProven(key, proofs)
  if (secret === null) return { kind: 'rejected', reason: 'wrong_secret' }
  const status = statusOf(keys, key, nowMs)
  if (status !== 'good') return { kind: 'rejected', reason: status }
  if (secret.validUntilMs !== null && secret.validUntilMs <= nowMs)
    return { kind: 'rejected', reason: 'expired' }
  const grant = grantOf(key, tenant)
  const validForMs = Math.min(
    settings.profileValidMs,
    (grant.expiresAtMs ?? Infinity) - nowMs,
    (secret.validUntilMs ?? Infinity) - nowMs,
  )
  return {
    kind: 'verified',
    profile: profileOf(tenant, grant, pathOf(keys, keyId), requiredTags, validForMs),
    changes: renewed(key, secret, proofs[0]),
  }
}

/** Of a key that the deployment itself has proven: it may all that its tenant may. */
export function provenProfile(
  tenant: TenantRow,
  requiredTags: readonly string[],
  keyId: string,
  { profileValidMs }: AccessSettings,
): KeyProfile {
  return profileOf(tenant, grantOfTenant(tenant), [keyId], requiredTags, profileValidMs)
}

function profileOf(
  tenant: TenantRow,
  grant: Grant,
  keyPath: readonly [string, ...string[]],
  requiredTags: readonly string[],
  validForMs: number,
): KeyProfile {
  const { tenantId, residency, isStrict, tier, storesAnswers } = tenant
  return {
    tenantId,
    keyId: keyPath[0],
    keyPath,
    grant,
    residency,
    isStrict,
    tier,
    storesAnswers,
    requiredTags,
    validForMs,
  }
}

/** Every secret is held against every proof, whatever was found before. */
function secretProven(key: KeyRow, proofs: readonly Proof[]): KeySecret | null {
  let found: KeySecret | null = null
  for (const secret of key.secrets)
    for (const proof of proofs)
      if (sameDigest(proof.digest, secret.digest) && proof.pepperVersion === secret.pepperVersion)
        found = found ?? secret
  return found
}

/** The proofs are of one text: whoever has proven the old one has shown the new one to be right. */
function renewed(key: KeyRow, secret: KeySecret, current: Proof): readonly AccessChange[] {
  if (secret.pepperVersion === current.pepperVersion) return []
  const secrets = key.secrets.map((one) => (one === secret ? { ...one, ...current } : one))
  return [put({ ...key, secrets })]
}
