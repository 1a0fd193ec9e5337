import type { Proof } from '../../durable-objects/tenant-ledger/access/rows.ts'
import type { ListedKey } from '../../durable-objects/tenant-ledger/access/keys.ts'
import type { ScopeId } from '../../durable-objects/tenant-ledger/protocol.ts'
import type {
  BeginReply,
  CreateKeyCall,
  FinishCall,
  OpenReply,
} from '../../durable-objects/tenant-ledger/rpc.ts'
import { actor, TestLedger } from './tenant-ledger-object.ts'

/** As an HMAC looks, and a different one for each text and pepper. */
export function digestOf(text: string): string {
  let digest = ''
  for (const letter of text) digest += letter.charCodeAt(0).toString(16).padStart(2, '0')
  if (digest.length > 62) throw new RangeError('a shorter text')
  return `${digest}ff`.padEnd(64, '0')
}

export function proof(secret: string, pepperVersion = '1'): Proof {
  return { pepperVersion, digest: digestOf(`${pepperVersion} ${secret}`) }
}

export const keyIds = ['Key0000a', 'Key0000b', 'Key0000c', 'Key0000d'] as const

export const key = { name: 'search in production' }

/** A ledger, and what tests do with its keys. */
export class KeyLedger extends TestLedger {
  create(keyId: string, asked: object = {}, more: Partial<CreateKeyCall> = {}) {
    return this.stub.createKey({
      keyId,
      asked: { ...key, ...asked },
      proof: proof(keyId),
      maker: { kind: 'admin' },
      actor,
      ...more,
    })
  }

  /** One that is there, or it throws. */
  async made(keyId: string, asked: object = {}, makerId?: string): Promise<ListedKey> {
    const maker =
      makerId === undefined ? { kind: 'admin' as const } : { kind: 'key' as const, keyId: makerId }
    const { refused, key: made } = await this.create(keyId, asked, { maker })
    if (made === null) throw new Error(refused?.message)
    return made
  }

  rotate(keyId: string, secret: string, overlapMs?: number) {
    return this.stub.rotateKey({
      keyId,
      proof: proof(secret),
      ...(overlapMs !== undefined && { overlapMs }),
      actor,
    })
  }

  revoke(keyId: string) {
    return this.stub.revokeKey({ keyId, actor })
  }

  put(tenant: object) {
    return this.stub.putTenant({ tenant, actor })
  }

  open(keyId: string, secret: string = keyId): Promise<OpenReply> {
    return this.stub.open({ key: { keyId, proofs: [proof(secret)] } })
  }

  openProven(keyId: string): Promise<OpenReply> {
    return this.stub.open({ key: { keyId, isProven: true } })
  }

  /** What is said to a hold of a request with these scopes. */
  hold1(worst: number, scopes: readonly ScopeId[], holder?: string) {
    return this.ask({ ...this.holdAsk(worst), scopes }, holder)
  }

  begin(runId: string, key = 'k', body = 'body'): Promise<BeginReply> {
    return this.stub.beginOnce({ id: digestOf(key), requestDigest: digestOf(body), runId })
  }

  finish(runId: string, body: readonly Uint8Array[] | null, more: object = {}, key = 'k') {
    const answer: FinishCall['answer'] = {
      status: 200,
      headers: [['content-type', 'text/event-stream']],
      chunks: body,
      ...more,
    }
    return this.stub.finishOnce({ id: digestOf(key), runId, answer })
  }

  abandon(runId: string, key = 'k') {
    return this.stub.abandonOnce({ id: digestOf(key), runId })
  }

  lose(runId: string, key = 'k') {
    return this.stub.loseOnce({ id: digestOf(key), runId })
  }
}

export function profileOf(reply: OpenReply) {
  if (reply.kind !== 'verified') throw new Error(reply.reason)
  return reply.profile
}

export function bytes(length: number, from = 0): Uint8Array {
  return new Uint8Array(length).map((_, index) => (from + index) % 251)
}

export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(chunks.flatMap((chunk) => [...chunk]))
}

/** Everything that is stored of keys, the tenant and idempotency. */
export async function accessOf(ledger: TestLedger) {
  return {
    keys: await ledger.records('keys'),
    tenant: await ledger.records('tenant'),
    idempotency: await ledger.records('idempotency'),
    chunks: await ledger.records('chunks'),
    budgets: await ledger.records('budgets'),
    kills: await ledger.records('kills'),
  }
}
