import * as z from 'zod/mini'
import { described, toolText } from '../../durable-objects/described.ts'
import { lazily } from '../../durable-objects/lazily.ts'
import type { ListedKey } from '../../durable-objects/tenant-ledger/access/keys.ts'
import { isKeyId } from '../../durable-objects/tenant-ledger/access/names.ts'
import { problemsOf } from '../../durable-objects/tenant-ledger/access/problems.ts'
import { defaultAccessSettings } from '../../durable-objects/tenant-ledger/access/settings.ts'
import type { KeyReply } from '../../durable-objects/tenant-ledger/rpc.ts'
import { gatewayError, type GatewayError } from '../canonical/errors.ts'
import { proofsOf } from '../edge/access/digest.ts'
import { claimOf, conflict, idempotencyKeyOf } from './claim.ts'
import { type Minted, mint } from './mint.ts'
import { jsonOf, jsonOrNothing, notFound, problemsError } from './problem.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'
import { timeOf, timeOrNull, usdOf } from './usd.ts'

export const keyRoutes: readonly TenantRoute[] = [
  { method: 'post', path: '/keys', action: 'key_create', handle: createKey },
  { method: 'get', path: '/keys', action: null, handle: listKeys },
  { method: 'post', path: '/keys/:key/rotate', action: 'key_rotate', handle: rotateKey },
  { method: 'delete', path: '/keys/:key', action: 'key_revoke', handle: revokeKey },
]

/** What is told of a key that was made or got another secret: its text, this once. */
type Told = (minted: Minted, key: ListedKey) => object

async function createKey(call: TenantCall): Promise<Outcome> {
  const body = await jsonOf(call.request)
  if ('refused' in body) return refused(body.refused)
  const told: Told = ({ keyId, key }) => ({ id: keyId, key })
  return minting(call, null, body.value, told, ({ keyId }, proof) =>
    call.ask((ledger) =>
      ledger.createKey({
        keyId,
        asked: body.value,
        proof,
        maker: { kind: 'admin' },
        actor: call.actor,
      }),
    ),
  )
}

export const rotateBody = lazily(() =>
  z.strictObject({
    overlapMs: described(
      z._default(
        z.int().check(z.minimum(0), z.maximum(defaultAccessSettings.overlapMostMs)),
        defaultAccessSettings.overlapDefaultMs,
      ),
      toolText('How long the secret of before stays good, ms; 24 h when it is left out.'),
    ),
  }),
)

async function rotateKey(call: TenantCall): Promise<Outcome> {
  const keyId = keyIdIn(call)
  if (keyId === null) return noSuchKey()
  const body = await jsonOrNothing(call.request)
  if ('refused' in body) return refused(body.refused, keyId)
  const read = rotateBody().safeParse(body.value)
  if (!read.success) return refused(problemsError(problemsOf(read.error.issues)), keyId)
  const { overlapMs } = read.data
  const told: Told = ({ key }, { id, oldSecretUntilMs }) => ({
    id,
    key,
    oldSecretUntil: timeOrNull(oldSecretUntilMs),
  })
  return minting(call, keyId, body.value, told, (_minted, proof) =>
    call.ask((ledger) => ledger.rotateKey({ keyId, proof, overlapMs, actor: call.actor })),
  )
}

type Proof = Awaited<ReturnType<typeof proofsOf>>[0]

