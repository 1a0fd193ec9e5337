import { proxyDurable } from 'itty-durable/proxy-durable.js'
import type { DomainKey, DomainSnapshot, HealthReply, HealthReport } from './protocol.ts'
import { objectName, type HealthPlace } from './object-name.ts'
import { namespaceAt, type ObjectNamespace } from './place.ts'
import type { StandbySnapshot } from './standby.ts'

/** What an object knows of its provider. */
export interface CircuitsReply {
  readonly domains: readonly DomainSnapshot[]
  readonly standby: readonly StandbySnapshot[]
}

export interface ForceCall {
  readonly key: DomainKey
  readonly state: 'open' | 'closed' | 'auto'
  readonly forMs: number
}

/** Null when it was done. */
export interface AdminReply {
  readonly refused: string | null
}

/** One object of provider health, from outside. A plain object: it may be awaited. */
export interface ProviderHealthStub {
  report(report: HealthReport): Promise<HealthReply>
  circuits(): Promise<CircuitsReply>
  force(call: ForceCall): Promise<AdminReply>
  reset(call: { readonly key: DomainKey }): Promise<AdminReply>
}

/** Arguments travel in a header of at most 128 KB together with all others; bytes, and ASCII. */
export const maxArgumentBytes = 65_536

/**
 * The one way to an object of provider health. The library's own proxy stays in here: it answers any property
 * with a call, also `then`, so that an async function that returned it would wait for ever.
 */
export function providerHealthStub(
  namespace: ObjectNamespace,
  place: HealthPlace,
  options: { readonly local: boolean },
): ProviderHealthStub {
  const durable = proxyDurable(namespaceAt(namespace, place, options), { parse: true })
  const name = objectName(place)
  /** A new proxy for each call, because many failures leave the stub inside it broken. */
  const call = async <Reply>(method: string, ...args: readonly unknown[]): Promise<Reply> => {
    refuseUnsendable(args)
    const proxy = durable.get(name) as Record<string, (...args: unknown[]) => Promise<Reply>>
    return proxy[method]?.(...args) as Promise<Reply>
  }
  return {
    report: (report) => call('report', report),
    circuits: () => call('circuits'),
    force: (force) => call('force', force),
    // `reset` is the library's own word for another thing.
    reset: (reset) => call('resetDomain', reset),
  }
}

/** JSON writes control characters as escapes, all but one. */
const printable = /^[\x20-\x7e]*$/

function refuseUnsendable(args: readonly unknown[]): void {
  const text = JSON.stringify(args)
  if (text.length > maxArgumentBytes)
    throw new RangeError(`a call takes at most ${maxArgumentBytes} bytes, not ${text.length}`)
  if (!printable.test(text)) throw new RangeError('a call carries ASCII only')
}
