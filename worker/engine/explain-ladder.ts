import type { RouteLadder, Rung } from '../edge/ladder.ts'
import type { Runtime } from '../edge/runtime.ts'
import { fillTemplate } from '../edge/template.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Caller } from './caller.ts'
import { partsOf } from './ladder.ts'
import { turnOf } from './ladder-capacity.ts'
import { helps, type Shortfall } from './ladder-failure.ts'
import { whyNotKept } from './ladder-keep.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { Ports } from './ports.ts'
import { templateEvents } from './template-answer.ts'

/** What the route would do with less than was asked for, step by step (`docs/degrade.md`). */
export interface LadderView {
  /** The cache is asked before any target; null: it is not. */
  readonly cache_first: RungView | null
  /** What is asked at once, in the order of the plan. */
  readonly targets: readonly string[]
  /** In order, once those have failed. Behind the last there is the error. */
  readonly rungs: readonly RungView[]
  /** Where capacity is shared out, whose turn this is: `premium`, `standard` or `batch`. */
  readonly turn: string | null
}

export interface RungView {
  readonly rung: string
  /** Why it would have nothing for this request; null: it may have something. */
  readonly why_not: string | null
  /** What it stands in for: no answer, answers that are all too slow, no capacity, no money, a ledger that is away. */
  readonly helps_when: readonly string[]
  /** Those that it would ask; absent where it asks nobody. */
  readonly targets?: readonly string[]
  readonly max_output_tokens?: number
}

/** Null where the route has no such option. */
export function explainLadder(
  planned: PlannedRequest,
  caller: Caller,
  ports: Ports,
): LadderView | null {
  const { ladder } = planned
  if (ladder === undefined) return null
  const { main, lesser } = partsOf(planned, ladder)
  const on = { ladder, planned, caller, ports, lesser }
  return {
    cache_first: ladder.cache?.isFirst === true ? rungView({ kind: 'cache' }, on) : null,
    targets: namesOf(main ?? []),
    rungs: ladder.rungs.map((rung) => rungView(rung, on)),
    turn: turnOf(ladder, caller, ports.runtime)?.priority ?? null,
  }
}

interface On {
  readonly ladder: RouteLadder
  readonly planned: PlannedRequest
  readonly caller: Caller
  readonly ports: Ports
  readonly lesser: readonly PlannedStep[]
}

function rungView(rung: Rung, on: On): RungView {
  const asked = askedBy(rung, on)
  return {
    rung: rung.kind,
    why_not: whyNot(rung, on),
    helps_when: shortfalls.flatMap(([name, shortfall]) => (helps(rung, shortfall) ? [name] : [])),
    ...(asked === null ? {} : { targets: namesOf(asked) }),
    ...(rung.kind === 'shorter' ? { max_output_tokens: rung.maxOutputTokens } : {}),
  }
}

const shortfalls: readonly (readonly [string, Shortfall])[] = [
  ['no answer', { what: 'answer', isSlow: false, why: '' }],
  ['too slow', { what: 'answer', isSlow: true, why: '' }],
  ['no capacity', { what: 'capacity', isSlow: false, why: '' }],
  ['no money', { what: 'money', isSlow: false, why: '' }],
  ['no ledger', { what: 'ledger', isSlow: false, why: '' }],
]

function askedBy({ kind }: Rung, { planned, lesser }: On): readonly PlannedStep[] | null {
  if (kind === 'smaller-model') return lesser
  return kind === 'shorter' ? planned.plan.steps : null
}

function namesOf(steps: readonly PlannedStep[]): string[] {
  return steps.map(({ target }) => target)
}

function whyNot(rung: Rung, { ladder, planned, caller, ports, lesser }: On): string | null {
  const { request } = planned
  switch (rung.kind) {
    case 'cache':
      return whyNotKept(ladder, planned, caller, ports.runtime)
    case 'smaller-model':
      return lesser.length > 0 ? null : 'no lesser target may answer this request'
    case 'shorter':
      return (request.maxOutputTokens ?? Infinity) > rung.maxOutputTokens
        ? null
        : 'the answer is asked to be as short already'
    case 'template': {
      const { route, request: asked } = planned
      const fields = { requestId: '', route: route ?? '', model: asked.model, retryAfterS: '1' }
      const isText = templateEvents(fillTemplate(rung.parts, fields), request) !== null
      return isText ? null : 'the request asks for something else than a text'
    }
    case 'deferred':
      if (request.stream) return 'a stream is answered by a stream'
      if (ports.runs === null) return 'no job can be begun here'
      return storesNothing(caller, ports.runtime) ? 'nothing may be kept for this tenant' : null
  }
}

function storesNothing({ tenant, profile }: Caller, { config }: Runtime): boolean {
  return config.tenants[tenant]?.storage === false || profile?.storesAnswers === false
}
