import type { FailureClass } from '../../../worker/canonical/failure.ts'
import type { Random } from '../kernel/random.ts'
import type { Fault } from './provider-model.ts'

/** What can go wrong. A seed turns on some of these and leaves others alone (swarm testing), so that rare ones are not drowned. */
export const faultKinds = [
  'outage',
  'brownout',
  'silence',
  'slowness',
  'rate-limit',
  'ramp',
  'quota',
  'credential',
  'stall',
  'broken',
  'dear',
  'lossy-network',
  'late-network',
  'partition',
  'eviction',
  'kill',
  'isolate-death',
  'operator',
  'leaving-callers',
] as const

export type FaultKind = (typeof faultKinds)[number]

export function drawFaults(random: Random): ReadonlySet<FaultKind> {
  const share = random.between(0.3, 0.7)
  const drawn = faultKinds.filter(() => random.chance(share))
  return new Set(drawn.length === 0 ? ['outage'] : drawn)
}

/** A fault of a provider, and whether all targets of the provider have it. Null for a kind that is no provider's. */
export function providerFault(
  kind: FaultKind,
  random: Random,
): { readonly fault: Fault; readonly isWide: boolean } | null {
  const failing = (failureClass: FailureClass, share: number): Fault => ({
    kind: 'failing',
    failureClass,
    share,
  })
  switch (kind) {
    case 'outage': {
      const failureClass = random.pick(outageClasses)
      const asksToWait = failureClass === 'overloaded' && random.chance(0.5)
      return {
        fault: {
          ...(failing(failureClass, 1) as Extract<Fault, { kind: 'failing' }>),
          ...(asksToWait ? { retryAfterMs: random.pick([2000, 10_000, 60_000]) } : {}),
        },
        isWide: failureClass === 'connect' || random.chance(0.3),
      }
    }
    case 'brownout':
      return {
        fault: failing(random.pick(outageClasses), random.pick([0.3, 0.4, 0.6])),
        isWide: false,
      }
    case 'silence':
      return {
        fault: { kind: 'silent', share: random.pick([0.3, 0.6, 1]) },
        isWide: random.chance(0.5),
      }
    case 'slowness':
      return {
        fault: { kind: 'slow', factor: random.pick([4, 12, 25]) },
        isWide: random.chance(0.5),
      }
    case 'rate-limit':
      return { fault: rateLimit(random), isWide: random.chance(0.3) }
    case 'ramp':
      return {
        fault: {
          kind: 'failing',
          failureClass: 'rate_limited',
          share: random.between(0.2, 0.8),
          ramp: true,
        },
        isWide: false,
      }
    case 'quota':
      return { fault: failing('quota_exhausted', 1), isWide: true }
    case 'credential':
      return { fault: failing('auth', 1), isWide: true }
    case 'stall':
      return { fault: { kind: 'stalling', share: random.pick([0.5, 1]) }, isWide: false }
    case 'broken':
      return { fault: { kind: 'broken', share: random.pick([0.6, 1]) }, isWide: false }
    case 'dear':
      return { fault: { kind: 'dear', factor: 20 }, isWide: false }
    default:
      return null
  }
}

function rateLimit(random: Random): Fault {
  const retryAfterMs = random.pick([undefined, 300, 1000, 5000, 20_000, 60_000])
  return {
    kind: 'failing',
    failureClass: 'rate_limited',
    share: random.between(0.3, 1),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

const outageClasses = [
  'server_error',
  'connect',
  'overloaded',
  'malformed',
  'truncated',
  'timeout',
] as const
