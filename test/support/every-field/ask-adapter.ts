import type { Field } from '../../../worker/canonical/features.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import type { Candidate } from '../../../worker/policy/candidate.ts'
import { classify, type RequestFacts } from '../../../worker/policy/classify.ts'
import { nameOf } from '../../../worker/policy/field-names.ts'
import { filter, unhonoured } from '../../../worker/policy/filter.ts'
import type { AdapterTarget, ProviderAdapter } from '../../../worker/providers/adapter.ts'

/** What becomes of a request at one model: kept away by name, or a call and the fields that it is told to lack. */
export type Outcome =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'sent'; readonly call: string; readonly named: readonly string[] }

/** Plans and writes `request` for one model, as the gateway does. */
export function ask(request: CanonicalRequest, adapter: ProviderAdapter, model: string): Outcome {
  const target: AdapterTarget = { upstreamModel: model, options: {} }
  const candidate = candidateOf(adapter, target)
  const facts = classify(request)
  const { exclusions } = filter([candidate], facts, {})
  const [refused] = exclusions
  if (refused !== undefined) return { kind: 'refused', reason: refused.reason }
  const { unhonoured: left = [], changed = [], ...call } = adapter.encodeRequest(request, target)
  const named = (field: Field) => callerName(field, facts, request)
  return {
    kind: 'sent',
    call: JSON.stringify(call),
    named: [
      ...(request.ignored ?? []),
      ...unhonoured(candidate, facts),
      ...left.map(named),
      ...changed.map(({ field }) => named(field)),
    ],
  }
}

function callerName(field: Field, facts: RequestFacts, request: CanonicalRequest): string {
  const asked = [...facts.needs, ...facts.preferred, ...facts.wishes]
  return asked.find(({ feature }) => feature === field)?.param ?? nameOf(request, field)
}

function candidateOf(adapter: ProviderAdapter, target: AdapterTarget): Candidate {
  const features = new Set(adapter.features)
  for (const lost of adapter.lacks?.(target) ?? []) features.delete(lost)
  return {
    target: `${target.upstreamModel}@${adapter.id}`,
    provider: adapter.id,
    model: target.upstreamModel,
    tier: 0,
    weight: 1,
    features,
    contextTokens: null,
    maxOutputTokens: null,
    ...(adapter.maxStopSequences === undefined
      ? {}
      : { maxStopSequences: adapter.maxStopSequences }),
    inputUsdPerMillion: null,
    outputUsdPerMillion: null,
    wire: adapter.wire,
    notBeforeMs: 0,
    unavailable: null,
  }
}
