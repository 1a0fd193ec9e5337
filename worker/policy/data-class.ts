import type { CanonicalRequest } from '../canonical/request.ts'
import { DataScan, type Finding } from './data-scan.ts'
import { readTexts } from './data-texts.ts'
import { dataClasses, type DataClass } from './request-facts.ts'

/** Which class of data each finding makes of a request; null: it makes none. */
export type DetectorClasses = Readonly<Record<Finding, DataClass | null>>

export const defaultDetectorClasses: DetectorClasses = {
  apiKey: 'confidential',
  card: 'regulated',
  account: 'regulated',
  email: 'confidential',
  phone: 'confidential',
  health: 'regulated',
  legal: 'confidential',
  unread: 'regulated',
}

/** Of a request of which nobody says anything. */
export const ordinaryDataClass: DataClass = 'internal'

/** The more careful of two; what nobody gave counts as nothing. */
export function moreCareful(one: DataClass | null, other: DataClass | null): DataClass | null {
  if (one === null || other === null) return one ?? other
  return dataClasses.indexOf(one) >= dataClasses.indexOf(other) ? one : other
}

/** `given`, raised by what was found. */
export function raisedBy(
  found: readonly Finding[],
  given: DataClass | null,
  classes: DetectorClasses,
): DataClass {
  return (
    found.reduce<DataClass | null>(
      (highest, finding) => moreCareful(highest, classes[finding]),
      given,
    ) ?? ordinaryDataClass
  )
}

/** What the detectors find in all texts of a request: see `data-texts.ts` for what these are. */
export function findData(request: CanonicalRequest): readonly Finding[] {
  const scan = new DataScan()
  readTexts(request, scan)
  return scan.found
}
