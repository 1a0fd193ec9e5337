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
  const body = requestBody(recorded)
  if (dialect === undefined || body === undefined) return undefined
  const parsed = dialect.parse(body)
  if (!parsed.ok) {
    // The vendor refused it too.
    if (recorded.meta.status === 400 || recorded.meta.status === 422) return []
    return [
      `parse: ${parsed.error.message}${parsed.error.param === undefined ? '' : ` (${parsed.error.param})`}`,
    ]
  }
  const counting = recorded.operation === 'count-tokens'
  if (counting && adapter.encodeCountTokens === undefined)
    return ['the adapter cannot count tokens']
  const target = targetOf(recorded, body)
  const call = counting
    ? adapter.encodeCountTokens?.(parsed.value, target)
    : adapter.encodeRequest(parsed.value, target)
  if (call === undefined) return []
  const rules = dialect.id === 'openai-chat' ? openAiRequestRules : anthropicRequestRules
  const written: unknown = JSON.parse(JSON.stringify(call.body))
  return [
    ...requestDifferences(normalRequest(body, rules), normalRequest(written, rules)),
    ...pathFaults(recorded, call),
  ]
}

function targetOf(recorded: RecordedCase, body: unknown): AdapterTarget {
  const model = at(body, 'model') ?? recorded.meta.model
  return { upstreamModel: typeof model === 'string' ? model : 'unknown', options: {} }
}

/** The recorded path, which may have the base URL's own path before ours. */
function pathFaults(recorded: RecordedCase, call: UpstreamCall): string[] {
  const path = /^\w+ ([^?]*)/.exec(recorded.meta.endpoint ?? '')?.[1]
  const written = call.path.split('?', 1)[0] ?? ''
  if (path === undefined || path.endsWith(written)) return []
  return [`path: recorded ${path}, written ${written}`]
}
