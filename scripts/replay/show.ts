import type { PlannedOrRefused } from '../../worker/engine/plan-request.ts'
import { explainCandidates } from '../../worker/policy/explain-candidates.ts'

/** What is printed of a decision: the plan or the refusal, and every target with its score or the reason why it is left out. */
export function shown(planned: PlannedOrRefused): object {
  if (planned.ok) {
    const { plan } = planned.value
    return { ...plan, candidates: explainCandidates(planned.value) }
  }
  const { error, decided } = planned
  const { code, status, message } = error
  const rule = decided.refused?.rule ?? null
  const refused = { status, code, reason: message, rule }
  return { ...decided.plan, refused, candidates: explainCandidates(decided) }
}
