import type { GatewayError } from '../canonical/errors.ts'
import type { CanonicalRequest, ProviderPreferences } from '../canonical/request.ts'
import { allowsTarget } from '../edge/access/authorize.ts'
import type { Tags } from '../edge/access/tags.ts'
import { policyFor, readsAll, withConstraints } from '../edge/policies.ts'
import { candidates } from '../edge/runtime.ts'
import { timeoutsSchema, type RouteConfig } from '../edge/config-schema.ts'
import type { Candidate, Exclusion } from '../policy/candidate.ts'
import { classify, type RequestFacts } from '../policy/classify.ts'
import { plan, type Plan } from '../policy/plan.ts'
import type { PlanInput } from '../policy/plan-input.ts'
import type { RankingFacts } from '../policy/ranking.ts'
import type { RoutePolicy } from '../policy/route-policy.ts'
import type { Ruling } from '../policy/rules.ts'
import type { RouteLadder } from '../edge/ladder.ts'
import { seedOf } from '../policy/seeded-random.ts'
import { factsAfter, factsMoved, limitOutput } from './after-rules.ts'
import type { Caller } from './caller.ts'
import type { Payer } from './money-port.ts'
import { ladderOfList, listOf, type NamedList, policyOfList, settingsOfList } from './named-list.ts'
import { exclusionReason, forbiddenTargets } from './pinned-targets.ts'
import { clip, noTarget, refusedByRule } from './plan-refusals.ts'
import type { PlanPorts } from './ports.ts'
import { isRanked, rankedInput } from './ranking-input.ts'
import { type Before, refusedBefore, type Refusal, unread, unresolved } from './refused-decision.ts'
import { errorOfTags, factsOf } from './request-context.ts'
import { resolveRequest, type ResolvedRequest } from './resolve-request.ts'

export interface PlannedRequest {
  /** The caller's request with the route's limits laid over it. */
  readonly request: CanonicalRequest
  readonly plan: Extract<Plan, { kind: 'steps' }>
  /** What the plan was made of: the same input gives the same plan again. */
  readonly input: PlanInput
  /** All targets of the name, those that the key may not call too. */
  readonly found: readonly Candidate[]
  /** The facts as they were read, before rules and limits. */
  readonly read: RequestFacts
  readonly route: string | null
  /** Of each tier, the route that it comes from; absent where all come from `route`: most. */
  readonly routesOfTiers?: readonly (string | null)[] | undefined
  readonly settings: RouteSettings
  /** Undefined where nothing of the kind is declared: most. */
  readonly ladder: RouteLadder | undefined
  /** The route allows a shorter answer than the caller asked for. */
  readonly shortened: boolean
  /** Those of the key over those of the caller. */
  readonly tags: Tags
  /** A budget has crossed a threshold that asks for cheaper targets: they stand in front. */
  readonly isThrifty: boolean
  /** Names of the rules that matched, in order. */
  readonly rules: readonly string[]
}

/** What stands beside the body of a request. */
export interface Asked {
  readonly operation: 'chat' | 'count_tokens'
  readonly tags: Tags
  /** Of the caller's header, ms. */
  readonly deadlineMs?: number
  /** The request as it came in. */
  readonly inbound?: Request
  /** Every fact is gathered, whether anybody reads it or not. */
  readonly explains?: true
  /** What a decision record holds of a request that was planned before (`npm run replay`): nothing is read again. */
  readonly recorded?: { readonly read: RequestFacts; readonly ranking: RankingFacts | null }
}

export const plainChat: Asked = { operation: 'chat', tags: {} }

export type RouteSettings = Pick<
  RouteConfig,
  | 'timeouts'
  | 'heartbeatAfterMs'
  | 'limits'
  | 'hedge'
  | 'bestOf'
  | 'shadow'
  | 'resume'
  | 'resumable'
  | 'jobs'
>

export type PlannedOrRefused =
  | { readonly ok: true; readonly value: PlannedRequest }
  | {
      readonly ok: false
      readonly error: GatewayError
      readonly exclusions: readonly Exclusion[]
      /** What it was refused for, for the record. */
      readonly decided: Decided
    }

