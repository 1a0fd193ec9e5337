/** What a name in `model` can mean. */
export interface NameSpace {
  /** Route -> tiers of `{target, weight}`. */
  readonly routes: ReadonlyMap<string, readonly (readonly WeightedTarget[])[]>
  /** All declared targets, `model@provider`. */
  readonly targets: ReadonlySet<string>
  /** Bare model id -> targets that serve it, in file order. */
  readonly models: ReadonlyMap<string, readonly string[]>
  /** Routes the tenant may name; `*` is all. */
  readonly allowedRoutes: readonly string[]
  readonly directTargets: boolean
}

export interface WeightedTarget {
  readonly target: string
  readonly weight: number
}

/** One of several names of a request, as it is alone. `route` null: a target or a model. */
export interface NamedTiers {
  readonly route: string | null
  readonly tiers: readonly (readonly WeightedTarget[])[]
}

/** Where a tier of several names comes from. */
export interface TierOrigin {
  readonly route: string | null
  /** Its place among the tiers of its name, from 0. */
  readonly tier: number
}

export type Resolved =
  | {
      readonly kind: 'tiers'
      readonly route: string | null
      readonly tiers: readonly (readonly WeightedTarget[])[]
      /** Of several names, what each is alone, in the caller's order; absent for one: most. */
      readonly names?: readonly NamedTiers[]
    }
  | { readonly kind: 'unknown'; readonly name: string }
  | { readonly kind: 'forbidden'; readonly name: string }

/**
 * Turns `model` (and further `models`) into tiers of targets: a route gives its
 * own tiers, a target one tier of itself, a bare model id one tier of all
 * targets that serve it. Several names are tried in the caller's order; an
 * unknown or forbidden one refuses the request rather than being skipped.
 */
export function resolve(names: readonly [string, ...string[]], space: NameSpace): Resolved {
  const [only, ...others] = names
  if (others.length === 0) return resolveOne(only, space)
  const named: NamedTiers[] = []
  for (const name of names) {
    const found = resolveOne(name, space)
    if (found.kind !== 'tiers') return found
    named.push(found)
  }
  const { tiers } = inOrder(named)
  return { kind: 'tiers', route: space.routes.has(names[0]) ? names[0] : null, tiers, names: named }
}

/** The tiers of several names one behind the other, each target once, where it stands first. */
export function inOrder(
  names: readonly NamedTiers[],
  isLeftOut: (target: string, index: number) => boolean = () => false,
): {
  readonly tiers: readonly (readonly WeightedTarget[])[]
  readonly origins: readonly TierOrigin[]
} {
  const tiers: (readonly WeightedTarget[])[] = []
  const origins: TierOrigin[] = []
  const seen = new Set<string>()
  for (const [index, { route, tiers: own }] of names.entries()) {
    for (const [tier, targets] of own.entries()) {
      const fresh = targets.filter(({ target }) => !seen.has(target) && !isLeftOut(target, index))
      for (const { target } of fresh) seen.add(target)
      if (fresh.length === 0) continue
      tiers.push(fresh)
      origins.push({ route, tier })
    }
  }
  return { tiers, origins }
}

function resolveOne(name: string, space: NameSpace): Resolved {
  const route = space.routes.get(name)
  if (route !== undefined) {
    const allowed = space.allowedRoutes.includes('*') || space.allowedRoutes.includes(name)
    return allowed ? { kind: 'tiers', route: name, tiers: route } : { kind: 'forbidden', name }
  }
  const direct = space.targets.has(name) ? [name] : space.models.get(name)
  if (direct === undefined) return { kind: 'unknown', name }
  if (!space.directTargets) return { kind: 'forbidden', name }
  return { kind: 'tiers', route: null, tiers: [direct.map((target) => ({ target, weight: 1 }))] }
}
