import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import type { Caller } from '../../engine/caller.ts'
import { isInside } from '../../engine/pinned-targets.ts'
import { HealthBook } from '../health/health-book.ts'
import type { Isolate } from '../isolate.ts'
import { LedgerBook } from '../ledger/ledger-book.ts'
import type { Residency } from '../residency.ts'
import type { Runtime } from '../runtime.ts'

/**
 * What an isolate is for one request in an object: everything that is shared by requests is that of the jurisdiction, and
 * money is held for this request alone. A holder that is new has no lease and asks for none; `handed` has what came with
 * the key.
 */
export function isolateInside(
  isolate: Isolate,
  jurisdiction: Residency | null,
  handed: LedgerBook | null = null,
): Isolate {
  return {
    ...isolate,
    jurisdiction,
    health: jurisdiction === null ? isolate.health : healthInside(isolate, jurisdiction),
    ledger: isolate.ledger === null ? null : (handed ?? new LedgerBook(crypto.randomUUID())),
  }
}

const booksOf = new WeakMap<Isolate, Map<Residency, HealthBook>>()

/** What is known of providers as they are seen from inside, and reported to the objects there. */
function healthInside(isolate: Isolate, jurisdiction: Residency): HealthBook {
  let books = booksOf.get(isolate)
  if (books === undefined) booksOf.set(isolate, (books = new Map()))
  let book = books.get(jurisdiction)
  if (book === undefined) {
    const observeOnly = isolate.runtime.config.health.mode === 'observe'
    book = new HealthBook({ isolate: crypto.randomUUID(), observeOnly, random: Math.random })
    books.set(jurisdiction, book)
  }
  return book
}

/** A caller as its residency narrows it: no target outside is in any plan of it. */
export function callerInside(caller: Caller, residency: Residency): Caller {
  const profile = caller.profile ?? plainProfile(caller)
  const { regions } = profile.grant
  const inside = regions === null || regions.includes(residency) ? [residency] : []
  return {
    ...caller,
    profile: { ...profile, residency, grant: { ...profile.grant, regions: inside } },
  }
}

/** Where there is no ledger, and so nobody says more of a key. */
function plainProfile({ tenant, keyId }: Caller): KeyProfile {
  return {
    tenantId: tenant,
    keyId,
    keyPath: [keyId],
    grant: everything,
    residency: null,
    isStrict: false,
    tier: null,
    storesAnswers: true,
    requiredTags: [],
    validForMs: 0,
  }
}

/** Addresses and bindings of the targets that lie inside. */
interface Doors {
  readonly prefixes: readonly string[]
  readonly bindings: ReadonlySet<string>
}

const doorsOf = new WeakMap<Runtime, Map<Residency, Doors>>()

function doorsInside(runtime: Runtime, residency: Residency): Doors {
  let known = doorsOf.get(runtime)
  if (known === undefined) doorsOf.set(runtime, (known = new Map()))
  let doors = known.get(residency)
  if (doors === undefined) {
    const inside = [...runtime.targets.values()]
      .filter(({ standing }) => isInside(standing.regions ?? [], residency))
      .map(({ provider }) => provider)
    doors = {
      prefixes: inside.flatMap(({ baseUrl }) => (baseUrl === null ? [] : [`${baseUrl}/`])),
      bindings: new Set(inside.flatMap(({ binding }) => binding ?? [])),
    }
    known.set(residency, doors)
  }
  return doors
}

/** The last door: whatever a plan, a hedge, a shadow or a probe asks for, no other address is called. */
export function checkAddress(runtime: Runtime, residency: Residency, url: string): void {
  if (!doorsInside(runtime, residency).prefixes.some((prefix) => url.startsWith(prefix)))
    throw new OutsideError()
}

export function checkBinding(runtime: Runtime, residency: Residency, name: string): void {
  if (!doorsInside(runtime, residency).bindings.has(name)) throw new OutsideError()
}

export class OutsideError extends Error {
  override readonly name = 'OutsideError'

  constructor() {
    super('a call to a provider outside of the jurisdiction was stopped')
  }
}
