import type { Random } from '../kernel/random.ts'
import type { FleetRoute, FleetTarget } from './fleet.ts'

/**
 * The fleet of one seed: two to four providers with one or two targets each, a route of two tiers, and sometimes
 * one that has but a single target, because the last candidate is a rule of its own.
 */
export function drawRoutes(random: Random): readonly FleetRoute[] {
  const providers = ['one', 'two', 'three', 'four'].slice(0, 2 + random.below(3))
  const targets = providers.flatMap((provider) =>
    ['a', 'b'].slice(0, 1 + random.below(2)).map((model) => `${model}@${provider}`),
  )
  const isSplit = random.chance(0.3)
  const weigh = (name: string): FleetTarget => ({
    name,
    weight: isSplit ? random.pick([1, 3]) : 1,
  })
  const first = 1 + random.below(Math.min(3, targets.length - 1))
  const chat: FleetRoute = {
    name: 'chat',
    tiers: [targets.slice(0, first).map(weigh), targets.slice(first).map(weigh)],
  }
  const solo: FleetRoute = { name: 'solo', tiers: [[weigh(targets[0] ?? 'a@one')]] }
  return [chat, ...(random.chance(0.5) ? [solo] : []), ...targets.map(directTo)]
}

/** A route that no request names while faults go on. */
function directTo(target: string): FleetRoute {
  return { name: directRoute(target), tiers: [[{ name: target, weight: 1 }]] }
}

export function directRoute(target: string): string {
  return `only-${target.replace('@', '-')}`
}

/** Shares of traffic by isolate: some are busy, some hardly ever asked. */
export function drawShare(random: Random): number {
  return random.pick([1, 1, 1, 0.3, 0.05])
}
