import type { JsonObject } from '../../canonical/request.ts'
import { equalJson } from './equal-json.ts'
import { all, type Checker, type Place, type Verdict } from './verdict.ts'

export function arrayVerdict(
  checker: Checker,
  rules: JsonObject,
  value: readonly unknown[],
  place: Place,
  depth: number,
): Verdict {
  const { minItems, maxItems } = rules
  if (typeof minItems === 'number' && value.length < minItems)
    return checker.wrong(place, 'minItems')
  if (typeof maxItems === 'number' && value.length > maxItems)
    return checker.wrong(place, 'maxItems')
  return all([
    () => itemsVerdict(checker, rules, value, place, depth),
    () => containsVerdict(checker, rules, value, place, depth),
    () => (rules['uniqueItems'] === true ? uniqueVerdict(checker, value, place) : 'valid'),
    () => (rules['unevaluatedItems'] === undefined ? 'valid' : 'unknown'),
  ])
}

/** `prefixItems` and `items`, or, as of old, a list of `items` and `additionalItems`. */
function itemsVerdict(
  checker: Checker,
  { prefixItems, items, additionalItems }: JsonObject,
  value: readonly unknown[],
  place: Place,
  depth: number,
): Verdict {
  const isOld = Array.isArray(items)
  const first: readonly unknown[] = isOld ? items : Array.isArray(prefixItems) ? prefixItems : []
  const rest = isOld ? additionalItems : items
  let isUnknown = false
  for (const [index, item] of value.entries()) {
    const schema = index < first.length ? first[index] : rest
    if (schema === undefined) continue
    const verdict = checker.check(schema, item, [...place, `[${index}]`], depth + 1)
    if (verdict === 'invalid') return verdict
    if (verdict === 'unknown') isUnknown = true
  }
  return isUnknown ? 'unknown' : 'valid'
}

function containsVerdict(
  checker: Checker,
  { contains, minContains, maxContains }: JsonObject,
  value: readonly unknown[],
  place: Place,
  depth: number,
): Verdict {
  if (contains === undefined) return 'valid'
  const verdicts = value.map((item) => checker.try(contains, item, place, depth + 1))
  const found = verdicts.filter((verdict) => verdict === 'valid').length
  const maybe = verdicts.filter((verdict) => verdict === 'unknown').length
  const least = typeof minContains === 'number' ? minContains : 1
  const most = typeof maxContains === 'number' ? maxContains : Infinity
  if (found + maybe < least || found > most) return checker.wrong(place, 'contains')
  return found >= least && found + maybe <= most ? 'valid' : 'unknown'
}

/** Compares by the first difference; work for a long list of large items is counted and given up. */
function uniqueVerdict(checker: Checker, value: readonly unknown[], place: Place): Verdict {
  const seen = new Set<unknown>()
  const larger: unknown[] = []
  for (const item of value) {
    if (typeof item !== 'object' || item === null) {
      if (seen.has(item)) return checker.wrong(place, 'uniqueItems')
      seen.add(item)
      continue
    }
    if (!checker.spend(100 * (larger.length + 1))) return 'unknown'
    if (larger.some((other) => equalJson(other, item))) return checker.wrong(place, 'uniqueItems')
    larger.push(item)
  }
  return 'valid'
}
