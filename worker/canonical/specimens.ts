const specimens: object[] = []

/**
 * Keeps one object of a class that every request makes and drops before anything is waited for. V8 throws away the
 * optimized code of whatever worked on objects of a shape when a major collection finds none of them, and between two
 * requests there is none: some 80 functions every 10,000 answers (`--trace-deopt`, "embedded weak objects cleared",
 * docs/performance.md). `made` is made up, at start-up: nothing of a caller is kept.
 */
export function keepSpecimen(made: object): void {
  specimens.push(made)
}

/** What is kept, in no order. */
export function keptSpecimens(): readonly object[] {
  return specimens
}
