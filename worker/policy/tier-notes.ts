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
  readonly targets: number
  readonly hasWeights: boolean
  readonly isLoaded: boolean
}

/** How the tiers of one plan were decided, in words; looked at once, however many targets a tier has. */
export class TierNotes {
  readonly #candidates: readonly Candidate[]
  readonly #intents: readonly (TierIntent | null)[] | undefined
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
  const weights = new Map<number, number>()
  for (const { tier, weight, health } of candidates) {
    const before = notes.get(tier)
    const first = weights.get(tier) ?? weight
    weights.set(tier, first)
    notes.set(tier, {
      targets: (before?.targets ?? 0) + 1,
      hasWeights: before?.hasWeights === true || weight !== first,
      isLoaded: before?.isLoaded === true || (health?.loadMs ?? null) !== null,
    })
  }
  return notes
}
