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
  const firstTokenMs = called?.firstTokenMs ?? null
  const degraded = degradationsOf(known)
  const decision = runtime.config.decisions.mode === 'log' ? decisionOfKnown(known) : null
  return {
    requestId: known.requestId,
    tenant: caller.tenant,
    keyId: caller.keyId,
    dialect: known.dialect.id,
    operation: known.operation,
    stream: planned?.request.stream ?? false,
    ...(outcome.plumbing === undefined ? {} : { plumbing: outcome.plumbing }),
    ...(made === null ? {} : { servedFrom: made.by }),
    ...(degraded.length === 0 ? {} : { degraded }),
    requestedModel: known.names?.[0] ?? null,
    route: planned?.route ?? null,
    target: target?.name ?? null,
    provider: target?.provider.id ?? null,
    model: target?.adapterTarget.upstreamModel ?? null,
    region: target === undefined ? null : target.provider.regions.join(',') || null,
    attempts,
    ending: outcome.ending,
    status: outcome.status,
    ...(outcome.errorCode === undefined ? {} : { errorCode: outcome.errorCode }),
    ...(outcome.choices === undefined
      ? {}
      : { finishReasons: outcome.choices.map(({ reason }) => reason) }),
    ...(outcome.usage === undefined ? {} : { usage: outcome.usage }),
    ...(costNanoUsd === null ? {} : { costNanoUsd }),
    durationMs: ports.nowMs() - known.startedMs,
    ...(firstTokenMs === null ? {} : { firstTokenMs }),
    reason: called?.reason ?? null,
    ...(decision === null ? {} : { decision }),
    configVersion: runtime.version,
    colo: known.colo,
  }
}
