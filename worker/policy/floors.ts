import type { Feature } from '../canonical/features.ts'
import type { Candidate, Measured } from './candidate.ts'

/** What answers of a route must be worth; a target that falls below is asked only when all others have failed. */
export interface Floors {
  /** Share of answers whose JSON parses, where JSON is asked for, 0 to 1. */
  readonly schemaValidity?: number
  /** Share of answers whose tool calls parse, where tools are given, 0 to 1. */
  readonly toolCallSuccess?: number
  /** Fewer answers than this say nothing. */
  readonly minSamples: number
}

/** One-sided, 95 %. */
const z = 1.645

/**
 * Why a target stands below a floor, or null. It does when even the highest share that its answers still allow is
 * below the floor (Wilson's score interval, one-sided 95 %). Samples lose their weight with time, so the interval
 * opens again and the target is tried anew: that is how it recovers.
 */
export function belowFloor(
  { measured }: Candidate,
  floors: Floors,
  asksFor: (feature: Feature) => boolean,
): string | null {
  const broken = brokenFloor(measured, floors, asksFor)
  if (broken === null) return null
  const { share, what, floor } = broken
  return `${percent(share)} of its answers ${what}, below the floor of ${percent(floor)}`
}

/** The same without the sentence, for those who go through many targets. */
export function isBelowFloor(
  { measured }: Candidate,
  floors: Floors,
  asksFor: (feature: Feature) => boolean,
): boolean {
  return brokenFloor(measured, floors, asksFor) !== null
}

function brokenFloor(
  measured: Measured | undefined,
  floors: Floors,
  asksFor: (feature: Feature) => boolean,
): { readonly share: number; readonly what: string; readonly floor: number } | null {
  if (measured === undefined) return null
  const { schemaValidity, toolCallSuccess, minSamples } = floors
  if (schemaValidity !== undefined && (asksFor('jsonSchema') || asksFor('jsonMode'))) {
    const { schemaValidity: share, schemaSamples: samples = 0 } = measured
    if (isBelow(share, samples, schemaValidity, minSamples))
      return { share, what: 'hold to their schema', floor: schemaValidity }
  }
  if (toolCallSuccess !== undefined && asksFor('tools')) {
    const { toolCallValidity: share, toolCallSamples: samples = 0 } = measured
    if (isBelow(share, samples, toolCallSuccess, minSamples))
      return { share, what: 'have sound tool calls', floor: toolCallSuccess }
  }
  return null
}

function isBelow(
  share: number | null,
  samples: number,
  floor: number,
  minSamples: number,
): share is number {
  if (share === null || samples < minSamples) return false
  return wilsonUpperBound(share, samples) < floor
}

/** The highest share that `share` of `samples` still allows. */
export function wilsonUpperBound(share: number, samples: number): number {
  if (samples <= 0) return 1
  const centre = share + (z * z) / (2 * samples)
  const spread = z * Math.sqrt((share * (1 - share)) / samples + (z * z) / (4 * samples * samples))
  return (centre + spread) / (1 + (z * z) / samples)
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`
}
