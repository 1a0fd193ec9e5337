import type { JsonObject } from '../../canonical/request.ts'
import type { Checker, Place, Verdict } from './verdict.ts'

export function stringVerdict(
  checker: Checker,
  { minLength, maxLength, pattern, format }: JsonObject,
  value: string,
  place: Place,
): Verdict {
  if (minLength !== undefined || maxLength !== undefined) {
    if (!checker.spend(value.length / 100)) return 'unknown'
    const length = [...value].length
    if (typeof minLength === 'number' && length < minLength)
      return checker.wrong(place, 'minLength')
    if (typeof maxLength === 'number' && length > maxLength)
      return checker.wrong(place, 'maxLength')
  }
  return pattern === undefined && format === undefined ? 'valid' : 'unknown'
}

/** `exclusiveMinimum` is a number, or, as of old, whether `minimum` itself is out. */
export function numberVerdict(
  checker: Checker,
  rules: JsonObject,
  value: number,
  place: Place,
): Verdict {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = rules
  if (
    typeof minimum === 'number' &&
    (value < minimum || (exclusiveMinimum === true && value === minimum))
  )
    return checker.wrong(place, 'minimum')
  if (
    typeof maximum === 'number' &&
    (value > maximum || (exclusiveMaximum === true && value === maximum))
  )
    return checker.wrong(place, 'maximum')
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
    return checker.wrong(place, 'exclusiveMinimum')
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
    return checker.wrong(place, 'exclusiveMaximum')
  if (typeof multipleOf === 'number' && multipleOf > 0)
    return multipleVerdict(checker, multipleOf, value, place)
  // A format of numbers (`int64`, `float`) is met by whatever is a number here.
  return 'valid'
}

/** 0.3 is a multiple of 0.1 to whoever wrote the schema: what only rounding says is not held against a value. */
function multipleVerdict(
  checker: Checker,
  multipleOf: number,
  value: number,
  place: Place,
): Verdict {
  const times = value / multipleOf
  if (Number.isInteger(times)) return 'valid'
  const isNear = Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times))
  return isNear || !Number.isFinite(times) ? 'unknown' : checker.wrong(place, 'multipleOf')
}
