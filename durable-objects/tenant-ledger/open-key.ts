import { requiredTagsOf } from './access/tenant.ts'
import type { AccessChange } from './access/rows.ts'
import { scopesOf } from './access/scopes.ts'
import type { AccessSettings } from './access/settings.ts'
import { type AccessState, tenantOf } from './access/state.ts'
import { type KeyProfile, provenProfile, type Verdict, verifyKey } from './access/verify.ts'
import { fundsOf, roomOf } from './core/accounts.ts'
import { limitsOf, standingOf } from './core/limits.ts'
import { newTurn } from './core/turn.ts'
import { leastOf, mostNanoUsd } from './money.ts'
import type { OpenCall, OpenReply } from './rpc.ts'
import { type LedgerState, metaOf } from './state.ts'

export interface Opened {
  readonly reply: OpenReply
  /** A key that was proven under an old pepper is written down under the current one. */
  readonly changes: readonly AccessChange[]
}

/** What an isolate is told that sees a key for the first time, or again after half a minute. */
export function openKey(
  access: AccessState,
  ledger: LedgerState,
  tenantId: string,
  key: OpenCall['key'],
  settings: AccessSettings,
  nowMs: number,
): Opened {
  const verdict = verdictOf(access, ledger, tenantId, key, settings, nowMs)
  if (verdict.kind === 'rejected') return { reply: verdict, changes: [] }
  const { profile, changes } = verdict
  // Also a key that the deployment proves can be revoked, and one of which only the ledger was told.
  if (profile.keyPath.some((id) => ledger.tables.kills.get(`key:${id}`)?.reason === 'revoked'))
    return { reply: { kind: 'rejected', reason: 'revoked' }, changes: [] }
  const { epoch, killVersion } = metaOf(ledger)
  const standing = standingOfProfile(ledger, profile, nowMs)
  return { reply: { kind: 'verified', profile, epoch, killVersion, ...standing }, changes }
}

function verdictOf(
  access: AccessState,
  { index }: LedgerState,
  tenantId: string,
  key: OpenCall['key'],
  settings: AccessSettings,
  nowMs: number,
): Verdict {
  const tenant = tenantOf(access, tenantId)
  const scopes = [...index.budgets.keys(), ...index.limits.keys()]
  const requiredTags = requiredTagsOf(scopes.map((scope) => ({ scope })))
  if ('proofs' in key) return verifyKey(access.keys, tenant, requiredTags, key, settings, nowMs)
  const profile = provenProfile(tenant, requiredTags, key.keyId, settings)
  return { kind: 'verified', profile, changes: [] }
}

function standingOfProfile(ledger: LedgerState, profile: KeyProfile, nowMs: number) {
  const turn = newTurn(ledger, nowMs)
  const scopes = scopesOf(profile, null, profile.grant.tags)
  const hard = fundsOf(turn, scopes).filter(({ budget }) => budget.mode === 'hard')
  const rooms = hard.map((funds) => roomOf(ledger, funds))
  return {
    remainingNanoUsd: rooms.length === 0 ? null : rooms.reduce(leastOf, mostNanoUsd),
    limits: standingOf(turn, limitsOf(turn, scopes)),
  }
}