/** A plan, and all that it was made of. */
export type Decided = Pick<PlannedRequest, 'input' | 'read' | 'rules' | 'found'> & {
  readonly plan: Plan
  /** Absent where there is a plan. */
  readonly refused?: Refusal
}

/** Settings of a request that names a target or a model instead of a route: the schema's own defaults. */
const directSettings: RouteSettings = {
  timeouts: timeoutsSchema.parse({}),
  heartbeatAfterMs: 15_000,
  limits: { maxAttempts: 3 },
}

/** From the name in `model` to an ordered plan, or to the refusal that says why there is none. */
export function planRequest(
  request: CanonicalRequest,
  caller: Caller,
  ports: PlanPorts,
  asked: Asked = plainChat,
): PlannedOrRefused {
  const { runtime } = ports
  const resolved = resolveRequest(request, caller, asked, runtime)
  if ('code' in resolved)
    return refuse(resolved, unresolved(request, resolved, caller, asked, ports))
  const { named, tags } = resolved
  const read = readFacts(request, named, tags, caller, runtime, asked)
  if ('code' in read) return refuse(read, unread(request, read, caller, asked, ports))
  const list = named.names === undefined ? null : listOf(named.names, read, runtime)
  const ruling = list === null ? (runtime.policies.rules?.apply(read) ?? null) : list.ruling
  if (ruling !== null && ruling.refusal !== null)
    return refusedByRuling(request, refusedByRule(ruling.refusal), read, ruling, ports)
  const route = ruling?.route ?? named.route
  const isMoved = route !== null && route !== named.route
  const tiers = list?.tiers ?? (isMoved ? runtime.tiers.get(route) : undefined) ?? named.tiers
  const settings = settingsOf(route, list, runtime)
  const { limited, shortened } = limitOutput(request, settings.limits.maxOutputTokens)
  const movedTo = list?.movedTo ?? (isMoved ? [route] : none)
  const after = factsAfter(read, ruling, limited)
  const facts = factsMoved(after, read, ruling, movedTo, tags, runtime)
  const nowMs = ports.nowMs()
  const found = candidates(runtime, tiers, (target) =>
    ports.health.standing(target, facts.promptTokens, nowMs),
  )
  const isThrifty = asksToDegrade({ caller, route, tags }, list, ports)
  const { kept, exclusions } = allowed(found, caller.profile)
  const rules = ruling?.matched ?? none
  if (kept.length === 0 && exclusions.length > 0)
    return forbidden(limited, caller, { read, facts, rules, candidates: found, exclusions }, ports)
  const policy = policyAfter(runtime, route, list, caller, ruling)
  const seed = seedOf(ports.random())
  const plain = inputOf(limited, kept, facts, policy, { isThrifty, nowMs, seed })
  const ranked = isRanked(plain) ? rankedInput(plain, limited, caller.tenant, tags, ports) : plain
  const input = asRecorded(ranked, asked)
  const made = withExclusions(plan(input), exclusions)
  if (made.kind === 'none') return withoutTarget(request, made, { input, read, rules, found })
  return {
    ok: true,
    value: {
      request: limited,
      plan: made,
      input,
      found,
      read,
      route,
      // Behind a spread V8 defines each property by a call into its runtime.
      routesOfTiers: list?.origins.map((origin) => origin.route),
      settings,
      ladder: list === null ? runtime.ladders.get(route) : ladderOfList(list, runtime.ladders),
      shortened,
      tags,
      isThrifty,
      rules,
    },
  }
}

const none: readonly string[] = []

/** What an order was made of then stands in its record. */
function asRecorded(input: PlanInput, { recorded }: Asked): PlanInput {
  const ranking = recorded?.ranking ?? null
  return ranking === null ? input : { ...input, ranking }
}

/** A budget that is kept for any of the routes has crossed such a threshold. */
function asksToDegrade(payer: Payer, list: NamedList | null, { money }: PlanPorts): boolean {
  if (money.asksToDegrade(payer)) return true
  return list?.others.some((route) => money.asksToDegrade({ ...payer, route })) === true
}

