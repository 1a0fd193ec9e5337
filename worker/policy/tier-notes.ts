import { keepSpecimen } from '../canonical/specimens.ts'
import type { Candidate } from './candidate.ts'
import type { TierIntent } from './route-policy.ts'

const intentWords: Readonly<Record<TierIntent, string>> = {
  'same-family': 'the same family elsewhere',
  cheaper: 'cheaper',
  smaller: 'smaller',
  degraded: 'degraded',
}

/** How one tier was decided. */
interface TierNote {
  targets: number
  hasWeights: boolean
  isLoaded: boolean
  readonly firstWeight: number
}

/** How the tiers of one plan were decided, in words; looked at once, however many targets a tier has. */
export class TierNotes {
  readonly #candidates: readonly Candidate[]
  readonly #intents: readonly (TierIntent | null)[] | undefined
  readonly #names: string[] = []
  #notes: Map<number, TierNote> | null = null

  constructor(candidates: readonly Candidate[], intents?: readonly (TierIntent | null)[]) {
    this.#candidates = candidates
    this.#intents = intents
  }

  /** Why the tier of a candidate is there, where the route says; else null. */
  intentOf({ tier }: Candidate): TierIntent | null {
    return this.#intents?.[tier] ?? null
  }

  /** The tier by its number, and why it is there: `tier 2 (cheaper)`. */
  nameOf(candidate: Candidate): string {
    return (this.#names[candidate.tier] ??= this.#named(candidate))
  }

  #named(candidate: Candidate): string {
    const intent = this.intentOf(candidate)
    const name = `tier ${candidate.tier + 1}`
    return intent === null ? name : `${name} (${intentWords[intent]})`
  }

  /** Stands before the name of the tier; empty where there was nothing to decide. */
  placeIn({ tier, weight }: Candidate): string {
    this.#notes ??= notesOf(this.#candidates)
    const note = this.#notes.get(tier)
    if (note === undefined || note.targets === 1) return ''
    if (note.hasWeights) return `drawn by weight ${weight} in `
    return note.isLoaded ? 'the less loaded of two drawn in ' : 'drawn by chance in '
  }
}

function notesOf(candidates: readonly Candidate[]): Map<number, TierNote> {
  const notes = new Map<number, TierNote>()
  for (const { tier, weight, health } of candidates) {
    let note = notes.get(tier)
    if (note === undefined) {
      note = { targets: 0, hasWeights: false, isLoaded: false, firstWeight: weight }
      notes.set(tier, note)
    }
    note.targets += 1
    if (weight !== note.firstWeight) note.hasWeights = true
    if ((health?.loadMs ?? null) !== null) note.isLoaded = true
  }
  return notes
}

keepSpecimen(new TierNotes([]))
