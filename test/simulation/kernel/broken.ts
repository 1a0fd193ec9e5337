/** An invariant does not hold. The message says which, and with which values. */
export class BrokenInvariant extends Error {}

export function invariant(holds: boolean, name: string, values: () => unknown): asserts holds {
  if (!holds) throw new BrokenInvariant(`${name}: ${JSON.stringify(values())}`)
}