/** What somebody goes by; an error where a tag holds a word that means nothing. */
function readFacts(
  request: CanonicalRequest,
  { route, names }: ResolvedRequest['named'],
  tags: Tags,
  caller: Caller,
  runtime: PlanPorts['runtime'],
  asked: Asked,
): RequestFacts | GatewayError {
  if (asked.recorded !== undefined) return errorOfTags(tags, runtime) ?? asked.recorded.read
  const reads = asked.explains === true ? readsAll : runtime.policies.reads
  return reads === null
    ? classify(request)
    : factsOf(request, { ...asked, route, names, tags }, caller, runtime, reads)
}

/** Of the route, or of the first name within the limits of all. */
function settingsOf(
  route: string | null,
  list: NamedList | null,
  runtime: PlanPorts['runtime'],
): RouteSettings {
  const own = (route === null ? undefined : runtime.routes.get(route)) ?? directSettings
  return list === null ? own : settingsOfList(own, list, runtime)
}

function policyAfter(
  runtime: PlanPorts['runtime'],
  route: string | null,
  list: NamedList | null,
  { tenant, profile }: Caller,
  ruling: Ruling | null,
): RoutePolicy {
  const own = policyFor(runtime.policies, route, tenant, profile?.residency ?? null)
  const policy = list === null ? own : policyOfList(own, list, runtime)
  return ruling === null ? policy : withConstraints(policy, ruling.constraints)
}

function inputOf(
  { provider = noPreferences }: CanonicalRequest,
  candidates: readonly Candidate[],
  facts: RequestFacts,
  policy: RoutePolicy,
  { isThrifty, nowMs, seed }: Pick<PlanInput, 'isThrifty' | 'nowMs' | 'seed'>,
): PlanInput {
  return { facts, preferences: provider, candidates, policy, isThrifty, nowMs, seed }
}

const noPreferences: ProviderPreferences = {}

/** With what was left out before the plan was made in front. */
function withExclusions(made: Plan, before: readonly Exclusion[]): Plan {
  return before.length === 0 ? made : { ...made, exclusions: [...before, ...made.exclusions] }
}

/** Leaves out what the key may not call, each with its reason: the filter over every attempt. */
function allowed(
  found: readonly Candidate[],
  profile: Caller['profile'],
): { readonly kept: readonly Candidate[]; readonly exclusions: readonly Exclusion[] } {
  if (profile === null || (profile.grant.models === null && profile.grant.regions === null))
    return { kept: found, exclusions: [] }
  const kept: Candidate[] = []
  const exclusions: Exclusion[] = []
  for (const candidate of found) {
    const { target, model, provider, regions = [] } = candidate
    if (allowsTarget(profile, { model, provider, regions })) kept.push(candidate)
    else exclusions.push({ target, reason: exclusionReason(profile, regions) })
  }
  return { kept, exclusions }
}

type Refused = Extract<PlannedOrRefused, { ok: false }>

function refuse(error: GatewayError, decided: Decided): Refused {
  return { ok: false, error, exclusions: decided.plan.exclusions, decided }
}

/** Nothing of what was named may and can answer. */
function withoutTarget(
  request: CanonicalRequest,
  made: Extract<Plan, { kind: 'none' }>,
  of: Omit<Decided, 'plan' | 'refused'>,
): Refused {
  const error = noTarget(request.model, made)
  return refuse(error, { ...of, plan: made, refused: { error } })
}

/** The key may call none of the targets. */
function forbidden(
  request: CanonicalRequest,
  { profile }: Caller,
  before: Before,
  ports: PlanPorts,
): Refused {
  const regions = (before.candidates ?? []).map(({ regions = [] }) => regions)
  const error = forbiddenTargets(clip(request.model), profile, regions)
  return refuse(error, refusedBefore(request, { error }, before, ports))
}

/** By the last of the rules that matched. */
function refusedByRuling(
  request: CanonicalRequest,
  error: GatewayError,
  read: RequestFacts,
  ruling: Ruling,
  ports: PlanPorts,
): Refused {
  const { matched } = ruling
  const rule = matched.at(-1) ?? ''
  const before = { read, facts: factsAfter(read, ruling, request), rules: matched }
  return refuse(error, refusedBefore(request, { error, rule }, before, ports))
}
