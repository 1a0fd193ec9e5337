import type { CanonicalRequest } from '../canonical/request.ts'
import { allowsTarget } from '../edge/access/authorize.ts'
import { shadowTenantPrefix } from '../edge/parallel-problems.ts'
import type { ShadowConfig } from '../edge/parallel-schema.ts'
import { candidates } from '../edge/runtime.ts'
import { plan, type PlannedStep } from '../policy/plan.ts'
import { seededRandom } from '../policy/seeded-random.ts'
import { compared } from './compare.ts'
import type { Exchange, Outcome } from './exchange.ts'
import { hasServerTools } from './hedge.ts'
import type { Billing } from './money-port.ts'
import { OutputCheck } from './output-check.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import type { RequestRecord } from './record.ts'
import { askShadow, type ShadowAnswer, unpaidShadow } from './shadow-call.ts'
import type { ShadowPort } from './shadow-port.ts'

/**
 * Has another target answer the same request when it has been answered, for a share of them, to compare both. The
 * caller sees nothing of it: it begins behind the answer, costs a budget of its own, and stands in no header and no
 * attempt. True: the answer has to be looked at as it passes, because its form is compared.
 */
export function castShadow(
  planned: PlannedRequest,
  config: ShadowConfig,
  exchange: Exchange,
): boolean {
  const { ports } = exchange
  const { route, request, input } = planned
  const { shadows } = ports
  if (shadows === undefined || shadows === null || route === null) return false
  if (!isSampled(input.seed, config.share)) return false
  const { caller } = exchange.billing(planned)
  if (!maySee(planned, caller, ports)) return false
  const step = shadowStep(planned, config.target, caller, ports)
  if (step === null) return false
  const billing: Billing = {
    requestId: exchange.requestId,
    caller: { tenant: shadowTenantPrefix + route, keyId: 'shadow', profile: null },
    route,
    tags: {},
  }
  const cast = { step, billing, request, config, promptTokens: planned.plan.facts.promptTokens }
  ports.waitUntil(follow(cast, caller.tenant, route, shadows, exchange))
  return OutputCheck.of(request) !== null
}

/** Chance of its own: whoever is sampled says nothing of how the plan was drawn. */
const salt = 0x5aad0e

export function isSampled(seed: number, share: number): boolean {
  return seededRandom(seed ^ salt)() < share
}

/** One shadow that is to be cast. */
export interface Shadow {
  readonly step: PlannedStep
  readonly billing: Billing
  readonly request: CanonicalRequest
  readonly config: ShadowConfig
  readonly promptTokens: number
}

/** Not what is regulated, pinned to a place, or of a tenant that wants nothing kept; nor what the provider would do twice. */
export function maySee(
  { request, plan: { facts } }: PlannedRequest,
  { tenant, profile }: Billing['caller'],
  { runtime }: Ports,
): boolean {
  const declared = runtime.config.tenants[tenant]
  const isPinned = (declared?.residency ?? profile?.residency ?? null) !== null
  const storesNothing = declared?.storage === false || profile?.storesAnswers === false
  return facts.dataClass !== 'regulated' && !isPinned && !storesNothing && !hasServerTools(request)
}

/** The target of the shadow under all rules that an attempt of this request is under; null where they leave it out. */
export function shadowStep(
  { input, plan: { facts } }: PlannedRequest,
  target: string,
  { profile }: Billing['caller'],
  { runtime, health }: Ports,
): PlannedStep | null {
  const tiers = [[{ target, weight: 1 }]]
  const found = candidates(runtime, tiers, (one) => health.standing(one, facts.promptTokens))
  const [candidate] = found
  if (candidate === undefined || candidate.health?.full === true) return null
  const { model, provider, regions = [] } = candidate
  if (profile !== null && !allowsTarget(profile, { model, provider, regions })) return null
  const made = plan({ ...input, candidates: found })
  if (made.kind === 'none') return null
  // It counts for no experiment of the route.
  const [{ mark: _, ...step }] = made.steps
  // A target that is down says nothing of how it answers, and a permit is for those who need the answer.
  return step.barred || step.probe || step.notBeforeMs > input.nowMs ? null : step
}

/** Waits for the answer, and then asks the shadow. */
async function follow(
  shadow: Shadow,
  tenant: string,
  route: string,
  shadows: ShadowPort,
  exchange: Exchange,
): Promise<void> {
  const { record, outcome } = await recordOf(exchange)
  // There is nothing to compare it with, or it is the same.
  const isMade = record.servedFrom !== undefined
  if (record.ending !== 'finished' || isMade || record.target === shadow.step.target) return
  const { requestId } = exchange
  const answered = await ask(shadow, shadows, exchange.ports)
  shadows.compared(compared({ requestId, tenant, route }, record, outcome, shadow, answered))
}

async function ask(shadow: Shadow, shadows: ShadowPort, ports: Ports): Promise<ShadowAnswer> {
  const { billing, config } = shadow
  const isOpen = await shadows.open(billing.caller.tenant, config.budgetUsdPerDay)
  return isOpen ? askShadow(shadow, shadows.money, ports) : unpaidShadow
}

function recordOf(
  exchange: Exchange,
): Promise<{ readonly record: RequestRecord; readonly outcome: Outcome }> {
  return new Promise((resolve) => {
    exchange.onRecord = (record, outcome) => resolve({ record, outcome })
  })
}
