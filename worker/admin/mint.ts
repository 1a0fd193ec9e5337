import { type Hmac, joined, type PepperSet } from '../edge/access/digest.ts'
import { keyIdFrom, mintKey } from '../edge/access/key-format.ts'

/** What digests and keys are made with. */
export interface Secrets {
  readonly peppers: PepperSet
  readonly hmac: Hmac
}

export interface Minted {
  readonly keyId: string
  readonly key: string
}

/** Who mints for whom, and under which idempotency key. */
export interface MintAsk {
  readonly tenantId: string
  /** Null: a new one is drawn. */
  readonly keyId: string | null
  /** As the caller sent it. */
  readonly adminKey: string
  /** Null: nothing is derived, every key is another. */
  readonly idempotencyKey: string | null
}

/**
 * A key's text. Under an idempotency key it is derived, so that whoever lost the answer gets the same key again, and
 * nobody has to store it: from the pepper, which is nowhere but in the Worker, and the admin key, which is nowhere but
 * with its owner. Either alone makes no key.
 */
export async function mint(
  { tenantId, keyId, adminKey, idempotencyKey }: MintAsk,
  { peppers, hmac }: Secrets,
): Promise<Minted> {
  if (idempotencyKey === null) {
    const id = keyId ?? keyIdFrom(crypto.getRandomValues(new Uint8Array(8)))
    return { keyId: id, key: mintKey(tenantId, id, crypto.getRandomValues(new Uint8Array(32))) }
  }
  const pepper = peppers.peppers[peppers.current] ?? ''
  const derive = async (what: string) =>
    bytesOf(
      await hmac(pepper, joined(['mint', what, tenantId, keyId ?? '', adminKey, idempotencyKey])),
    )
  const id = keyId ?? keyIdFrom((await derive('id')).subarray(0, 8))
  return { keyId: id, key: mintKey(tenantId, id, await derive('secret')) }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}
