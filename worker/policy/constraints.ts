import type { Candidate, Exclusion } from './candidate.ts'
import type { RequestFacts } from './classify.ts'
import type { SourcedConstraint } from './constraint.ts'
import { compileConstraint, type Check, type CompiledConstraint } from './constraint-checks.ts'
import { dataClasses } from './request-facts.ts'

/** Asks one target; null: nothing speaks against it. */
export type Judge = (candidate: Candidate) => Exclusion | null

/**
 * All constraints of a request as one question. Each of them has to be met, so
 * that a further one can only leave out more. Regions are asked last: an
 * exclusion by region means that nothing else was in the way.
 */
export function judgeOf(constraints: readonly SourcedConstraint[], facts: RequestFacts): Judge {
  const ready = constraints.map(compileConstraint)
  return (candidate) => {
    const { target } = candidate
    const reason = unmet(ready, checksOf, candidate, facts)
    if (reason !== null) return { target, reason, constraint: true }
    const slow = unmet(ready, speedOf, candidate, facts)
    if (slow !== null) return { target, reason: slow, constraint: true, unavailable: true }
    const place = unmet(ready, regionOf, candidate, facts)
    return place === null ? null : { target, reason: place, constraint: true, region: true }
  }
}

const checksOf = ({ checks }: CompiledConstraint) => checks
const speedOf = ({ speed }: CompiledConstraint) => speed
const regionOf = ({ region }: CompiledConstraint) => region

/** The first thing that speaks against a target, and who asks for it. */
function unmet(
  constraints: readonly CompiledConstraint[],
  partOf: (constraint: CompiledConstraint) => readonly Check[],
  candidate: Candidate,
  facts: RequestFacts,
): string | null {
  for (const constraint of constraints) {
    for (const check of partOf(constraint)) {
      const reason = check(candidate, facts)
      if (reason !== null) return `${reason} (${constraint.source})`
    }
  }
  return null
}

/** A provider may declare up to which class of data it may be sent anything. */
export function tooCareful({ data }: Candidate, { dataClass }: RequestFacts): string | null {
  const most = data?.maxDataClass
  if (most === undefined || dataClass === null) return null
  return dataClasses.indexOf(dataClass) <= dataClasses.indexOf(most)
    ? null
    : `it may be sent ${most} data at most, and this request is ${dataClass}`
}

const ofRegion = new Map<string, SourcedConstraint>()

/** What a pinned tenant asks of every target; one object a region. */
export function residencyConstraint(region: string): SourcedConstraint {
  let made = ofRegion.get(region)
  if (made === undefined) {
    made = { source: "the tenant's residency", constraint: { regions: [region] } }
    ofRegion.set(region, made)
  }
  return made
}
