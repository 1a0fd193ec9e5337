/** `unknown`: nobody here can say; never held against a value. */
export type Verdict = 'valid' | 'invalid' | 'unknown'

/** Parts of a path from `$` down. Only names that the schema knows stand in it: keys of an answer are its text. */
export type Place = readonly string[]

/** What the rules of one kind of value need of the whole. */
export interface Checker {
  check(schema: unknown, value: unknown, place: Place, depth: number): Verdict
  /** As `check`, and tells nobody. */
  try(schema: unknown, value: unknown, place: Place, depth: number): Verdict
  wrong(place: Place, keyword: string): Verdict
  /** Counts work; false when there has been too much. */
  spend(steps: number): boolean
}

/** Every one of them has to hold: the first that does not decides. */
export function all(rules: readonly (() => Verdict)[]): Verdict {
  let isUnknown = false
  for (const rule of rules) {
    const verdict = rule()
    if (verdict === 'invalid') return verdict
    if (verdict === 'unknown') isUnknown = true
  }
  return isUnknown ? 'unknown' : 'valid'
}
