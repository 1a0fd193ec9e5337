import { decisionOfKnown, degradationsOf, type Known, type Outcome, targetOf } from './known.ts'
import type { RequestRecord } from './record.ts'

/** The record of a request that ended so. `costNanoUsd` is null where nobody knows it. */
export function makeRecord(
  known: Known,
  outcome: Outcome,
  costNanoUsd: number | null,
): RequestRecord {
  const { called, planned, made, caller, ports } = known
  const { runtime } = ports
  const target = targetOf(known)
  const before = called?.attempts ?? []
  const attempts =
    outcome.attempt === undefined ? before : [...before.slice(0, -1), outcome.attempt]
  const degraded = degradationsOf(known)
  const decision =
    runtime.config.decisions.mode === 'log' ? (decisionOfKnown(known) ?? undefined) : undefined
  // One literal with every field, absent ones undefined: behind a spread each field is a call into the engine's runtime.
  return {
    requestId: known.requestId,
    tenant: caller.tenant,
    keyId: caller.keyId,
    dialect: known.dialect.id,
    operation: known.operation,
    stream: planned?.request.stream ?? false,
    plumbing: outcome.plumbing,
    servedFrom: made?.by,
    degraded: degraded.length === 0 ? undefined : degraded,
    requestedModel: known.names?.[0] ?? null,
    route: planned?.route ?? null,
    target: target?.name ?? null,
    provider: target?.provider.id ?? null,
    model: target?.adapterTarget.upstreamModel ?? null,
    region: target?.standing.regions?.join(',') || null,
    attempts,
    ending: outcome.ending,
    status: outcome.status,
    errorCode: outcome.errorCode,
    errorParam: outcome.errorCode === undefined ? undefined : outcome.errorParam,
    finishReasons: outcome.choices?.map(({ reason }) => reason),
    usage: outcome.usage,
    costNanoUsd: costNanoUsd ?? undefined,
    durationMs: ports.nowMs() - known.startedMs,
    firstTokenMs: called?.firstTokenMs ?? undefined,
    reason: called?.reason ?? outcome.reason ?? null,
    decision,
    configVersion: runtime.version,
    colo: known.colo,
  }
}
