import type { JsonObject } from '../../canonical/request.ts'
import { arrayVerdict } from './check-array.ts'
import { numberVerdict, stringVerdict } from './check-scalar.ts'
import { objectVerdict } from './check-object.ts'
import { equalJson } from './equal-json.ts'
import { all, type Checker, type Place, type Verdict } from './verdict.ts'

/** Where an answer breaks its schema: `$.items[2].price`, and the keyword that it breaks. */
export interface SchemaFault {
  readonly path: string
  readonly keyword: string
}

export type SchemaResult =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly fault: SchemaFault }
  /** The schema says something that is not judged here, or the work has no end: nobody says that the value is wrong. */
  | { readonly kind: 'unknown' }

/** Longest work for one value: every keyword that is looked at is a step. */
const mostSteps = 200_000
/** Deeper values and schemas are not judged. */
const mostDepth = 200

/**
 * Whether `value` is what `schema` says, of JSON Schema as the strict modes of providers take it (2020-12, with the
 * older spellings of `items` and `definitions`): types, `enum`, `const`, objects, arrays, numbers, lengths, `anyOf`,
 * `oneOf`, `allOf`, `not`, `if`, and `$ref` inside the schema. `pattern`, `patternProperties`, `format`,
 * `unevaluated...` and references to elsewhere are not judged: a tenant's regular expression has no bound in time.
 * What is not judged never makes a value wrong. No code is made of the schema: the runtime has no `eval`.
 */
export function checkSchema(schema: unknown, value: unknown): SchemaResult {
  const checker = new SchemaChecker(schema)
  try {
    const verdict = checker.check(schema, value, ['$'], 0)
    if (verdict === 'invalid') return { kind: 'invalid', fault: checker.fault }
    return { kind: verdict }
  } catch {
    // Two values that are nested deeper than the stack goes, compared with each other.
    return { kind: 'unknown' }
  }
}

class SchemaChecker implements Checker {
  /** The first that was found on the way that decided. */
  fault: SchemaFault = { path: '$', keyword: 'false' }
  readonly #root: unknown
  #steps = 0
  #muted = 0

  constructor(root: unknown) {
    this.#root = root
  }

  check(schema: unknown, value: unknown, place: Place, depth: number): Verdict {
    this.#steps += 1
    if (this.#steps > mostSteps || depth > mostDepth) return 'unknown'
    if (schema === true) return 'valid'
    if (schema === false) return this.wrong(place, 'false')
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return 'unknown'
    const rules = schema as JsonObject
    return all([
      () => this.#typed(rules, value, place),
      () => this.#listed(rules, value, place),
      () => this.#shaped(rules, value, place, depth),
      () => this.#combined(rules, value, place, depth),
      () => this.#conditional(rules, value, place, depth),
      () => this.#referred(rules, value, place, depth),
    ])
  }

  wrong(place: Place, keyword: string): Verdict {
    if (this.#muted === 0) this.fault = { path: place.join(''), keyword }
    return 'invalid'
  }

  /** The verdict of a schema that only others make something of: its faults are nobody's yet. */
  try(schema: unknown, value: unknown, place: Place, depth: number): Verdict {
    this.#muted += 1
    const verdict = this.check(schema, value, place, depth)
    this.#muted -= 1
    return verdict
  }

  spend(steps: number): boolean {
    this.#steps += steps
    return this.#steps <= mostSteps
  }

  #typed({ type, nullable }: JsonObject, value: unknown, place: Place): Verdict {
    if (type === undefined || (nullable === true && value === null)) return 'valid'
    const names = Array.isArray(type) ? type : [type]
    return names.some((name) => isOfType(value, name)) ? 'valid' : this.wrong(place, 'type')
  }

  #listed(rules: JsonObject, value: unknown, place: Place): Verdict {
    const { enum: allowed, nullable } = rules
    if (Object.hasOwn(rules, 'const') && !equalJson(rules['const'], value))
      return this.wrong(place, 'const')
    if (!Array.isArray(allowed) || (nullable === true && value === null)) return 'valid'
    if (!this.spend(allowed.length)) return 'unknown'
    return allowed.some((one) => equalJson(one, value)) ? 'valid' : this.wrong(place, 'enum')
  }

