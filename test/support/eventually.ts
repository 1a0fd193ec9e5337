import { vi } from 'vitest'

/** Looks again until `check` throws nothing: as soon as it may, and for as long as a busy machine may take. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { interval: 5, timeout: 20_000 })
}
