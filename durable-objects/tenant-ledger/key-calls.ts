import { readKeyRequest } from './access/key-request.ts'
import { adminMaker, createKey, keyMaker, type Keys, listed, type Maker } from './access/keys.ts'
import { describe, type Problem } from './access/problems.ts'
import type { Done, KeyRow, Refused } from './access/rows.ts'
import type { AccessSettings } from './access/settings.ts'
import { type AccessState, tenantOf } from './access/state.ts'
import { putTenant, readTenant } from './access/tenant.ts'
import type { TenantRow } from './access/rows.ts'
import type { AccessNews } from './joint-turn.ts'
import type { CreateKeyCall, KeyReply, TenantReply } from './rpc.ts'

export type KeyMade = Done<KeyRow> | (Refused & { readonly problems?: readonly Problem[] })

/** A new key, within what its maker has now. */
export function makeKey(
  access: AccessState,
  tenantId: string,
  { keyId: id, asked: body, proof, maker: by, actor }: CreateKeyCall,
  settings: AccessSettings,
  nowMs: number,
): KeyMade {
  const request = readKeyRequest(body, nowMs)
  if (request.kind === 'invalid') return invalid(request.problems)
  const tenant = tenantOf(access, tenantId)
  const maker: Maker | null =
    by.kind === 'admin' ? adminMaker(actor, tenant) : keyMaker(access.keys, by.keyId, tenant, nowMs)
  if (maker === null)
    return {
      kind: 'refused',
      code: 'route_forbidden',
      field: null,
      message: 'the key that makes it is revoked, has expired, or is none of this ledger',
    }
  const { name, asked } = request
  return createKey(access.keys, { id, name, asked, proof }, maker, settings, nowMs)
}

export function keyReply(made: KeyMade, keys: Keys, nowMs: number): KeyReply {
  if (made.kind === 'done')
    return { refused: null, problems: [], key: listed(keys, made.value, nowMs) }
  const { code, field, message, problems = [] } = made
  return { refused: { code, field, message }, problems, key: null }
}

/** Puts the tenant's row; `news` is null when nothing is to be done. */
export function changeTenant(
  before: TenantRow | null,
  tenantId: string,
  body: unknown,
  actor: string,
  nowMs: number,
): { readonly news: AccessNews | null; readonly reply: TenantReply } {
  const read = readTenant(tenantId, body, nowMs)
  if (read.kind === 'invalid') {
    const { problems } = read
    return { news: null, reply: { refused: describe(problems), problems, tenant: null } }
  }
  const put = putTenant(before, read.tenant, actor)
  if (put.kind === 'refused')
    return { news: null, reply: { refused: put.message, problems: [], tenant: null } }
  return { news: put, reply: { refused: null, problems: [], tenant: put.value } }
}

function invalid(problems: readonly Problem[]): KeyMade {
  const [first] = problems
  return {
    kind: 'refused',
    code: 'invalid_request',
    field: first?.field ?? null,
    message: describe(problems),
    problems,
  }
}
