/**
 * What the worker takes from its runtime and Node does not have, for tests that
 * import the engine and the app. The worker itself is checked against
 * `@cloudflare/workers-types`.
 */
declare class IdentityTransformStream extends TransformStream<Uint8Array, Uint8Array> {}

interface Request {
  readonly cf?: unknown
}

interface DurableObjectId {
  toString(): string
  readonly name?: string
}

interface DurableObjectNamespaceGetDurableObjectOptions {
  readonly locationHint?: string
  readonly retry?: { readonly maxRetries?: number; readonly timeoutMs?: number }
}
