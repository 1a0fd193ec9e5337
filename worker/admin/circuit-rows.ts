import type { CircuitPlace } from './circuits.ts'
import type {
  Cause,
  DomainKey,
  DomainSnapshot,
  DomainState,
  Evidence,
  Speed,
} from '../../durable-objects/provider-health/protocol.ts'
import type { CircuitsReply } from '../../durable-objects/provider-health/stub.ts'
import { formatUsd } from '../catalog/index.ts'

/** One circuit in one region, as an operator reads it: the provider's edge, a target, or a credential. */
export interface CircuitRow {
  readonly provider: string
  readonly region: CircuitPlace
  readonly domain: DomainKey
  /** `model@provider`; null for the edge and for credentials. */
  readonly target: string | null
  readonly state: DomainState
  /** When it came into this state; null when it was never in another. */
  readonly since: string | null
  /** Open: when it may be probed. */
  readonly openUntil: string | null
  readonly cause: Cause | null
  readonly epoch: number
  readonly slow: boolean
  readonly failRate: number
  readonly evidence: Evidence | null
  readonly speed: Speed | null
  readonly forced: { readonly state: 'open' | 'closed'; readonly until: string } | null
  /** The rate gate of a target; for the edge, the spent quota of the whole account. */
  readonly quota: QuotaGate | null
  readonly standby: StandbyRow | null
}

interface QuotaGate {
  readonly state: DomainState
  readonly notBefore: string | null
  readonly ratePerS: number | null
}

interface StandbyRow {
  readonly status: string
  readonly reason: string | null
  readonly since: string | null
  readonly lastAsked: string | null
  readonly spentTodayUsd: string
}

/** Every circuit of a provider in a region; targets that the object never heard of are closed. */
export function circuitRows(
  provider: string,
  region: CircuitPlace,
  targets: readonly string[],
  { domains, standby }: CircuitsReply,
  nowMs: number,
): CircuitRow[] {
  const known = new Map(domains.map((domain) => [domain.key, domain]))
  const heardOf = domains.flatMap(({ key }) =>
    key.startsWith('target:') ? [key.slice('target:'.length)] : [],
  )
  const row = (domain: DomainKey, target: string | null, gate: DomainKey | null): CircuitRow => {
    const warm = standby.find((one) => one.target === target)
    return {
      provider,
      region,
      domain,
      target,
      ...circuitFields(known.get(domain), nowMs),
      quota: gate === null ? null : quotaGate(known.get(gate), nowMs),
      standby: warm === undefined ? null : standbyRow(warm, nowMs),
    }
  }
  const credentials = [...known.keys()].filter((key) => key.startsWith('credential:'))
  return [
    row('edge', null, 'quota:*'),
    ...[...new Set([...targets, ...heardOf])].map((target) =>
      row(`target:${target}`, target, `quota:${target}`),
    ),
    ...credentials.map((key) => row(key, null, null)),
  ]
}

function circuitFields(domain: DomainSnapshot | undefined, nowMs: number) {
  if (domain === undefined) return neverHeardOf
  const { state, epoch, cause, openForMs, sinceMs, slow, failRate, evidence, speed, forced } =
    domain
  return {
    state,
    since: time(nowMs - sinceMs),
    openUntil: openForMs > 0 ? time(nowMs + openForMs) : null,
    cause,
    epoch,
    slow,
    failRate,
    evidence,
    speed,
    forced: forced === null ? null : { state: forced.state, until: time(nowMs + forced.forMs) },
  }
}

const neverHeardOf = {
  state: 'closed',
  since: null,
  openUntil: null,
  cause: null,
  epoch: 0,
  slow: false,
  failRate: 0,
  evidence: null,
  speed: null,
  forced: null,
} as const

function quotaGate(domain: DomainSnapshot | undefined, nowMs: number): QuotaGate | null {
  if (domain === undefined) return null
  const { state, notBeforeForMs, ratePerS } = domain
  return { state, notBefore: notBeforeForMs > 0 ? time(nowMs + notBeforeForMs) : null, ratePerS }
}

function standbyRow(one: CircuitsReply['standby'][number], nowMs: number): StandbyRow {
  const { status, reason, sinceMs, askedForMs, spentTodayNanoUsd } = one
  const ago = (ms: number | null) => (ms === null ? null : time(nowMs - ms))
  return {
    status,
    reason,
    since: ago(sinceMs),
    lastAsked: ago(askedForMs),
    spentTodayUsd: formatUsd(spentTodayNanoUsd),
  }
}

function time(atMs: number): string {
  return new Date(atMs).toISOString()
}
