import type {
  ProbeResult,
  Prober,
  Variables,
} from '../../../durable-objects/provider-health/composition.ts'
import type { CanonicalEvent } from '../../canonical/events.ts'
import type { Failure } from '../../canonical/failure.ts'
import type { CanonicalRequest } from '../../canonical/request.ts'
import { mergeUsage, type Usage } from '../../canonical/usage.ts'
import { costNanoUsd } from '../../catalog/index.ts'
import { attempt, withoutSecret } from '../../engine/attempt.ts'
import type { OpenStream } from '../../engine/open-stream.ts'
import type { Ports } from '../../engine/ports.ts'
import { EdgePorts } from '../edge-ports.ts'
import type { Isolate } from '../isolate.ts'
import type { Target } from '../runtime.ts'

/** A provider that is silent for so long is down, as far as a small call can tell, ms. */
const firstTokenTimeoutMs = 30_000
/** The rest of so small an answer, ms. */
const restTimeoutMs = 10_000

/** A model that thinks first may spend a single token on that and then call the request wrong. */
const thinkingTokens = 64

/**
 * The probes of objects: the smallest request there is, through the adapter and the decoder that requests of
 * tenants take, with the provider's own credential. `portsFor` makes the host of one call (`objectPorts`).
 */
export function createProber(portsFor: (env: Variables) => Ports): Prober {
  return async (name, env) => {
    const ports = portsFor(env)
    const target = ports.runtime.targets.get(name)
    if (target === undefined) throw new Error(`no target is named "${name}"`)
    if (target.provider.missing.length > 0)
      throw new Error(
        `"${name}" cannot be called: ${target.provider.missing.join(', ')} is not set`,
      )
    return probe(target, ports)
  }
}

/** A host for a call of an object's own: no client that could leave, nobody to tell but who asked. */
export function objectPorts(isolate: Isolate, bindings: Variables): Ports {
  const request = new Request('https://object.invalid/')
  return new EdgePorts({ request, bindings, context: { waitUntil: () => undefined } }, isolate)
}

async function probe(target: Target, ports: Ports): Promise<ProbeResult> {
  const sentAtMs = ports.nowMs()
  const limits = { firstTokenTimeoutMs, answerTimeoutMs: firstTokenTimeoutMs }
  const result = await attempt(smallestRequest(target), target, limits, false, ports)
  const ttftMs = ports.nowMs() - sentAtMs
  if (result.kind === 'failed') return resultOfFailure(result.failure)
  if (result.kind === 'whole') return resultOfAnswer(result.events, target, null)
  const events = await readToEnd(result.stream, ports)
  const failed = events.find((event) => event.type === 'failure')
  return failed === undefined
    ? resultOfAnswer(events, target, ttftMs)
    : resultOfFailure(withoutSecret(failed.failure, target))
}

function smallestRequest({ name, facts }: Target): CanonicalRequest {
  const thinks = facts?.reasoning === true
  return {
    model: name,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'ping' }] }],
    sampling: {},
    maxOutputTokens: thinks ? thinkingTokens : 1,
    stream: true,
    includeUsage: true,
    includeCost: false,
  }
}

/** Every event of the answer; one that stops in the middle ends in a failure. */
async function readToEnd(
  { control, decoder, events, source }: OpenStream,
  ports: Ports,
): Promise<readonly CanonicalEvent[]> {
  if (source.kind === 'relay') throw new Error('a probe is decoded, never relayed')
  const all = [...events]
  const isOver = () => all.some(({ type }) => type === 'finish' || type === 'failure')
  control.arm(restTimeoutMs, 'idle')
  try {
    while (!isOver()) {
      const bytes = await source.reader.read()
      all.push(...(bytes === null ? decoder.end() : decoder.push(bytes)))
    }
  } catch {
    const broken: Failure = { class: 'truncated', message: 'the connection to the provider broke' }
    all.push({ type: 'failure', failure: control.failure(broken) })
  } finally {
    control.release()
    ports.waitUntil(source.reader.cancel().catch(() => undefined))
  }
  return all
}

function resultOfAnswer(
  events: readonly CanonicalEvent[],
  target: Target,
  ttftMs: number | null,
): ProbeResult {
  let usage: Usage | undefined
  for (const event of events) if (event.type === 'usage') usage = mergeUsage(usage, event.usage)
  const prices = target.facts?.prices
  const cost = usage === undefined || !prices ? null : costNanoUsd(usage, prices)
  return {
    outcome: 'ok',
    ...(ttftMs === null ? {} : { ttftMs }),
    ...(cost === null ? {} : { costNanoUsd: cost }),
  }
}

function resultOfFailure({
  class: failureClass,
  targetFault,
  retryAfterMs,
  providerCode,
  ramp,
}: Failure): ProbeResult {
  const isTargets = targetFault === true
  return {
    // A model that is not there, or not for this account, says nothing of the credential.
    outcome: failureClass === 'auth' && isTargets ? 'bad_request' : failureClass,
    ...(isTargets ? { targetFault: true } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(providerCode === undefined ? {} : { providerCode }),
    ...(ramp === true ? { ramp: true } : {}),
  }
}
