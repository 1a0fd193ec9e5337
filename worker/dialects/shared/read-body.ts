import * as z from 'zod/mini'
import { type GatewayError, invalidRequest } from '../../canonical/errors.ts'
import type { Parsed } from '../dialect.ts'
import { isObject, pathText } from './path.ts'

type Issue = z.core.$ZodIssue

/** Longest string quoted back to the caller. */
const maxQuoted = 60

/** Checks `body` against `schema`; the first fault becomes an error that names the field, the rule and what was found. */
export function readBody<Schema extends z.ZodMiniType>(
  schema: Schema,
  body: unknown,
): Parsed<z.output<Schema>> {
  const result = safely(schema, body)
  if (result === null)
    return {
      ok: false,
      error: invalidRequest('the body is not valid: too much of it is wrong', 'body'),
    }
  if (result.success) return { ok: true, value: result.data }
  const [first] = result.error.issues
  if (first === undefined) return { ok: false, error: invalidRequest('the body is not valid') }
  return { ok: false, error: errorOfIssue(first, body) }
}

/** Null where the faults are more than the stack holds: zod hands over those of an array as arguments of one call. */
function safely<Schema extends z.ZodMiniType>(
  schema: Schema,
  body: unknown,
): z.core.util.SafeParseResult<z.output<Schema>> | null {
  try {
    return schema.safeParse(body)
  } catch (cause) {
    if (cause instanceof RangeError) return null
    throw cause
  }
}

function errorOfIssue(issue: Issue, body: unknown): GatewayError {
  const deepest = deepestIssue(issue, [])
  const path = deepest.path
  const field = pathText(path)
  const found = valueAt(body, path)
  const subject = field === '' ? 'the body' : field
  if (deepest.issue.code === 'custom' && deepest.issue.params?.['together'] === true)
    return invalidRequest(`${subject} ${deepest.issue.message}`, field)
  const message =
    found === undefined
      ? `${subject} is required`
      : `${subject} ${ruleOf(deepest.issue)}, but is ${describe(found, isEnumeration(deepest.issue))}`
  return invalidRequest(message, field === '' ? 'body' : field)
}

/** Refuses what is wrong only together with other fields: what was found in the field itself says nothing then. */
export function refuseTogether(
  context: { addIssue(issue: CustomIssue): void },
  path: readonly string[],
  message: string,
): void {
  context.addIssue({ code: 'custom', path: [...path], message, params: { together: true } })
}

/** An alias and not an interface, because zod's issues are open records. */
type CustomIssue = {
  code: 'custom'
  path: string[]
  message: string
  params: Record<string, unknown>
}

interface Located {
  readonly issue: Issue
  readonly path: readonly PropertyKey[]
}

/**
 * A union reports one list of issues an arm. The arm that got furthest into
 * the body is the one the caller meant.
 */
function deepestIssue(issue: Issue, base: readonly PropertyKey[]): Located {
  const path = [...base, ...issue.path]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { issue, path }
  let best: Located = { issue, path }
  for (const arm of issue.errors) {
    const [first] = arm
    if (first === undefined) continue
    const located = deepestIssue(first, path)
    if (located.path.length > best.path.length) best = located
    else if (located.path.length === best.path.length && isNarrower(located.issue, best.issue))
      best = located
  }
  return best
}

/** On one field, a rule for the value says more than a rule for its type. */
function isNarrower(issue: Issue, than: Issue): boolean {
  return than.code === 'invalid_union' && issue.code !== 'invalid_type' && issue !== than
}

function ruleOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeNames[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return oneOf(issue.values)
    case 'too_small':
      return `must ${sizeWord(issue.origin)} at least ${String(issue.minimum)}${unit(issue.origin)}`
    case 'too_big':
      return `must ${sizeWord(issue.origin)} at most ${String(issue.maximum)}${unit(issue.origin)}`
    case 'invalid_union':
      return unionRule(issue)
    case 'custom':
      return issue.message
    default:
      return 'is not valid'
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  record: 'an object',
}

function unionRule(issue: Extract<Issue, { code: 'invalid_union' }>): string {
  const options: unknown = 'options' in issue ? issue.options : undefined
  if (Array.isArray(options)) return oneOf(options)
  const rules = issue.errors.flatMap((arm) => (arm[0] === undefined ? [] : [ruleOf(arm[0])]))
  return [...new Set(rules)].join(' or ').replaceAll(' or must be ', ' or ')
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.flatMap((value) => (value === undefined ? [] : [JSON.stringify(value)]))
  return shown.length === 1 ? `must be ${shown[0]}` : `must be one of ${shown.join(', ')}`
}

function sizeWord(origin: string): string {
  return origin === 'array' || origin === 'string' ? 'have' : 'be'
}

function unit(origin: string): string {
  if (origin === 'array') return ' item(s)'
  return origin === 'string' ? ' character(s)' : ''
}

function isEnumeration(issue: Issue): boolean {
  return issue.code === 'invalid_value' || issue.code === 'invalid_union'
}

/** What was found. Only a word in the place of an enumeration is quoted: any other string may be part of a prompt. */
function describe(value: unknown, quoted: boolean): string {
  if (value === undefined) return 'absent'
  if (value === null) return 'null'
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty array' : `an array of ${value.length}`
  switch (typeof value) {
    case 'string':
      if (value === '') return 'an empty string'
      return quoted && value.length <= maxQuoted
        ? JSON.stringify(value)
        : `a string of ${value.length} characters`
    case 'number':
    case 'boolean':
      return String(value)
    default:
      return 'an object'
  }
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body
  for (const key of path) {
    if (Array.isArray(value) && typeof key === 'number') value = value[key]
    else if (isObject(value) && Object.hasOwn(value, key)) value = value[String(key)]
    else return undefined
  }
  return value
}
