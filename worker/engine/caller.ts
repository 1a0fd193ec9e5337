import type { KeyProfile } from '../../durable-objects/tenant-ledger/access/verify.ts'

/** Who is asking, as the key proves it. */
export interface Caller {
  readonly tenant: string
  readonly keyId: string
  /** What the tenant's ledger says of the key; null where there is no ledger. */
  readonly profile: KeyProfile | null
}
