import { invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import type { Tags } from '../edge/access/tags.ts'
import { macroRegionOf, placeOf } from '../edge/place.ts'
import type { RouteConfig } from '../edge/config-schema.ts'
import type { FactsRead } from '../edge/policies.ts'
import type { Runtime } from '../edge/runtime.ts'
import { classify } from '../policy/classify.ts'
import { findData, moreCareful, raisedBy } from '../policy/data-class.ts'
import { classOf } from '../policy/request-class.ts'
import type { NamedTiers } from '../policy/resolve.ts'
import {
  dataClasses,
  plainContext,
  requestClasses,
  type DataClass,
  type FactsContext,
  type RequestFacts,
} from '../policy/request-facts.ts'
import type { Caller } from './caller.ts'

/** What is known of a request beside its body. */
export interface Surroundings {
  /** The route that the caller named; null: a target or a model. */
  readonly route: string | null
  /** All of several names; absent: there is one. */
  readonly names?: readonly NamedTiers[] | undefined
  readonly tags: Tags
  /** Of the caller's header, ms; absent or infinite: none. */
  readonly deadlineMs?: number
  /** The request as it came in; absent: nothing is known of where it came from. */
  readonly inbound?: Request
}

/**
 * The facts of a request: what stands in its body, and what `reads` names beside
 * it. An error when a tag that is read holds a word that means nothing.
 */
export function factsOf(
  request: CanonicalRequest,
  around: Surroundings,
  caller: Caller,
  runtime: Runtime,
  reads: FactsRead,
): RequestFacts | GatewayError {
  const given = classWord(around.tags, runtime)
  if (isError(given)) return given
  const stated = dataWord(around.tags, runtime)
  if (isError(stated)) return stated
  const context = contextOf(around, caller, runtime, reads)
  const facts = classify(request, {
    ...context,
    class: given ?? context.class,
    ...dataFacts(request, moreCareful(stated, context.dataClass), runtime, reads),
  })
  return reads.class && facts.class === null
    ? { ...facts, class: classOf(request, facts.promptTokens) }
    : facts
}

function contextOf(
  { route, names, tags, deadlineMs = Infinity, inbound }: Surroundings,
  { tenant, profile }: Caller,
  { policies, routes, environment }: Runtime,
  reads: FactsRead,
): FactsContext {
  const own = names === undefined ? ofRoute(route, routes) : ofNames(names, routes)
  const declared = policies.tenants.get(tenant)
  return {
    ...plainContext,
    route,
    class: own.class ?? null,
    dataClass: moreCareful(own.dataClass ?? null, declared?.dataClass ?? null),
    region: reads.region && inbound !== undefined ? macroRegionOf(placeOf(inbound)) : null,
    tenantTier: declared?.tier ?? profile?.tier ?? null,
    channel: tags['channel'] ?? null,
    environment,
    tags: reads.tags ? tags : plainContext.tags,
    latencyBudgetMs: Number.isFinite(deadlineMs) ? deadlineMs : null,
  }
}

type Declared = Pick<RouteConfig, 'class' | 'dataClass'>

function ofRoute(route: string | null, routes: Runtime['routes']): Declared {
  return (route === null ? undefined : routes.get(route)) ?? nothing
}

const nothing: Declared = {}

/** The class of the first name that has one; the most careful class of data of all. */
function ofNames(names: readonly NamedTiers[], routes: Runtime['routes']): Declared {
  const all = names.map(({ route }) => ofRoute(route, routes))
  const dataClass = all.reduce<DataClass | null>(
    (careful, one) => moreCareful(careful, one.dataClass ?? null),
    null,
  )
  return {
    class: all.find((one) => one.class !== undefined)?.class,
    dataClass: dataClass ?? undefined,
  }
}

/** The class of the data: what is said, raised by what is found. */
function dataFacts(
  request: CanonicalRequest,
  said: DataClass | null,
  { policies }: Runtime,
  reads: FactsRead,
): Pick<FactsContext, 'dataClass' | 'found'> {
  if (!reads.data) return { dataClass: said, found: null }
  const found = policies.detects
    ? findData(request).filter((finding) => policies.detectors[finding] !== null)
    : []
  return { dataClass: raisedBy(found, said, policies.detectors), found }
}

/** Tags whose word has to mean something. */
export const tagsRead = ['class', 'data'] as const
export type TagRead = (typeof tagsRead)[number]

/** The error of a request whose tag holds a word that means nothing, as far as anybody reads it; null: none does. */
export function errorOfTags(tags: Tags, runtime: Runtime): GatewayError | null {
  for (const word of [classWord(tags, runtime), dataWord(tags, runtime)])
    if (isError(word)) return word
  return null
}

/** The caller says itself what class its request is. */
export function givesClass(tags: Tags): boolean {
  const word = Object.hasOwn(tags, 'class') ? tags['class'] : undefined
  return requestClasses.some((one) => one === word)
}

function classWord(tags: Tags, { policies }: Runtime) {
  return wordOf('class', tags, requestClasses, policies.reads?.class === true)
}

function dataWord(tags: Tags, { policies }: Runtime) {
  return wordOf('data', tags, dataClasses, policies.reads?.data === true)
}

/** The word of a tag; null when there is none. A word that means nothing is an error only where somebody reads it. */
function wordOf<Word extends string>(
  tag: TagRead,
  tags: Tags,
  words: readonly Word[],
  isRead: boolean,
): Word | GatewayError | null {
  const text = Object.hasOwn(tags, tag) ? tags[tag] : undefined
  const value = words.find((word) => word === text)
  if (value !== undefined || text === undefined || !isRead) return value ?? null
  const rule = `x-switchyard-tags: "${tag}" must be one of ${words.join(', ')}`
  return invalidRequest(rule, 'x-switchyard-tags')
}

function isError(value: string | GatewayError | null): value is GatewayError {
  return typeof value === 'object' && value !== null
}
