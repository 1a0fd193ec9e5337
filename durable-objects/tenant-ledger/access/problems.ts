import type * as z from 'zod/mini'
import '../../zod-english.ts'

/** What is wrong with a body: which field, and the rule that it breaks. Values are not repeated: they may be secrets. */
export interface Problem {
  readonly field: string
  readonly rule: string
}

export function problemsOf(issues: readonly z.core.$ZodIssue[]): readonly Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const field = fieldOf(issue.path)
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({
          field: fieldOf([...issue.path, key]),
          rule: 'is no field that is known here',
        }))
      case 'invalid_key':
        return issue.issues.map(({ message }) => ({ field, rule: message }))
      default:
        return [{ field, rule: issue.message }]
    }
  })
}

/** The sentence of a 400. */
export function describe(problems: readonly Problem[]): string {
  return problems.map(({ field, rule }) => `${field}: ${rule}`).join('; ')
}

function fieldOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the body'
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, 64)}`))
    .join('')
    .replace(/^\./, '')
}
