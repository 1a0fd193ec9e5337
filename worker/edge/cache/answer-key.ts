import type { CanonicalRequest } from '../../canonical/request.ts'
import type { Question } from '../../engine/answer-port.ts'
import { joined } from '../access/digest.ts'

/**
 * How the answer is handed over, and not what it is. Everything else of a request is part of its key, also what is
 * added to it later: this list is what may be forgotten, not what must be remembered.
 */
const handedOver: ReadonlySet<keyof CanonicalRequest> = new Set([
  'stream',
  'includeUsage',
  'includeCost',
])

/** The question as one text: the same for the same question, and for no other. It holds the prompt, and is only ever digested. */
export function questionText({ tenant, route, configVersion, dialect, request }: Question): string {
  const asked = Object.fromEntries(
    Object.entries(request).filter(([name]) => !handedOver.has(name as keyof CanonicalRequest)),
  )
  const place = route === null ? 'direct' : `route ${route}`
  return joined([tenant, place, configVersion, dialect, sortedJson(asked)])
}

/** JSON whose objects have their names in order. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    const names = Object.keys(inner)
    const ordered = names.toSorted()
    if (ordered.every((name, index) => name === names[index])) return inner
    // `__proto__` is a name like any other: `fromEntries` defines it.
    return Object.fromEntries(
      ordered.map((name) => [name, (inner as Record<string, unknown>)[name]]),
    )
  })
}
