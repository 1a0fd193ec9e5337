import { type Asked, everything, type Grant, meet, narrow } from './grant.ts'
import { isKeyId } from './names.ts'
import type { AccessChange, Done, KeyRow, KeySecret, Proof, Refused, TenantRow } from './rows.ts'
import { sameDigest } from './same-digest.ts'
import type { AccessSettings } from './settings.ts'
import { grantOfTenant } from './tenant.ts'

/** All keys of a tenant, by id. Read only: what changes is in `changes`. */
export type Keys = ReadonlyMap<string, KeyRow>

/** Who makes a key, and all that he may give. */
export interface Maker {
  readonly actor: string
  /** Null: an admin. */
  readonly keyId: string | null
  readonly grant: Grant
}

export function adminMaker(actor: string, tenant: TenantRow): Maker {
  return { actor, keyId: null, grant: grantOfTenant(tenant) }
}

/** A key as a maker of keys; null when it is not good now. */
export function keyMaker(
  keys: Keys,
  keyId: string,
  tenant: TenantRow,
  nowMs: number,
): Maker | null {
  const key = keys.get(keyId)
  if (key === undefined || statusOf(keys, key, nowMs) !== 'good') return null
  return { actor: `key:${keyId}`, keyId, grant: meet(grantOfTenant(tenant), key.grant) }
}

export interface NewKey {
  readonly id: string
  readonly name: string
  readonly asked: Asked
  readonly proof: Proof
}

export function createKey(
  keys: Keys,
  { id, name, asked, proof }: NewKey,
  maker: Maker,
  settings: AccessSettings,
  nowMs: number,
): Done<KeyRow> | Refused {
  const before = keys.get(id)
  // Whoever got no answer asks again: what he minted is what is there.
  if (before !== undefined && provesNow(before, proof)) return unchanged(before)
  if (!isKeyId(id) || before !== undefined)
    return refuse('invalid_request', 'id', 'draw another key id')
  if (keys.size >= settings.maxKeys)
    return refuse('invalid_request', null, `a tenant has at most ${settings.maxKeys} keys`)
  if (maker.keyId !== null && pathOf(keys, maker.keyId).length >= settings.maxDepth)
    return refuse('route_forbidden', null, `keys make keys at most ${settings.maxDepth} deep`)
  const narrowed = narrow(maker.grant, asked)
  if (narrowed.kind === 'wider')
    return refuse('route_forbidden', narrowed.field, `a key cannot have more: ${narrowed.message}`)
  const row: KeyRow = {
    id,
    name,
    grant: narrowed.grant,
    madeBy: maker.keyId,
    createdAtMs: nowMs,
    revokedAtMs: null,
    secrets: [{ ...proof, validUntilMs: null }],
  }
  return done(row, [put(row)], 'key_created', maker.actor)
}

/** A new secret; the one before it stays good for `overlapMs`, one before that ends now. */
export function rotateKey(
  keys: Keys,
  { keyId, proof, overlapMs }: { keyId: string; proof: Proof; overlapMs: number },
  actor: string,
  settings: AccessSettings,
  nowMs: number,
): Done<KeyRow> | Refused {
  const key = keys.get(keyId)
  if (key === undefined) return refuse('not_found', null, 'no such key')
  if (statusOf(keys, key, nowMs) !== 'good')
    return refuse('invalid_request', null, 'the key is revoked or has expired: make another')
  if (!Number.isSafeInteger(overlapMs) || overlapMs < 0 || overlapMs > settings.overlapMostMs)
    return refuse('invalid_request', 'overlapMs', `from 0 to ${settings.overlapMostMs} ms`)
  // A second time it would end the old secret, whose overlap was promised.
  if (provesNow(key, proof)) return unchanged(key)
  const before: readonly KeySecret[] = key.secrets
    .filter(({ validUntilMs }) => validUntilMs === null && overlapMs > 0)
    .map((secret) => ({ ...secret, validUntilMs: nowMs + overlapMs }))
  const row = { ...key, secrets: [{ ...proof, validUntilMs: null }, ...before] }
  return done(row, [put(row)], 'key_rotated', actor)
}

/** For good. Keys that it made fall with it: every request of theirs names it in its scopes. */
export function revokeKey(
  keys: Keys,
  keyId: string,
  actor: string,
  nowMs: number,
): Done<KeyRow> | Refused {
  const key = keys.get(keyId)
  if (key === undefined) return refuse('not_found', null, 'no such key')
  if (key.revokedAtMs !== null) return unchanged(key)
  const row = { ...key, revokedAtMs: nowMs }
  const revoked = done(row, [put(row)], 'key_revoked', actor)
  return {
    ...revoked,
    effects: [{ kind: 'kill', scope: `key:${keyId}`, reason: 'revoked' }, ...revoked.effects],
  }
}

