import { scopesOf } from '../../../durable-objects/tenant-ledger/access/scopes.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import type { ScopeId } from '../../../durable-objects/tenant-ledger/protocol.ts'
import type { Payer } from '../../engine/money-port.ts'

export { scopesOf }

type Lists = Map<string, readonly ScopeId[]>

/** Combinations of route and tags that are remembered of one key, and keys without a profile. */
const maxLists = 256

/** Everything a request counts in. Requests of one key, route and tags get the same list, whose key is known then. */
export class ScopeLists {
  readonly #ofProfile = new WeakMap<KeyProfile, Lists>()
  /** Of keys that no ledger has described. */
  readonly #ofKey = new Map<string, Lists>()

  of({ caller: { keyId, profile }, route, tags }: Payer): readonly ScopeId[] {
    let name = route === null ? '' : `route ${route}`
    for (const tag of profile?.requiredTags ?? [])
      if (Object.hasOwn(tags, tag)) name += `\n${tag}=${tags[tag]}`
    const lists = profile === null ? this.#listsOfKey(keyId) : this.#listsOf(profile)
    const known = lists.get(name)
    if (known !== undefined) return known
    // A tag with a value of its own for each request must not fill the memory.
    if (lists.size >= maxLists) lists.clear()
    const scopes = profile === null ? plainScopes(keyId, route) : scopesOf(profile, route, tags)
    lists.set(name, scopes)
    return scopes
  }

  #listsOf(profile: KeyProfile): Lists {
    let lists = this.#ofProfile.get(profile)
    if (lists === undefined) this.#ofProfile.set(profile, (lists = new Map()))
    return lists
  }

  #listsOfKey(keyId: string): Lists {
    let lists = this.#ofKey.get(keyId)
    if (lists !== undefined) return lists
    if (this.#ofKey.size >= maxLists) this.#ofKey.clear()
    this.#ofKey.set(keyId, (lists = new Map()))
    return lists
  }
}

function plainScopes(keyId: string, route: string | null): readonly ScopeId[] {
  const scopes: ScopeId[] = ['tenant', `key:${keyId}`]
  if (route !== null) scopes.push(`route:${route}`)
  return scopes
}
