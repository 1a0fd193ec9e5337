import { familyOf } from '../catalog/family.ts'
import { expectedCostNanoUsd } from '../policy/expected-cost.ts'
import type { TierIntent } from '../policy/route-policy.ts'
import { pathText, type ConfigProblem } from './config-problem.ts'
import type { Runtime, Target } from './runtime.ts'
import { tiersOf } from './tiers.ts'

/** A call as any other, by which prices are compared: three tokens of prompt to one of output, no cache, no failures. */
const usualCall = {
  promptTokens: 3000,
  cachedTokens: 0,
  outputTokens: 1000,
  failureRate: 0,
  abortRate: 0,
  abortBilling: 'unknown',
} as const

/** Tiers that are not what they say they are, measured against the first tier of their route. */
export function intentDoubts(runtime: Runtime): ConfigProblem[] {
  return [...runtime.routes].flatMap(([name, route]) => {
    const { targets, intents } = tiersOf(route)
    const tiers = targets.map((tier) =>
      tier.flatMap(({ target }) => runtime.targets.get(target) ?? []),
    )
    const [first = []] = tiers
    return intents.flatMap((intent, index) => {
      if (intent === null) return []
      const path = pathText(['routes', name, 'tiers', index, 'intent'])
      if (index === 0)
        return [
          {
            path,
            rule: 'stands on the first tier, which all others are measured against',
            value: intent,
          },
        ]
      const rule = brokenPromise(intent, tiers[index] ?? [], first, runtime)
      return rule === null ? [] : [{ path, rule, value: intent }]
    })
  })
}

/** What of a tier is not as its intent says, or null. */
function brokenPromise(
  intent: TierIntent,
  tier: readonly Target[],
  first: readonly Target[],
  runtime: Runtime,
): string | null {
  switch (intent) {
    case 'same-family':
      return otherFamily(tier, first, runtime)
    case 'cheaper':
      return notCheaper(tier, first)
    case 'smaller':
    case 'degraded':
      return notLess(tier, first)
  }
}

function otherFamily(
  tier: readonly Target[],
  first: readonly Target[],
  { config }: Runtime,
): string | null {
  const families = new Set(first.map((target) => familyOfTarget(target, config)))
  for (const target of tier) {
    const family = familyOfTarget(target, config)
    if (family === null)
      return `but nobody knows the family of ${target.name}: declare its "family"`
    if (!families.has(family))
      return `but ${target.name} is of the family "${family}", and the first tier of ${listed(families)}`
    // Elsewhere: the provider that is down takes it along else.
    if (first.every(({ provider }) => provider.id === target.provider.id))
      return `but ${target.name} is at the provider of the first tier, and is down whenever that is`
  }
  return null
}

function listed(families: ReadonlySet<string | null>): string {
  return [...families]
    .map((family) => (family === null ? 'none that is known' : `"${family}"`))
    .join(', ')
}

/** What the target declares, else what the name of its model says. */
export function familyOfTarget(
  { name, model, facts, adapterTarget }: Target,
  config: Runtime['config'],
): string | null {
  const { family, catalogModel } = config.targets[name] ?? {}
  if (family !== undefined) return family
  const names = [catalogModel, facts?.model, adapterTarget.upstreamModel, model]
  for (const one of names) {
    const found = one === undefined ? null : familyOf(one)
    if (found !== null) return found
  }
  return null
}

/** Each of the tier has to cost less than everything in the first. What has no price is told of elsewhere. */
function notCheaper(tier: readonly Target[], first: readonly Target[]): string | null {
  const costs = first.flatMap((target) => priced(target)).sort((a, b) => a.cost - b.cost)
  const [least] = costs
  if (least === undefined) return null
  const wrong = tier.flatMap((target) => priced(target)).find(({ cost }) => cost >= least.cost)
  return wrong === undefined
    ? null
    : `but ${wrong.name} costs no less than ${least.name} (${usd(wrong.cost)} and ${usd(least.cost)} for 3,000 tokens of prompt and 1,000 of answer)`
}

/** Of a usual call, nano-USD; null where it has no price. */
export function priceOf({ facts }: Target): number | null {
  const prices = facts?.prices ?? null
  return prices === null ? null : expectedCostNanoUsd(prices, usualCall)
}

function priced(target: Target): { readonly name: string; readonly cost: number }[] {
  const cost = priceOf(target)
  return cost === null ? [] : [{ name: target.name, cost }]
}

function usd(nanoUsd: number): string {
  return `${(nanoUsd / 1e9).toPrecision(3)} USD`
}

/** A lesser answer is marked as such: what is the same model, or declared as good as the best of the first tier, is none. */
function notLess(tier: readonly Target[], first: readonly Target[]): string | null {
  const models = new Set(first.map(({ model }) => model))
  const best = Math.max(0, ...first.map(({ standing }) => standing.qualityTier ?? 0))
  for (const { name, model, standing } of tier) {
    if (models.has(model)) return `but ${name} is a model of the first tier`
    const { qualityTier = 0 } = standing
    if (best > 0 && qualityTier >= best)
      return `but ${name} declares the quality tier ${qualityTier}, and the best of the first tier ${best}`
  }
  return null
}
