import type { Feature, Field } from '../canonical/features.ts'
import type { Target } from '../edge/runtime.ts'
import type { RequestFacts } from '../policy/classify.ts'
import { nameOf } from '../policy/field-names.ts'
import type { PlannedStep } from '../policy/plan.ts'
import type { Changed } from '../providers/adapter.ts'
import type { PlannedRequest } from './plan-request.ts'
import type { RunResult } from './run-plan.ts'

/**
 * What the target that was asked did not get of the request, or got otherwise:
 * one sentence for each way, in the caller's own words for their fields.
 */
export function departuresOf(result: RunResult, planned: PlannedRequest): string[] {
  return sentencesOf(result.step, result.kind === 'answered' ? result.answer : nothing, planned)
}

const nothing = { unhonoured: [], changed: [] }

/** The same before anything is sent: what writing the request for this target would leave out or change. */
export function foreseenDepartures(
  step: PlannedStep,
  { provider, adapterTarget }: Target,
  planned: PlannedRequest,
): string[] {
  const call = provider.adapter.encodeRequest(planned.request, adapterTarget)
  const { unhonoured = [], changed = [] } = call
  return sentencesOf(step, { unhonoured, changed }, planned)
}

function sentencesOf(
  step: PlannedStep,
  {
    unhonoured,
    changed,
  }: { readonly unhonoured: readonly Feature[]; readonly changed: readonly Changed[] },
  planned: PlannedRequest,
): string[] {
  if (step.warnings.length === 0 && unhonoured.length === 0 && changed.length === 0) return []
  const named = (field: Field) => callerName(field, planned)
  const dropped = new Set([...step.warnings, ...unhonoured.map(named)])
  const sentences = changed.map(
    ({ field, sentAs }) => `${named(field)} sent to ${step.target} as ${sentAs}`,
  )
  if (dropped.size === 0) return sentences
  return [`${step.target} does not know ${[...dropped].join(', ')}; not sent`, ...sentences]
}

/** The answer has fewer tokens to end in than the caller allowed. */
export function isShortened(result: RunResult): boolean {
  return (
    result.kind === 'answered' &&
    (result.isShorter || result.answer.changed.some(({ field }) => field === 'maxOutputTokens'))
  )
}

export type Degradation = 'cache' | 'smaller-model' | 'shorter' | 'template'

/** In what an answer is less than what was asked for. */
export function degradations(
  planned: PlannedRequest | null,
  isShorter: boolean,
  wasAsked: boolean,
): Degradation[] {
  const less: Degradation[] = []
  if (planned?.isThrifty === true && wasAsked) less.push('smaller-model')
  if (planned?.shortened === true || isShorter) less.push('shorter')
  return less
}

function callerName(field: Field, { request, plan }: PlannedRequest): string {
  return askedAs(field, plan.facts) ?? nameOf(request, field)
}

function askedAs(field: Field, { needs, preferred, wishes }: RequestFacts): string | undefined {
  return [...needs, ...preferred, ...wishes].find(({ feature }) => feature === field)?.param
}
