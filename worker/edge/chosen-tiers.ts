import type { TierIntent } from '../policy/route-policy.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Config, RouteConfig } from './config-schema.ts'
import { ConfigurationError, describeProblems } from './config.ts'
import { familyOfTarget, priceOf } from './intent-lint.ts'
import type { Target } from './runtime.ts'
import { entriesOfTier, targetsAreChosen } from './tiers.ts'

/**
 * Tiers that say why they are there and name no targets: they take those of the file that are what the intent says,
 * measured against the first tier of their route as the lint measures it (`docs/routing.md`, tiers). A target that the
 * route names anywhere, or that an earlier tier took, is not taken again.
 */

type Targets = ReadonlyMap<string, Target>

/** Null: it does not fit. The lower goes first; equal ones stay in the order of the file. */
type Rank = (target: Target) => number | null

/** Either how targets are ranked, or why nobody can say which fit. */
type Fit = { readonly rank: Rank; readonly what: string } | { readonly unknown: string }

/** The configuration with every tier filled. Throws a `ConfigurationError` where nothing fits, or nobody can say what. */
export function withChosenTiers(config: Config, targets: Targets): Config {
  const routes = Object.entries(config.routes)
  if (!routes.some(([, { tiers }]) => tiers.some(targetsAreChosen))) return config
  const problems: ConfigProblem[] = []
  const filled = routes.map(([name, route]): [string, RouteConfig] => [
    name,
    route.tiers.some(targetsAreChosen) ? fill(name, route, config, targets, problems) : route,
  ])
  if (problems.length > 0)
    throw new ConfigurationError(`routes.json is refused:\n${describeProblems(problems)}`, problems)
  return { ...config, routes: Object.fromEntries(filled) }
}

function fill(
  name: string,
  route: RouteConfig,
  config: Config,
  targets: Targets,
  problems: ConfigProblem[],
): RouteConfig {
  const { tiers, canary, objective = 'priority' } = route
  const named = tiers.flatMap(entriesOfTier).map(({ target }) => target)
  // What is on trial is no fallback.
  const taken = new Set(canary === undefined ? named : [...named, canary.target])
  const first = (tiers[0] === undefined ? [] : entriesOfTier(tiers[0])).flatMap(
    ({ target }) => targets.get(target) ?? [],
  )
  const filled = tiers.map((tier, index): RouteConfig['tiers'][number] => {
    if (Array.isArray(tier) || tier.targets !== undefined || tier.intent === undefined) return tier
    const found =
      index === 0
        ? 'needs "targets" on the first tier, which all others are measured against'
        : chosen(tier.intent, first, [...targets.values()], taken, config)
    if (typeof found === 'string') {
      const path = pathText(['routes', name, 'tiers', index, 'intent'])
      problems.push({ path, rule: found, value: tier.intent })
      return tier
    }
    for (const target of found) taken.add(target)
    // In the order in which they were ranked, where nobody asks for another.
    return { objective, ...tier, targets: found }
  })
  return { ...route, tiers: filled }
}

/** The names of what fits, best first; or the rule that is broken where nothing does. */
function chosen(
  intent: TierIntent,
  first: readonly Target[],
  all: readonly Target[],
  taken: ReadonlySet<string>,
  config: Config,
): string[] | string {
  const fit = fitOf(intent, first, config)
  if ('unknown' in fit) return `cannot choose targets by itself: ${fit.unknown}`
  const found = all.flatMap((target) => {
    if (taken.has(target.name)) return []
    const rank = fit.rank(target)
    return rank === null ? [] : [{ name: target.name, rank }]
  })
  if (found.length === 0)
    return `finds no target in this file that the route does not name already and that is ${fit.what}: declare one, or name "targets"`
  return found.toSorted((a, b) => a.rank - b.rank).map(({ name }) => name)
}

function fitOf(intent: TierIntent, first: readonly Target[], config: Config): Fit {
  switch (intent) {
    case 'same-family':
      return sameFamily(first, config)
    case 'cheaper':
      return cheaper(first)
    case 'smaller':
      return lesser(first, familiesOf(first, config), config)
    case 'degraded':
      return lesser(first, null, config)
  }
}

function familiesOf(targets: readonly Target[], config: Config): ReadonlySet<string> {
  return new Set(targets.flatMap((target) => familyOfTarget(target, config) ?? []))
}

/** The same model goes before the rest of its family. */
function sameFamily(first: readonly Target[], config: Config): Fit {
  const families = familiesOf(first, config)
  if (families.size === 0)
    return { unknown: 'nobody knows the family of the first tier; declare its "family"' }
  const providers = new Set(first.map(({ provider }) => provider.id))
  const models = new Set(first.map(({ model }) => model))
  return {
    rank: (target) => {
      const family = familyOfTarget(target, config)
      if (family === null || !families.has(family) || providers.has(target.provider.id)) return null
      return models.has(target.model) ? 0 : 1
    },
    what: `of the family ${listed(families)} at another provider`,
  }
}

/** The dearest of them first: it is nearest to what it stands in for. */
function cheaper(first: readonly Target[]): Fit {
  const prices = first.flatMap((target) => priceOf(target) ?? [])
  if (prices.length === 0) return { unknown: 'no target of the first tier has a price' }
  const least = Math.min(...prices)
  return {
    rank: (target) => {
      const price = priceOf(target)
      return price === null || price >= least ? null : -price
    },
    what: 'cheaper than the first tier',
  }
}

/** The best of those that declare a lower quality tier than all of the first; of the same family where `families` are given. */
function lesser(
  first: readonly Target[],
  families: ReadonlySet<string> | null,
  config: Config,
): Fit {
  const tiers = first.map(({ standing }) => standing.qualityTier ?? null)
  if (tiers.length === 0 || tiers.includes(null))
    return { unknown: 'the targets of the first tier do not all declare a "qualityTier"' }
  if (families?.size === 0)
    return { unknown: 'nobody knows the family of the first tier; declare its "family"' }
  const least = Math.min(...tiers.map((tier) => tier ?? 0))
  const isOfThem = (target: Target) =>
    families === null || families.has(familyOfTarget(target, config) ?? '')
  return {
    rank: (target) => {
      const { qualityTier } = target.standing
      if (qualityTier === undefined || qualityTier >= least || !isOfThem(target)) return null
      return -qualityTier
    },
    what: `${families === null ? '' : `of the family ${listed(families)} and `}of a "qualityTier" below ${least}`,
  }
}

function listed(families: ReadonlySet<string>): string {
  return [...families].map((family) => `"${family}"`).join(' or ')
}

/** What tiers that name no targets have come to, for whoever checks the file: one line for each. */
export function chosenTiers(asWritten: Config, filled: Config): string[] {
  return Object.entries(asWritten.routes).flatMap(([name, { tiers }]) =>
    tiers.flatMap((tier, index) => {
      const now = filled.routes[name]?.tiers[index]
      if (!targetsAreChosen(tier) || now === undefined) return []
      const names = entriesOfTier(now).map(({ target }) => target)
      return [`${pathText(['routes', name, 'tiers', index])}: takes ${names.join(', ')}`]
    }),
  )
}
