import type { CanonicalRequest } from '../canonical/request.ts'
import type { Tags } from '../edge/access/tags.ts'
import type { Runtime } from '../edge/runtime.ts'
import type { RequestFacts } from '../policy/classify.ts'
import { moreCareful } from '../policy/data-class.ts'
import type { Ruling } from '../policy/rules.ts'
import { givesClass } from './request-context.ts'

/** With what the limits of the route have made of them, and the rules where some matched. */
export function factsAfter(
  facts: RequestFacts,
  ruling: Ruling | null,
  limited: CanonicalRequest,
): RequestFacts {
  const maxOutputTokens = limited.maxOutputTokens ?? null
  if (ruling === null && facts.maxOutputTokens === maxOutputTokens) return facts
  return {
    ...facts,
    maxOutputTokens,
    class: ruling?.class ?? facts.class,
    dataClass: ruling?.dataClass ?? facts.dataClass,
  }
}

/**
 * With what the routes declare that rules have sent the request to: the most careful class of data of all, and the
 * class of `ruling.route` where neither the caller nor a rule gave one.
 */
export function factsMoved(
  facts: RequestFacts,
  read: RequestFacts,
  ruling: Ruling | null,
  movedTo: readonly string[],
  tags: Tags,
  { routes }: Runtime,
): RequestFacts {
  if (ruling === null || movedTo.length === 0) return facts
  let { dataClass } = facts
  for (const name of movedTo)
    dataClass = moreCareful(dataClass, routes.get(name)?.dataClass ?? null)
  const isClassSaid = givesClass(tags) || ruling.class !== read.class || ruling.route === null
  const own = isClassSaid ? undefined : routes.get(ruling.route)?.class
  return { ...facts, dataClass, class: own ?? facts.class }
}

/** The request with at most so many tokens of answer; `shortened`: the caller asked for more. */
export function limitOutput(
  request: CanonicalRequest,
  most: number | undefined,
): { limited: CanonicalRequest; shortened: boolean } {
  const asked = request.maxOutputTokens
  if (most === undefined || (asked !== undefined && asked <= most))
    return { limited: request, shortened: false }
  return { limited: { ...request, maxOutputTokens: most }, shortened: asked !== undefined }
}
