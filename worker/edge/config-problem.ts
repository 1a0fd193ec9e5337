import type * as z from 'zod/mini'
import '../../durable-objects/zod-english.ts'

/** One thing wrong with a config file: where, which rule, and what stood there. */
export interface ConfigProblem {
  readonly path: string
  readonly rule: string
  readonly value: unknown
}

/** The lines an operator reads when a file is refused. */
export function describeProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ path, rule, value }) => `  ${path}: ${rule} (found ${shortJson(value)})`)
    .join('\n')
}

type Issue = z.core.$ZodIssue

/** What a schema has against `raw`, a file or a part of it. */
export function problemsOfIssues(raw: unknown, issues: readonly Issue[]): ConfigProblem[] {
  return issues.flatMap((issue) => problemsOfIssue(raw, issue, []))
}

function problemsOfIssue(
  raw: unknown,
  issue: Issue,
  before: readonly PropertyKey[],
): ConfigProblem[] {
  const path = [...before, ...issue.path]
  const found = (at: readonly PropertyKey[], rule: string): ConfigProblem => ({
    path: pathText(at),
    rule,
    value: valueAt(raw, at),
  })
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => found([...path, key], 'is no field that is known here'))
    // The key itself breaks the rule, so it is what was found.
    case 'invalid_key':
      return issue.issues.map(({ message }) => ({
        path: pathText(path),
        rule: message,
        value: path.at(-1),
      }))
    case 'invalid_union': {
      // Where one form alone has the right type, its own complaint says more than the union's.
      const [only, ...others] = issue.errors.filter((form) => !form.some(isWrongType))
      return only === undefined || others.length > 0
        ? [found(path, issue.message)]
        : only.flatMap((one) => problemsOfIssue(raw, one, path))
    }
    default:
      return [found(path, issue.message)]
  }
}

/** The value as a whole has another type than the form takes. */
function isWrongType({ code, path }: Issue): boolean {
  return code === 'invalid_type' && path.length === 0
}

/** `routes["Chat X"].tiers[0]`: as one would write it to reach the place. */
export function pathText(path: readonly PropertyKey[]): string {
  const text = path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`
      return /^[A-Za-z_$][\w$-]*$/.test(String(part))
        ? `.${String(part)}`
        : `[${JSON.stringify(String(part))}]`
    })
    .join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}