/** Mints a key's text and has its proof stored. The same call again under an idempotency key tells the same text. */
async function minting(
  call: TenantCall,
  keyId: string | null,
  body: unknown,
  told: Told,
  store: (minted: Minted, proof: Proof) => Promise<KeyReply>,
): Promise<Outcome> {
  const { tenantId, secrets, request } = call
  const claim = await claimOf(call, body)
  if (claim.kind === 'refused') return refused(claim.error, keyId ?? undefined)
  const idempotency = idempotencyKeyOf(request)
  const idempotencyKey = idempotency.kind === 'read' ? idempotency.key : null
  const minted = await mint({ tenantId, keyId, adminKey: call.adminKey, idempotencyKey }, secrets)
  const proofs = await proofsOf(minted.key, secrets.peppers, secrets.hmac)
  if (claim.kind !== 'run') {
    // Only a text that still opens something is worth telling; storing it again could end a newer one.
    const opened = await call.ask((ledger) => ledger.open({ key: { keyId: minted.keyId, proofs } }))
    if (opened.kind === 'rejected') return refused(goneSince(), minted.keyId)
    const key = await listedKey(call, minted.keyId)
    return key === null ? noSuchKey() : answered(told(minted, key), minted.keyId)
  }
  const reply = await store(minted, proofs[0])
  const isDone = reply.key !== null && reply.refused === null && reply.problems.length === 0
  await claim.end(isDone ? 'done' : 'refused')
  if (!isDone || reply.key === null) return refused(errorOf(reply), keyId ?? undefined)
  return answered(told(minted, reply.key), minted.keyId)
}

function goneSince(): GatewayError {
  return conflict(
    'a call with this idempotency key came before, and the key it made is not good any more: use a new one',
  )
}

async function listedKey(call: TenantCall, keyId: string): Promise<ListedKey | null> {
  const keys = await call.ask((ledger) => ledger.keys())
  return keys.find(({ id }) => id === keyId) ?? null
}

async function listKeys(call: TenantCall): Promise<Outcome> {
  const keys = await call.ask((ledger) => ledger.keys())
  return answered({ object: 'list', data: keys.map(keyView) })
}

async function revokeKey(call: TenantCall): Promise<Outcome> {
  const keyId = keyIdIn(call)
  if (keyId === null) return noSuchKey()
  const reply = await call.ask((ledger) => ledger.revokeKey({ keyId, actor: call.actor }))
  if (reply.key === null) return refused(errorOf(reply), keyId)
  return answered(keyView(reply.key), keyId)
}

function keyIdIn({ params }: TenantCall): string | null {
  const keyId = params['key'] ?? ''
  return isKeyId(keyId) ? keyId : null
}

/** Keys of the deployment's secret are in no ledger: it says what ends one of those. */
const noSuchKeyMessage =
  'no key of this tenant has this id; a key of the secret SWITCHYARD_KEYS ends when it is taken out of the secret, and is stopped until then by POST /admin/v1/tenants/{id}/freeze {"scope":"key:ID"}'

function noSuchKey(): Outcome {
  return refused(notFound(noSuchKeyMessage, 'key'))
}

function errorOf({ refused: reason, problems }: KeyReply): GatewayError {
  if (problems.length > 0 || reason === null) return problemsError(problems)
  const { code, field, message } = reason
  const param = field === null ? {} : { param: field }
  const text = field === null ? message : `${field}: ${message}`
  switch (code) {
    case 'invalid_request':
      return gatewayError(code, 400, text, param)
    case 'route_forbidden':
      return gatewayError(code, 403, text, param)
    case 'not_found':
      return notFound(noSuchKeyMessage, 'key')
  }
}

/** No secret and no digest: the ledger does not tell them either. */
export function keyView(row: ListedKey) {
  const { grant } = row
  const { routes, models, operations, regions, environments, tags, team } = grant
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    routes,
    models,
    operations,
    regions,
    environments,
    tags,
    team,
    expiresAt: timeOrNull(grant.expiresAtMs),
    budgets: grant.budgets.map(({ period, capNanoUsd, mode }) => ({
      period,
      limitUsd: usdOf(capNanoUsd),
      mode,
    })),
    madeBy: row.madeBy,
    createdAt: timeOf(row.createdAtMs),
    revokedAt: timeOrNull(row.revokedAtMs),
    pepperVersion: row.pepperVersion,
    oldSecretUntil: timeOrNull(row.oldSecretUntilMs),
  }
}
