import { keepSpecimen } from '../canonical/specimens.ts'
import type { Feature, Field } from '../canonical/features.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { AdapterTarget, UpstreamCall } from './adapter.ts'

/** Notes what a call leaves out. */
export type Leave = (feature: Feature) => void

/** What a call leaves out or changes of what the caller asked for, so that they can be told. */
export class Departures {
  // Made when something departs: most calls leave nothing out.
  #left: Set<Feature> | null = null
  #kept: Set<Feature> | null = null
  #changed: Map<Field, string> | null = null

  readonly leave: Leave = (feature) => void (this.#left ??= new Set()).add(feature)

  /** One of several that ask for the same: where some are sent, what is left of them is not all. */
  sent(feature: Feature, isSent: boolean): void {
    if (isSent) (this.#kept ??= new Set()).add(feature)
    else this.leave(feature)
  }

  /** `sentAs` goes on from "sent as": `1`, `64000, the most this model gives`. */
  change(field: Field, sentAs: string): void {
    this.#changed ??= new Map()
    this.#changed.set(field, sentAs)
  }

  /** As a call carries them: nothing where there is nothing. */
  listed(): Pick<UpstreamCall, 'unhonoured' | 'changed'> {
    if (this.#left === null && this.#changed === null) return nothing
    const changed = new Map(this.#changed)
    const unhonoured: Feature[] = []
    for (const feature of this.#left ?? []) {
      if (changed.has(feature)) continue
      if (this.#kept?.has(feature) === true) changed.set(feature, partOfItsLike)
      else unhonoured.push(feature)
    }
    return {
      ...(unhonoured.length === 0 ? {} : { unhonoured }),
      ...(changed.size === 0
        ? {}
        : { changed: [...changed].map(([field, sentAs]) => ({ field, sentAs })) }),
    }
  }
}

const nothing = {}

const partOfItsLike = 'part of its like, the rest of which this model does not take'

/** A thought whose text goes on and whose proof does not, on wires that carry thoughts as text. */
export const withoutProof = 'text without its proof'

/** The caller's limit, or the model's own where that is lower: a limit that the model cannot reach is refused. */
export function outputLimitOf(
  { maxOutputTokens: asked }: CanonicalRequest,
  { maxOutputTokens: most }: AdapterTarget,
  departures: Departures,
): number | undefined {
  if (asked === undefined || most === undefined || asked <= most) return asked
  departures.change('maxOutputTokens', `${most}, the most this model gives`)
  return most
}

keepSpecimen(new Departures())
