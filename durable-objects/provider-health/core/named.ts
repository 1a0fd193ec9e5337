import type { DomainKey } from '../protocol.ts'
import type { CircuitDomain, HealthState, LockDomain } from './state.ts'

/** The circuit of a key, or null for another kind of domain, or a target that is not known (any more). */
export function circuitNamed(state: HealthState, key: DomainKey): CircuitDomain | null {
  if (key === 'edge') return state.edge
  const name = after('target:', key)
  return name === null ? null : (state.targets.get(name) ?? null)
}

/** The lock of a key, or null for another kind of domain, or a credential that never was refused. */
export function lockNamed(state: HealthState, key: DomainKey): LockDomain | null {
  if (key === 'quota:*') return state.quota
  const id = after('credential:', key)
  return id === null ? null : (state.credentials.get(id) ?? null)
}

/** What follows a prefix, or null where it does not begin. */
export function after(prefix: string, key: string): string | null {
  return key.startsWith(prefix) ? key.slice(prefix.length) : null
}
