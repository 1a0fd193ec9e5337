import type { CanonicalRequest, ProviderPreferences } from '../canonical/request.ts'
import type { Tags } from '../edge/access/tags.ts'
import { providerOfTarget } from '../edge/config.ts'
import type { Warmth } from '../policy/affinity.ts'
import { prefixKeyOf, sessionKeyOf, tenantKeyOf } from '../policy/affinity-key.ts'
import type { Candidate } from '../policy/candidate.ts'
import type { PlanInput } from '../policy/plan-input.ts'
import { expectedOutputTokens } from '../policy/expected-cost.ts'
import type { RankingFacts, RankingPolicy } from '../policy/ranking.ts'
import type { RoutePolicy } from '../policy/route-policy.ts'
import type { MeasurePort } from './measure-port.ts'
import type { PlanPorts } from './ports.ts'

/** What of a request the order of its targets goes by. */
interface RankedRequest {
  readonly request: CanonicalRequest
  readonly tenant: string
  readonly tags: Tags
  readonly promptTokens: number
  readonly policy: RoutePolicy
  readonly nowMs: number
}

/** Some option of the route, or the caller, may go by what this isolate knows of targets. False for most: nothing is gathered then. */
export function isRanked({ policy, preferences }: PlanInput): boolean {
  return (
    policy.ranking !== undefined ||
    policy.constraints !== undefined ||
    preferences.sort !== undefined
  )
}

/** The input with what this isolate knows: measurements, reserves, sessions, trials. */
export function rankedInput(
  input: PlanInput,
  request: CanonicalRequest,
  tenant: string,
  tags: Tags,
  ports: PlanPorts,
): PlanInput {
  const { policy, nowMs, facts } = input
  const ranked = { request, tenant, tags, promptTokens: facts.promptTokens, policy, nowMs }
  const candidates = measuredCandidates(input.candidates, ranked, ports)
  const ranking = rankingFacts(ranked, ports)
  return { ...input, candidates, ...(ranking === undefined ? {} : { ranking }) }
}

/** What the order goes by beside the targets; undefined where the route has no such options: most. */
function rankingFacts(ranked: RankedRequest, ports: PlanPorts): RankingFacts | undefined {
  const { ranking } = ranked.policy
  const { measures } = ports.health
  if (ranking === undefined || measures === undefined) return undefined
  const { request, tenant, tags, nowMs } = ranked
  const affinityKey = affinityKeyOf(ranking, request, tags, tenant)
  const { canary, route } = ranking
  return {
    affinityKey,
    canaryKey:
      canary === undefined
        ? null
        : canary.by === 'tenant'
          ? tenantKeyOf(tenant)
          : sessionKeyOf(request, tags, tenant),
    warmth: affinityKey === null ? null : warmthOf(request, measures.warmth(affinityKey, nowMs)),
    outputTokens: measures.outputTokens(route, nowMs),
    canaryStopped:
      canary === undefined ? null : measures.stopped(canary.trial, providerOfTarget(canary.target)),
  }
}

/** The longest time that a cache mark can ask for (Anthropic's `ttl`), ms. */
const hourMs = 3_600_000

/** The marks are looked for only where a last call is known. */
function warmthOf(
  { messages, tools = [] }: CanonicalRequest,
  warmth: Warmth | null,
): Warmth | null {
  if (warmth === null) return null
  const asksForHour =
    tools.some((tool) => 'cache' in tool && tool.cache?.ttl === '1h') ||
    messages.some(({ content }) =>
      content.some((block) => 'cache' in block && block.cache?.ttl === '1h'),
    )
  return asksForHour ? { ...warmth, askedMs: hourMs } : warmth
}

function affinityKeyOf(
  { affinity }: RankingPolicy,
  request: CanonicalRequest,
  tags: Tags,
  tenant: string,
): string | null {
  switch (affinity?.by) {
    case undefined:
      return null
    case 'tenant':
      return tenantKeyOf(tenant)
    case 'prefix':
      return prefixKeyOf(request, tenant)
    case 'session':
      return sessionKeyOf(request, tags, tenant)
  }
}

/** The candidates with what is measured of them and of their reserves, where somebody goes by it; else the same list. */
function measuredCandidates(
  candidates: readonly Candidate[],
  ranked: RankedRequest,
  ports: PlanPorts,
): readonly Candidate[] {
  const { policy, promptTokens, nowMs } = ranked
  const { measures } = ports.health
  const hasReserved = policy.ranking?.hasReserved === true
  const isMeasured = goesByMeasures(policy, ranked.request.provider)
  if (measures === undefined || (!hasReserved && !isMeasured)) return candidates
  const tokens = hasReserved ? tokensOf(ranked, measures) : 0
  return candidates.map((candidate) => {
    const target = ports.runtime.targets.get(candidate.target)
    if (target === undefined) return candidate
    const reserved = hasReserved && target.reserved !== null
    return {
      ...candidate,
      ...(isMeasured ? { measured: measures.measured(target, promptTokens, nowMs) } : {}),
      ...(reserved ? { reserved: measures.hasRoom(target, tokens, nowMs) ? 'room' : 'spent' } : {}),
    }
  })
}

/** An objective or a floor of the route, a constraint, or the caller's own `sort`. */
function goesByMeasures(
  { ranking, constraints }: RoutePolicy,
  preferences: ProviderPreferences | undefined,
): boolean {
  if (ranking?.needsMeasured === true) return true
  const sort = preferences?.sort
  if (sort !== undefined && sort !== 'price') return true
  return (
    constraints?.some(({ constraint }) => constraint.maxFirstTokenP95Ms !== undefined) === true ||
    constraints?.some(({ constraint }) => constraint.requireMeasured === true) === true
  )
}

/** Tokens that a call is likely to take of a reserve. */
function tokensOf({ policy, promptTokens, request, nowMs }: RankedRequest, measures: MeasurePort) {
  const route = policy.ranking?.route
  const average = route === undefined ? null : measures.outputTokens(route, nowMs)
  return promptTokens + expectedOutputTokens(average, request.maxOutputTokens ?? null)
}
