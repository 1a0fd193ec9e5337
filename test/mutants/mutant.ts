/** What a mutant breaks: an invariant of the design (S1 to S10), or a rule of the request path that none of them states. */
export type Invariant =
  | 'S2 residency'
  | 'S3 ending'
  | 'S4 commit'
  | 'S5 once'
  | 'S6 fidelity'
  | 'S7 secrecy'
  | 'S8 isolation'
  | 'S9 explanation'
  | 'S10 liveness'
  | 'retries'
  | 'caps'
  | 'destinations'
  | 'keys'
  | 'catalog'
  | 'once'
  /** Which of the targets that may answer goes first: `docs/routing-objectives.md`. */
  | 'order'
  | 'limits'
  /** What is given, kept and marked in place of the answer that was asked for: `docs/degrade.md`. */
  | 'degrade'
  /** What V8 optimized stays optimized: `worker/canonical/specimens.ts`. */
  | 'shapes'
  /** Those of the ledger, by their numbers in `docs/ledger.md`. */
  | `${'A' | 'I'}${number} ${string}`

/** One deliberately broken variant of the code, and the tests that must notice. */
export interface Mutant {
  readonly id: string
  readonly invariant: Invariant
  /** The file that is changed, from the root of the repository. */
  readonly file: string
  /** Stands exactly once in `file`. */
  readonly find: string
  readonly replace: string
  /** Test files of which at least one must fail. */
  readonly killedBy: readonly [string, ...string[]]
  /** One sentence: what a caller would see if this came to be. */
  readonly why: string
  /** Only a suite that starts workerd can see it; run with `--slow`. */
  readonly slow?: true
}
