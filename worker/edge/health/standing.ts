import {
  slowTrials,
  type Cause,
  type DomainKey,
  type DomainSnapshot,
  type Evidence,
} from '../../../durable-objects/provider-health/protocol.ts'
import { weightOf } from '../../../durable-objects/provider-health/weight.ts'

/** What the failure domains of one target say together. */
export interface Combined {
  /** Open: asked only when there is no other. */
  readonly barred: boolean
  /** Half-open domains: a request needs a permit of each. */
  readonly probes: readonly DomainKey[]
  /** Epoch ms until which it is not asked; 0 when nothing keeps it back. */
  readonly notBeforeMs: number
  readonly weight: number
  /** All that bars it is that it is slow. */
  readonly slow: boolean
  readonly why: string | null
}

/** Adds the domains of one target up: the worst of them decides, weights multiply. */
export function combine(domains: readonly DomainSnapshot[], nowMs: number): Combined {
  const probes: DomainKey[] = []
  const reasons: string[] = []
  let barred = false
  let slow = true
  let weight = 1
  let notBeforeMs = 0
  for (const domain of domains) {
    const waitMs = Math.max(domain.openForMs, domain.notBeforeForMs)
    if (waitMs > 0) notBeforeMs = Math.max(notBeforeMs, nowMs + waitMs)
    if (domain.state === 'closed') {
      weight *= weightOf(domain, 0)
      continue
    }
    reasons.push(sentenceOf(domain))
    // A rate limit is a time; it bars nothing once the time has come.
    if (domain.key.startsWith('quota:') && domain.key !== 'quota:*') continue
    // The wait of an open one may be over and nobody has asked since: asking for a permit is what moves it.
    if (domain.state === 'half_open' || waitMs <= 0) probes.push(domain.key)
    else barred = true
    if (domain.cause !== 'slow') slow = false
  }
  return {
    barred,
    probes,
    notBeforeMs,
    weight,
    slow: slow && barred,
    why: reasons.length === 0 ? null : reasons.join(' and '),
  }
}

/** `its circuit is open (blackout: 5 of 5 failed in 6 s)`. */
function sentenceOf({ key, state, cause, evidence, forced }: DomainSnapshot): string {
  const condition = state === 'half_open' ? 'half-open' : 'open'
  if (key.startsWith('credential:')) return 'its credential was refused'
  if (key === 'quota:*') return 'its quota is spent'
  if (key.startsWith('quota:')) return 'its provider asked to wait'
  const subject = key === 'edge' ? "its provider's circuit" : 'its circuit'
  if (forced !== null) return `${subject} is forced ${forced.state}`
  if (cause === null) return `${subject} is ${condition}`
  return `${subject} is ${condition} (${cause}${counts(cause, evidence)})`
}

function counts(cause: Cause, evidence: Evidence | null): string {
  if (evidence === null) return ''
  const within = `in ${Math.round(evidence.windowMs / 1000)} s`
  switch (cause) {
    case 'blackout':
    case 'brownout':
    case 'probe_failed':
      return `: ${evidence.failed} of ${evidence.judged} failed ${within}`
    case 'broken_output':
      return `: ${evidence.broken} of ${evidence.judged} did not parse ${within}`
    case 'slow':
      return `: ${evidence.slow} of ${slowTrials(evidence)} were slow ${within}`
    case 'cost':
      return `: ${evidence.dear} of ${evidence.priced} cost too much ${within}`
    case 'quota':
    case 'credential':
      return ''
  }
}
