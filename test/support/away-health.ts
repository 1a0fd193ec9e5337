/**
 * A Worker whose objects stand in for those of provider health and are away: one throws in every call, the other
 * never answers. Its own answer says how often they were called. Runs on a bare workerd, so it imports nothing.
 */

const calls = { throwing: 0, silent: 0 }

export class ThrowingHealth {
  fetch(): never {
    calls.throwing += 1
    throw new Error('this object is away')
  }
}

/** A timer keeps the call open: the runtime ends one that waits for nothing. */
export class SilentHealth {
  async fetch(): Promise<Response> {
    calls.silent += 1
    for (;;) await new Promise((resolve) => setTimeout(resolve, 3_600_000))
  }
}

// The runtime asks for one.
// oxlint-disable-next-line import/no-default-export
export default {
  fetch: () => Response.json(calls),
}
