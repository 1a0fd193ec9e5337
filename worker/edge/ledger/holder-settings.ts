/** Every number of the isolate's side, with its unit; the defaults are those of `reliability.md` 3.5. */
export interface HolderSettings {
  /** Free credit aimed at: so many large requests, or so many ms of spending, whichever is more. */
  readonly targetRequests: number
  readonly targetMs: number
  /** How long it may take until a slice that is asked for is here. */
  readonly refillMs: number
  /** Spending and requests are averaged over so long, and over no less than `averageMinMs` when a set is new. */
  readonly averageMs: number
  readonly averageMinMs: number
  /** Fewer requests a second than this hold one by one. */
  readonly leaseRequestsPerS: number
  /** A lease that ends within so long is replaced while it can still be used. */
  readonly renewMs: number
  /** How long a ledger that said `sync` is not asked for a slice again. */
  readonly syncMs: number
  /** A set of scopes without a request for so long gives everything back. */
  readonly idleMs: number
  /** Statements of an isolate go out at most so often, lines wait no longer. */
  readonly reportMs: number
  /** What was not acknowledged is said again after. */
  readonly resendMs: number
  /** An ask for a slice without an answer is sent again after; the id stays the same. */
  readonly askAgainMs: number
  /** It is given up, and voided, after. */
  readonly askLifeMs: number
  /** Nothing is admitted when no reply or configuration said for so long that nobody was revoked. */
  readonly killVersionMs: number
  /** Worst cases of the last so many requests say what a large one is. */
  readonly sampleSize: number
  readonly maxSets: number
  /** Denied and given up asks that are remembered. */
  readonly maxUnused: number
  /** Of one exchange. The ledger takes 512, 20,000 and 64 at most. */
  readonly maxStatements: number
  readonly maxLines: number
  readonly maxAsks: number
}

export const defaultHolderSettings: HolderSettings = {
  targetRequests: 2,
  targetMs: 10_000,
  refillMs: 2000,
  averageMs: 30_000,
  averageMinMs: 4000,
  leaseRequestsPerS: 0.5,
  renewMs: 8000,
  syncMs: 2000,
  idleMs: 5000,
  reportMs: 1000,
  resendMs: 2000,
  askAgainMs: 2000,
  askLifeMs: 20_000,
  killVersionMs: 30_000,
  sampleSize: 100,
  maxSets: 1024,
  maxUnused: 4096,
  maxStatements: 256,
  maxLines: 500,
  maxAsks: 32,
}
