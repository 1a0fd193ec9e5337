import { parseCountTokens } from '../../worker/dialects/anthropic-messages/index.ts'
import { classify } from '../../worker/policy/classify.ts'
import type { CanonicalRequest } from '../../worker/canonical/request.ts'
import type { Dialect } from '../../worker/dialects/dialect.ts'
import type {
  AdapterTarget,
  ProviderAdapter,
  UpstreamCall,
} from '../../worker/providers/adapter.ts'
import { requestBody, type RecordedCase } from './corpus.ts'
import { at } from './oracles/wire-value.ts'
import {
  anthropicRequestRules,
  normalRequest,
  openAiRequestRules,
  requestDifferences,
  withoutPath,
} from './request-rules.ts'

/**
 * Reads the recorded request with the dialect of its own wire format and has the
 * adapter write it again: the same request must come out. Undefined when the
 * recording has no request, or none that a client of ours could have sent.
 */
export function checkRequest(
  recorded: RecordedCase,
  adapter: ProviderAdapter,
  dialects: readonly Dialect[],
): string[] | undefined {
  const dialect = dialects.find((one) => one.wire === adapter.wire)
  const body = clientBody(recorded)
  if (dialect === undefined || body === undefined) return undefined
  const counting = recorded.operation === 'count-tokens'
  const parsed = counting ? parseCountTokens(body) : dialect.parse(body)
  if (!parsed.ok) {
    // The vendor refused it too.
    if (recorded.meta.status === 400 || recorded.meta.status === 422) return []
    return [
      `parse: ${parsed.error.message}${parsed.error.param === undefined ? '' : ` (${parsed.error.param})`}`,
    ]
  }
  if (counting && adapter.encodeCountTokens === undefined)
    return ['the adapter cannot count tokens']
  const target = targetOf(recorded, body)
  const call = counting
    ? adapter.encodeCountTokens?.(parsed.value, target)
    : adapter.encodeRequest(parsed.value, target)
  if (call === undefined) return []
  const rules = dialect.id === 'openai-chat' ? openAiRequestRules : anthropicRequestRules
  // What the caller is told of in `x-switchyard-warning` is not dropped silently.
  const { ignored = [] } = parsed.value
  const left = unhonouredFields(parsed.value, adapter, target, call)
  const unnamed = (value: unknown): unknown =>
    inDeployment(recorded) ? withoutPath(value, 'model') : value
  const written: unknown = JSON.parse(JSON.stringify(call.body))
  const without = (dropped: readonly string[]): string[] => {
    const compared = (value: unknown): unknown =>
      normalRequest(unnamed(dropped.reduce(withoutPath, value)), rules, recorded.provider)
    return requestDifferences(compared(body), compared(written))
  }
  // A feature that is left out in one place may be written in another: its fields are dropped only where they differ.
  const faults = without(ignored).length === 0 ? [] : without([...ignored, ...left])
  return [...faults, ...pathFaults(recorded, call)]
}

/** Fields that the vendor, or its model, has no parameter for: the plan avoids it or names them, or the call itself does. */
function unhonouredFields(
  request: CanonicalRequest,
  adapter: ProviderAdapter,
  target: AdapterTarget,
  call: UpstreamCall,
): string[] {
  const { needs, wishes } = classify(request)
  const lacks = [...(adapter.lacks?.(target) ?? []), ...(call.unhonoured ?? [])]
  const cannot = ({ feature }: (typeof wishes)[number]) =>
    !adapter.features.has(feature) || lacks.includes(feature)
  const refused = needs.filter(({ feature }) => lacks.includes(feature))
  return [...wishes.filter(cannot), ...refused].map(({ param }) => param)
}

/** What a client of the dialect would have sent: Vertex names the model in the path, and its API version in the body. */
function clientBody(recorded: RecordedCase): unknown {
  const body = requestBody(recorded)
  if (recorded.provider !== 'vertex-anthropic' || body === undefined) return body
  const { anthropic_version: _version, ...rest } = body as Record<string, unknown>
  return { model: recorded.meta.model, ...rest }
}

/** Azure's deployment paths name the model in the path: what the body says is not read. */
function inDeployment(recorded: RecordedCase): boolean {
  return recorded.meta.endpoint?.includes('/deployments/') === true
}

function targetOf(recorded: RecordedCase, body: unknown): AdapterTarget {
  const model = at(body, 'model') ?? recorded.meta.model
  // A deployment's own path, with its version in the query, is Azure's older API.
  const version = /api-version=([^&]+)/.exec(recorded.meta.query ?? '')?.[1]
  const deployment = /\/deployments\/([^/]+)\//.exec(recorded.meta.endpoint ?? '')?.[1]
  const upstreamModel = deployment ?? (typeof model === 'string' ? model : 'unknown')
  return {
    upstreamModel,
    options: deployment === undefined || version === undefined ? {} : { apiVersion: version },
  }
}

/** The recorded path may have the base URL's own path before ours; one that was not found is no example. */
function pathFaults(recorded: RecordedCase, call: UpstreamCall): string[] {
  const path = /^\w+ ([^?]*)/.exec(recorded.meta.endpoint ?? '')?.[1]
  const written = call.path.split('?', 1)[0] ?? ''
  const known =
    path !== undefined && recorded.meta.status !== 404 && recorded.provider !== 'vertex-anthropic'
  if (!known || path.endsWith(written)) return []
  return [`path: recorded ${path}, written ${written}`]
}
