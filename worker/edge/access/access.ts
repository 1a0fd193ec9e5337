import type {
  KeyAsk,
  KeyProfile,
  Rejection,
} from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import { gatewayError, type GatewayError } from '../../canonical/errors.ts'
import type { Caller } from '../../engine/caller.ts'
import { fingerprintOf, type KeyRing, type StoredKey } from '../keys.ts'
import { denialOf } from './authorize.ts'
import { type Hmac, type PepperSet, proofsOf } from './digest.ts'
import { JunkShield } from './junk-shield.ts'
import { KeyCache } from './key-cache.ts'
import { parseKey } from './key-format.ts'

export type OpenAsk =
  | KeyAsk
  /** Proven by a secret of the deployment. */
  | { readonly keyId: string; readonly isProven: true }

export type Opened =
  | { readonly kind: 'verified'; readonly profile: KeyProfile; readonly killVersion: number }
  | { readonly kind: 'rejected'; readonly reason: Rejection }

/** What asking for a key needs of the request that brings it. */
export interface AccessHost {
  nowMs(): number
  waitUntil(work: Promise<unknown>): void
  /** The latest that the isolate has heard of a tenant's revocations; -1: nothing. */
  killVersionOf(tenant: string): number
  /** Where the request comes from, as the platform says it; null: nobody knows. */
  addressOf(): string | null
  /** The platform's own limit of calls from an address, where one is bound: whether this one is within it. */
  isWithinLimit(address: string): Promise<boolean>
  /** `routes.json` names the tenant, and so says where it is pinned to. */
  isDeclared(tenant: string): boolean
  /**
   * Asks the ledger of a tenant. Rejects when it cannot be reached. `isAwaited`: for the request that brings the key,
   * which may be asked for money in the same call.
   */
  open(tenant: string, ask: OpenAsk, isAwaited: boolean): Promise<Opened>
}

export type Identified =
  | { readonly kind: 'known'; readonly caller: Caller }
  | { readonly kind: 'refused'; readonly error: GatewayError }

/** A profile older than this is asked for again behind the request that uses it, ms: steady traffic never waits. */
const refreshAfterMs = 15_000

interface Seen {
  readonly profile: KeyProfile
  readonly askedAtMs: number
}

/**
 * Who a key belongs to, and what it may do: keys of the deployment's own secret are proven here, all others by the
 * ledger of the tenant that they name. What a ledger said is believed for 30 s at most.
 */
export class Access {
  readonly #ring: KeyRing
  readonly #peppers: PepperSet
  readonly #hmac: Hmac
  readonly #cache = new KeyCache()
  readonly #shield = new JunkShield()
  /** Profiles of the deployment's own keys, by tenant and id. */
  readonly #own = new Map<string, Seen>()
  readonly #asking = new Set<string>()
  /** As of which revocations a tenant's profiles are. */
  readonly #versions = new Map<string, number>()
  readonly #hasLedger: boolean

  constructor(ring: KeyRing, peppers: PepperSet, hmac: Hmac, hasLedger: boolean) {
    this.#ring = ring
    this.#peppers = peppers
    this.#hmac = hmac
    this.#hasLedger = hasLedger
  }

  /** At once where it is known; a promise where a ledger has to be asked. */
  identify(key: string | null, host: AccessHost): Identified | Promise<Identified> {
    if (key === null)
      return refused('no key was sent; use "Authorization: Bearer KEY" or "x-api-key: KEY"')
    const own = this.#ring.find(key)
    if (own !== null) return this.#hasLedger ? this.#identifyOwn(own, host) : known(own, null)
    const parsed = this.#hasLedger ? parseKey(key) : null
    if (parsed === null) return refused('this key is not known')
    const digest = fingerprintOf(key) ?? ''
    this.#forgetRevoked(parsed.tenantId, host)
    const found = this.#cache.find(digest, host.nowMs())
    if (found === null) return this.#askShielded(key, parsed, digest, host)
    if (found.kind === 'rejected') return rejected(found.reason)
    const { profile, askedAtMs } = found
    if (host.nowMs() - askedAtMs > refreshAfterMs)
      this.#refresh(digest, host, () => this.#ask(key, parsed, digest, host, false))
    return known({ tenant: parsed.tenantId, id: parsed.keyId }, profile)
  }

  /** A tenant's ledger said that somebody was revoked. */
  forgetTenant(tenant: string): void {
    this.#versions.delete(tenant)
    this.#cache.forgetTenant(tenant)
    for (const [name, { profile }] of this.#own)
      if (profile.tenantId === tenant) this.#own.delete(name)
  }

  /** An exchange has told of a revocation, or of another budget, that no profile knows of. */
  #forgetRevoked(tenant: string, host: AccessHost): void {
    const heard = host.killVersionOf(tenant)
    const known = this.#versions.get(tenant)
    if (known !== undefined && heard > known) this.forgetTenant(tenant)
  }

