import { conflictMessage } from '../../../durable-objects/tenant-ledger/access/idempotency.ts'
import { defaultAccessSettings } from '../../../durable-objects/tenant-ledger/access/settings.ts'
import type { TenantLedgerStub } from '../../../durable-objects/tenant-ledger/stub.ts'
import { gatewayError } from '../../canonical/errors.ts'
import type { Claimed, OnceAsk, OncePort, OnceRun } from '../../engine/once-port.ts'
import { type Hmac, idempotencyId, type PepperSet, requestDigest } from './digest.ts'

/** Idempotency keys in the ledger of their tenant. */
export class EdgeOnce implements OncePort {
  readonly #peppers: PepperSet
  readonly #hmac: Hmac
  readonly #ledgerOf: (tenant: string) => TenantLedgerStub

  constructor(peppers: PepperSet, hmac: Hmac, ledgerOf: (tenant: string) => TenantLedgerStub) {
    this.#peppers = peppers
    this.#hmac = hmac
    this.#ledgerOf = ledgerOf
  }

  async claim({ caller, key, path, body, requestId }: OnceAsk): Promise<Claimed> {
    const { current, peppers } = this.#peppers
    const pepper = peppers[current] ?? ''
    const owner = { tenantId: caller.tenant, keyId: caller.keyId }
    const [id, digest] = await Promise.all([
      idempotencyId(owner, key, pepper, this.#hmac),
      requestDigest(path, JSON.stringify(body), pepper, this.#hmac),
    ])
    const ledger = this.#ledgerOf(caller.tenant)
    const begun = await ledger.beginOnce({ id, requestDigest: digest, runId: requestId })
    switch (begun.kind) {
      case 'fresh':
        return { kind: 'fresh', run: runOf(ledger, id, requestId) }
      case 'replay':
        return { kind: 'replay', answer: begun.answer, ranAs: begun.runId }
      case 'running':
        return refused(conflictMessage('running', begun.runId), begun.retryAfterMs)
      case 'conflict':
        return refused(conflictMessage(begun.reason, begun.runId))
    }
  }
}

function refused(message: string, retryAfterMs?: number): Claimed {
  const more = retryAfterMs === undefined ? {} : { retryAfterMs }
  return { kind: 'refused', error: gatewayError('idempotency_conflict', 409, message, more) }
}

function runOf(ledger: TenantLedgerStub, id: string, runId: string): OnceRun {
  return {
    mostBytes: defaultAccessSettings.maxAnswerBytes,
    async finish(status, headers, body) {
      const chunks = body === null ? null : [body]
      await ledger.finishOnce({ id, runId, answer: { status, headers: [...headers], chunks } })
    },
    async abandon() {
      await ledger.abandonOnce({ id, runId })
    },
    async lose() {
      await ledger.loseOnce({ id, runId })
    },
  }
}