  #shaped(rules: JsonObject, value: unknown, place: Place, depth: number): Verdict {
    if (typeof value === 'string') return stringVerdict(this, rules, value, place)
    if (typeof value === 'number') return numberVerdict(this, rules, value, place)
    if (Array.isArray(value)) return arrayVerdict(this, rules, value, place, depth)
    if (typeof value === 'object' && value !== null)
      return objectVerdict(this, rules, value as JsonObject, place, depth)
    return 'valid'
  }

  #combined(rules: JsonObject, value: unknown, place: Place, depth: number): Verdict {
    const { allOf, anyOf, oneOf } = rules
    return all([
      () =>
        Array.isArray(allOf)
          ? all(allOf.map((one: unknown) => () => this.check(one, value, place, depth + 1)))
          : 'valid',
      () => (Array.isArray(anyOf) ? this.#anyOf(anyOf, value, place, depth) : 'valid'),
      () => (Array.isArray(oneOf) ? this.#oneOf(oneOf, value, place, depth) : 'valid'),
      () => {
        if (!Object.hasOwn(rules, 'not')) return 'valid'
        const inner = this.try(rules['not'], value, place, depth + 1)
        if (inner === 'unknown') return 'unknown'
        return inner === 'invalid' ? 'valid' : this.wrong(place, 'not')
      },
    ])
  }

  #anyOf(forms: readonly unknown[], value: unknown, place: Place, depth: number): Verdict {
    let isUnknown = false
    for (const form of forms) {
      const verdict = this.try(form, value, place, depth + 1)
      if (verdict === 'valid') return 'valid'
      if (verdict === 'unknown') isUnknown = true
    }
    return isUnknown ? 'unknown' : this.wrong(place, 'anyOf')
  }

  #oneOf(forms: readonly unknown[], value: unknown, place: Place, depth: number): Verdict {
    const verdicts = forms.map((form) => this.try(form, value, place, depth + 1))
    const valid = verdicts.filter((verdict) => verdict === 'valid').length
    if (valid > 1) return this.wrong(place, 'oneOf')
    if (verdicts.includes('unknown')) return 'unknown'
    return valid === 1 ? 'valid' : this.wrong(place, 'oneOf')
  }

  #conditional(rules: JsonObject, value: unknown, place: Place, depth: number): Verdict {
    if (!Object.hasOwn(rules, 'if')) return 'valid'
    const condition = this.try(rules['if'], value, place, depth + 1)
    if (condition === 'unknown') return 'unknown'
    const branch = condition === 'valid' ? rules['then'] : rules['else']
    return branch === undefined ? 'valid' : this.check(branch, value, place, depth + 1)
  }

  #referred({ $ref: pointer }: JsonObject, value: unknown, place: Place, depth: number): Verdict {
    if (pointer === undefined) return 'valid'
    const found = typeof pointer === 'string' ? pointed(this.#root, pointer) : undefined
    return found === undefined ? 'unknown' : this.check(found, value, place, depth + 1)
  }
}

function isOfType(value: unknown, name: unknown): boolean {
  switch (name) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === name
  }
}

/** What `#/$defs/x` points at; undefined where that is nothing, or elsewhere. */
function pointed(root: unknown, pointer: string): unknown {
  if (pointer === '#') return root
  if (!pointer.startsWith('#/')) return undefined
  let found = root
  for (const part of pointer.slice(2).split('/')) {
    const name = decoded(part)
    if (typeof found !== 'object' || found === null || name === null) return undefined
    if (!Object.hasOwn(found, name)) return undefined
    found = (found as JsonObject)[name]
  }
  return found
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return null
  }
}
