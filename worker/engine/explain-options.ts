import { explainAffinity, explainCanary } from '../policy/explain-order.ts'
import type { AffinityView, CanaryView } from '../policy/explain-order.ts'
import type { Caller } from './caller.ts'
import { legSteps, mayAskSeveral } from './best-of.ts'
import { explainLadder, type LadderView } from './explain-ladder.ts'
import { foreseenHedge, hasServerTools, hedgeOptions } from './hedge.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import { isSampled, maySee, shadowStep } from './shadow.ts'

/** What the options of the route would make of a request, beside the order of its targets. Null: the route has none. */
export interface OptionsView {
  readonly hedge: HedgeView | null
  readonly best_of: BestOfView | null
  readonly shadow: ShadowView | null
  readonly canary: CanaryView | null
  readonly affinity: AffinityView | null
  readonly ladder: LadderView | null
}

interface HedgeView {
  /** Why no second call would be made; null: one may be, as far as the bounds of hedging allow it then. */
  readonly why_not: string | null
  readonly target: string | null
  /** The first target may be silent for so long. */
  readonly after_ms: number | null
}

interface BestOfView {
  readonly why_not: string | null
  readonly pick: string
  /** Those that would be asked at once. */
  readonly targets: readonly string[]
}

interface ShadowView {
  readonly why_not: string | null
  readonly target: string
  readonly share: number
}

export function explainOptions(planned: PlannedRequest, caller: Caller, ports: Ports): OptionsView {
  const { input, plan } = planned
  return {
    hedge: explainHedge(planned, caller, ports),
    best_of: explainBestOf(planned, ports),
    shadow: explainShadow(planned, caller, ports),
    canary: explainCanary(input),
    affinity: explainAffinity(input, plan),
    ladder: explainLadder(planned, caller, ports),
  }
}

function explainHedge(planned: PlannedRequest, caller: Caller, ports: Ports): HedgeView | null {
  const { settings, plan, request } = planned
  if (settings.hedge === undefined) return null
  const no = (whyNot: string) => ({ why_not: whyNot, target: null, after_ms: null })
  const options = hedgeOptions(settings.hedge, planned, caller, ports.runtime)
  if (options === undefined) return no('nobody waits for batch work')
  if (!request.stream) return no('a whole answer has no first token to be late with')
  if (hasServerTools(request)) return no('a tool that the provider runs would run twice')
  const [first, ...rest] = plan.steps
  const hedge = foreseenHedge(first, rest, request, options, ports)
  if (hedge === null) return no('no other provider of the plan may be asked beside the first')
  return { why_not: null, target: hedge.next.target, after_ms: hedge.afterMs }
}

function explainBestOf(
  { settings: { bestOf }, plan, request }: PlannedRequest,
  ports: Ports,
): BestOfView | null {
  if (bestOf === undefined) return null
  const { n, pick } = bestOf
  if (!mayAskSeveral(request)) {
    const whyNot = 'several answers, and tools that the provider runs, are asked for once'
    return { why_not: whyNot, pick, targets: [] }
  }
  const targets = legSteps(plan.steps, n, ports.nowMs()).map(({ target }) => target)
  return { why_not: null, pick, targets }
}

function explainShadow(planned: PlannedRequest, caller: Caller, ports: Ports): ShadowView | null {
  const { settings, input } = planned
  if (settings.shadow === undefined) return null
  const { target, share } = settings.shadow
  const whyNot = (): string | null => {
    if (ports.shadows === undefined || ports.shadows === null)
      return 'no budget can be kept for it here'
    if (!isSampled(input.seed, share)) return 'this request is not in the sample'
    if (!maySee(planned, caller, ports))
      return 'no shadow may see what is regulated, pinned to a place, kept by nobody, or would be done twice'
    return shadowStep(planned, target, caller, ports) === null
      ? 'its target may not or cannot answer this request now'
      : null
  }
  return { why_not: whyNot(), target, share }
}