  #opened(tenant: string, { killVersion }: { readonly killVersion: number }): void {
    this.#versions.set(tenant, Math.max(killVersion, this.#versions.get(tenant) ?? -1))
  }

  #identifyOwn(key: StoredKey, host: AccessHost): Identified | Promise<Identified> {
    this.#forgetRevoked(key.tenant, host)
    const seen = this.#own.get(nameOf(key))
    if (seen === undefined) return this.#openOwn(key, host, true)
    if (host.nowMs() - seen.askedAtMs > refreshAfterMs)
      this.#refresh(nameOf(key), host, () => this.#openOwn(key, host, false))
    return known(key, seen.profile)
  }

  async #openOwn(key: StoredKey, host: AccessHost, isAwaited: boolean): Promise<Identified> {
    const askedAtMs = host.nowMs()
    try {
      const opened = await host.open(key.tenant, { keyId: key.id, isProven: true }, isAwaited)
      if (opened.kind === 'rejected') return rejected(opened.reason)
      this.#opened(key.tenant, opened)
      this.#own.set(nameOf(key), { profile: opened.profile, askedAtMs })
      return known(key, opened.profile)
    } catch {
      // Only the ledger knows where such a tenant is pinned to.
      if (!host.isDeclared(key.tenant)) return ledgerAway()
      // Its secret has proven it; what it may spend is for admission to say, which fails closed by itself.
      return known(key, plainProfile(key))
    }
  }

  /** Once at a time, behind the request. */
  #refresh(name: string, host: AccessHost, ask: () => Promise<unknown>): void {
    if (this.#asking.has(name)) return
    this.#asking.add(name)
    const refresh = async () => {
      try {
        await ask()
      } finally {
        this.#asking.delete(name)
      }
    }
    host.waitUntil(refresh())
  }

  /** A key that nobody here has seen: junk that looks like one must not become a call for each. */
  async #askShielded(
    key: string,
    parsed: { readonly tenantId: string; readonly keyId: string },
    digest: string,
    host: AccessHost,
  ): Promise<Identified> {
    const address = host.addressOf()
    const waitMs = this.#shield.waitMs(address, host.nowMs())
    if (waitMs > 0) return tooMany(waitMs)
    if (address !== null && !(await host.isWithinLimit(address))) return tooMany(shieldMs)
    return this.#ask(key, parsed, digest, host, true)
  }

  async #ask(
    key: string,
    { tenantId, keyId }: { readonly tenantId: string; readonly keyId: string },
    digest: string,
    host: AccessHost,
    isAwaited: boolean,
  ): Promise<Identified> {
    const askedAtMs = host.nowMs()
    const proofs = await proofsOf(key, this.#peppers, this.#hmac)
    let opened: Opened
    try {
      opened = await host.open(tenantId, { keyId, proofs }, isAwaited)
    } catch {
      return ledgerAway()
    }
    if (opened.kind === 'rejected') {
      this.#cache.refuse(digest, opened.reason, askedAtMs)
      // Whoever has the secret of a key that has ended is no stranger.
      const isStrange = opened.reason === 'unknown' || opened.reason === 'wrong_secret'
      if (isStrange) this.#shield.rejected(host.addressOf(), host.nowMs())
      return rejected(opened.reason)
    }
    this.#opened(tenantId, opened)
    this.#cache.remember(digest, opened.profile, askedAtMs)
    return known({ tenant: tenantId, id: keyId }, opened.profile)
  }
}

function nameOf({ tenant, id }: Pick<StoredKey, 'tenant' | 'id'>): string {
  return `${tenant}-${id}`
}

function known(
  { tenant, id }: Pick<StoredKey, 'tenant' | 'id'>,
  profile: KeyProfile | null,
): Identified {
  return { kind: 'known', caller: { tenant, keyId: id, profile } }
}

function refused(message: string): Identified {
  return { kind: 'refused', error: gatewayError('unauthorized', 401, message) }
}

function ledgerAway(): Identified {
  const message = 'the ledger of this tenant cannot be reached, and nobody else knows its keys'
  const error = gatewayError('ledger_unavailable', 503, message, { retryAfterMs: 2000 })
  return { kind: 'refused', error }
}

/** The period of the platform's limiter is ten seconds or a minute. */
const shieldMs = 10_000

function tooMany(retryAfterMs: number): Identified {
  const message = 'too many keys that nobody knows came from this address'
  return { kind: 'refused', error: gatewayError('rate_limited', 429, message, { retryAfterMs }) }
}

function rejected(reason: Rejection): Identified {
  const { code, status, message } = denialOf(reason)
  return { kind: 'refused', error: gatewayError(code, status, message) }
}

/** Of a key that the deployment proves, while its ledger cannot say more. */
function plainProfile({ tenant, id }: StoredKey): KeyProfile {
  return {
    tenantId: tenant,
    keyId: id,
    keyPath: [id],
    grant: everything,
    residency: null,
    isStrict: false,
    tier: null,
    storesAnswers: false,
    requiredTags: [],
    validForMs: 0,
  }
}