/** What an admin sees of a key; no secret and no digest. */
export interface ListedKey {
  readonly id: string
  readonly name: string
  readonly grant: Grant
  readonly madeBy: string | null
  readonly createdAtMs: number
  readonly revokedAtMs: number | null
  readonly status: KeyStatus
  /** Of the current secret. While a key is under an old version, that pepper must be kept. */
  readonly pepperVersion: string
  readonly oldSecretUntilMs: number | null
}

/** The oldest first. */
export function listKeys(keys: Keys, nowMs: number): readonly ListedKey[] {
  const all = [...keys.values()].map((key) => listed(keys, key, nowMs))
  return all.sort((a, b) => a.createdAtMs - b.createdAtMs || (a.id < b.id ? -1 : 1))
}

export function listed(keys: Keys, key: KeyRow, nowMs: number): ListedKey {
  const { id, name, grant, madeBy, createdAtMs, revokedAtMs, secrets } = key
  const old = secrets.find(({ validUntilMs }) => validUntilMs !== null && validUntilMs > nowMs)
  return {
    id,
    name,
    grant,
    madeBy,
    createdAtMs,
    revokedAtMs,
    status: statusOf(keys, key, nowMs),
    pepperVersion: secrets[0]?.pepperVersion ?? '',
    oldSecretUntilMs: old?.validUntilMs ?? null,
  }
}

export type KeyStatus = 'good' | 'revoked' | 'expired'

/** Of the key itself and of all that made it; a maker that is no longer listed counts as revoked. */
export function statusOf(keys: Keys, key: KeyRow, nowMs: number): KeyStatus {
  const { expiresAtMs } = key.grant
  for (const id of pathOf(keys, key.id)) {
    const one = keys.get(id)
    if (one === undefined || one.revokedAtMs !== null) return 'revoked'
  }
  return expiresAtMs !== null && expiresAtMs <= nowMs ? 'expired' : 'good'
}

/** The key and its makers, itself first. Also those that are gone. */
export function pathOf(keys: Keys, keyId: string): readonly [string, ...string[]] {
  const path: [string, ...string[]] = [keyId]
  let next = keys.get(keyId)?.madeBy ?? null
  while (next !== null && !path.includes(next)) {
    path.push(next)
    next = keys.get(next)?.madeBy ?? null
  }
  return path
}

/** When a key is forgotten; -Infinity when its maker was: it has been dead for longer. Infinity: it is alive. */
export function forgottenAtMs(keys: Keys, key: KeyRow, settings: AccessSettings): number {
  const { madeBy, revokedAtMs, grant } = key
  if (madeBy !== null && !keys.has(madeBy)) return -Infinity
  return Math.min(revokedAtMs ?? Infinity, grant.expiresAtMs ?? Infinity) + settings.keepDeadKeysMs
}

/** Forgets keys that have been dead for long, a slice at a time. What they made stays dead, and follows them. */
export function sweepKeys(
  keys: Keys,
  settings: AccessSettings,
  nowMs: number,
): readonly AccessChange[] {
  const changes: AccessChange[] = []
  for (const key of keys.values()) {
    if (forgottenAtMs(keys, key, settings) > nowMs) continue
    changes.push({ table: 'keys', id: key.id, row: null })
    if (changes.length >= settings.sweepSlice) break
  }
  return changes
}

/** What a key may do at all, before its tenant is looked at; for a tenant without a row. */
export function grantOf(key: KeyRow, tenant: TenantRow | null): Grant {
  return meet(tenant === null ? everything : grantOfTenant(tenant), key.grant)
}

export function put(row: KeyRow): AccessChange {
  return { table: 'keys', id: row.id, row }
}

function done(
  row: KeyRow,
  changes: readonly AccessChange[],
  action: 'key_created' | 'key_rotated' | 'key_revoked',
  actor: string,
): Done<KeyRow> {
  return {
    kind: 'done',
    value: row,
    changes,
    effects: [{ kind: 'audit', action, actor, subject: `key:${row.id}` }],
  }
}

function unchanged(row: KeyRow): Done<KeyRow> {
  return { kind: 'done', value: row, changes: [], effects: [] }
}

/** Whether the current secret is the one that this proves. */
function provesNow({ secrets: [current] }: KeyRow, { pepperVersion, digest }: Proof): boolean {
  return current?.pepperVersion === pepperVersion && sameDigest(current.digest, digest)
}

function refuse(code: Refused['code'], field: string | null, message: string): Refused {
  return { kind: 'refused', code, field, message }
}
