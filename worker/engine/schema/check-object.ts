import type { JsonObject } from '../../canonical/request.ts'
import { all, type Checker, type Place, type Verdict } from './verdict.ts'

export function objectVerdict(
  checker: Checker,
  rules: JsonObject,
  value: JsonObject,
  place: Place,
  depth: number,
): Verdict {
  return all([
    () => countVerdict(checker, rules, value, place),
    () => requiredVerdict(checker, rules, value, place),
    () => propertiesVerdict(checker, rules, value, place, depth),
    () => namesVerdict(checker, rules, value, place, depth),
    () => dependentVerdict(checker, rules, value, place, depth),
    () => (rules['unevaluatedProperties'] === undefined ? 'valid' : 'unknown'),
  ])
}

function countVerdict(
  checker: Checker,
  { minProperties, maxProperties }: JsonObject,
  value: JsonObject,
  place: Place,
): Verdict {
  if (minProperties === undefined && maxProperties === undefined) return 'valid'
  const count = Object.keys(value).length
  if (typeof minProperties === 'number' && count < minProperties)
    return checker.wrong(place, 'minProperties')
  if (typeof maxProperties === 'number' && count > maxProperties)
    return checker.wrong(place, 'maxProperties')
  return 'valid'
}

function requiredVerdict(
  checker: Checker,
  { required }: JsonObject,
  value: JsonObject,
  place: Place,
): Verdict {
  if (!Array.isArray(required)) return 'valid'
  if (!checker.spend(required.length)) return 'unknown'
  return required.every((name) => typeof name !== 'string' || Object.hasOwn(value, name))
    ? 'valid'
    : checker.wrong(place, 'required')
}

/** What `patternProperties` may speak of is not judged as additional. */
function propertiesVerdict(
  checker: Checker,
  { properties, additionalProperties, patternProperties }: JsonObject,
  value: JsonObject,
  place: Place,
  depth: number,
): Verdict {
  const known = isObject(properties) ? properties : {}
  let isUnknown = false
  for (const [name, item] of Object.entries(value)) {
    const isKnown = Object.hasOwn(known, name)
    if (patternProperties !== undefined) isUnknown = true
    if (!isKnown && (additionalProperties === undefined || patternProperties !== undefined))
      continue
    const schema = isKnown ? known[name] : additionalProperties
    if (!isKnown && schema === false) return checker.wrong(place, 'additionalProperties')
    const verdict = checker.check(schema, item, [...place, isKnown ? `.${name}` : '.*'], depth + 1)
    if (verdict === 'invalid') return verdict
    if (verdict === 'unknown') isUnknown = true
  }
  return isUnknown ? 'unknown' : 'valid'
}

function namesVerdict(
  checker: Checker,
  { propertyNames }: JsonObject,
  value: JsonObject,
  place: Place,
  depth: number,
): Verdict {
  if (propertyNames === undefined) return 'valid'
  return all(
    Object.keys(value).map(
      (name) => () => checker.check(propertyNames, name, [...place, '.*'], depth + 1),
    ),
  )
}

function dependentVerdict(
  checker: Checker,
  { dependentRequired, dependentSchemas }: JsonObject,
  value: JsonObject,
  place: Place,
  depth: number,
): Verdict {
  const required = isObject(dependentRequired) ? Object.entries(dependentRequired) : []
  const schemas = isObject(dependentSchemas) ? Object.entries(dependentSchemas) : []
  return all([
    ...required
      .filter(([name]) => Object.hasOwn(value, name))
      .map(
        ([, names]) =>
          () =>
            requiredVerdict(checker, { required: names }, value, place),
      ),
    ...schemas
      .filter(([name]) => Object.hasOwn(value, name))
      .map(
        ([, schema]) =>
          () =>
            checker.check(schema, value, place, depth + 1),
      ),
  ])
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
