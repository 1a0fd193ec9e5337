import type { Cause, Evidence } from '../protocol.ts'
import type { HealthSettings } from '../settings.ts'

/** What opened a circuit, kept until it closes. */
export interface Trouble {
  readonly cause: Cause
  readonly evidence: Evidence | null
}

export type Phase =
  /** `afterOutage`: its traffic comes back over a ramp. */
  | { readonly kind: 'closed'; readonly sinceMs: number; readonly afterOutage: boolean }
  | {
      readonly kind: 'open'
      readonly sinceMs: number
      readonly untilMs: number
      readonly trouble: Trouble
    }
  | {
      readonly kind: 'half_open'
      readonly sinceMs: number
      readonly trouble: Trouble
      /** Good probes, and good ones over T_slow. */
      readonly clean: number
      readonly slowAnswers: number
      /** Permits in a row of which nothing was heard. */
      readonly lapses: number
    }

/** A value: every function here answers the next one. */
export interface Circuit {
  /** Each opening begins a generation: a permit of an earlier one moves nothing. */
  readonly epoch: number
  /** How often it opened lately: each time doubles the wait. */
  readonly multiplier: number
  readonly phase: Phase
}

export type HalfOpen = Extract<Phase, { kind: 'half_open' }>

/** What a probe says about the circuit it was sent for. */
export type ProbeVerdict =
  | { readonly kind: 'clean' | 'slow' | 'inconclusive' }
  | { readonly kind: 'failed'; readonly cause: Cause; readonly waitUntilMs: number }

export function closedCircuit(nowMs: number): Circuit {
  return {
    epoch: 0,
    multiplier: 0,
    phase: { kind: 'closed', sinceMs: nowMs, afterOutage: false },
  }
}

/** The multiplier falls by one for each whole minute that the circuit is closed. */
export function multiplierAt(
  { multiplier, phase }: Circuit,
  nowMs: number,
  settings: HealthSettings,
): number {
  if (phase.kind !== 'closed') return multiplier
  return Math.max(0, multiplier - Math.floor((nowMs - phase.sinceMs) / settings.multiplierDecayMs))
}

/** Equal jitter: half of the wait is certain, so that a failing provider is left alone, and half is drawn. */
export function openWaitMs(
  multiplier: number,
  random: () => number,
  settings: HealthSettings,
): number {
  const fullMs = Math.min(settings.openBaseMs * 2 ** (multiplier - 1), settings.openMaxMs)
  return fullMs / 2 + (random() * fullMs) / 2
}

/** Opens for longer than the last time; `waitUntilMs` when every failure came with a Retry-After, else 0. */
export function opened(
  circuit: Circuit,
  trouble: Trouble,
  waitUntilMs: number,
  nowMs: number,
  random: () => number,
  settings: HealthSettings,
): Circuit {
  const multiplier = Math.min(multiplierAt(circuit, nowMs, settings) + 1, settings.maxMultiplier)
  const ownUntilMs = nowMs + openWaitMs(multiplier, random, settings)
  const askedUntilMs = Math.min(waitUntilMs, nowMs + settings.retryAfterOpenMaxMs)
  const untilMs = Math.max(ownUntilMs, askedUntilMs)
  return {
    epoch: circuit.epoch + 1,
    multiplier,
    phase: { kind: 'open', sinceMs: nowMs, untilMs, trouble },
  }
}

/** Half-open when the wait is over. */
export function afterWait(circuit: Circuit, nowMs: number): Circuit {
  const { phase } = circuit
  if (phase.kind !== 'open' || nowMs < phase.untilMs) return circuit
  const { trouble } = phase
  return {
    ...circuit,
    phase: { kind: 'half_open', sinceMs: nowMs, trouble, clean: 0, slowAnswers: 0, lapses: 0 },
  }
}

/** How many permits may be out: 1, 3, 6, as clean probes come back. */
export function permitsAllowed({ clean }: HalfOpen, settings: HealthSettings): number {
  const [second, third] = settings.stageFromClean
  const stage = clean >= third ? 2 : clean >= second ? 1 : 0
  return settings.stagePermits[stage]
}

/** The only way from half-open to closed; whoever calls has checked permit and epoch. */
export function afterProbe(
  circuit: Circuit,
  verdict: ProbeVerdict,
  nowMs: number,
  random: () => number,
  settings: HealthSettings,
): Circuit {
  const { phase } = circuit
  if (phase.kind !== 'half_open') return circuit
  switch (verdict.kind) {
    case 'failed': {
      const trouble = { cause: verdict.cause, evidence: phase.trouble.evidence }
      return opened(circuit, trouble, verdict.waitUntilMs, nowMs, random, settings)
    }
    case 'clean':
      return afterAnswer(circuit, { ...phase, clean: phase.clean + 1, lapses: 0 }, nowMs, settings)
    case 'slow':
      return afterAnswer(
        circuit,
        { ...phase, slowAnswers: phase.slowAnswers + 1, lapses: 0 },
        nowMs,
        settings,
      )
    case 'inconclusive':
      return phase.lapses === 0 ? circuit : { ...circuit, phase: { ...phase, lapses: 0 } }
  }
}

/**
 * Closes after ten clean probes. Ten slow ones close it as well, because a provider that came back slower
 * than it was is degraded, not failing, and would otherwise stay half-open for ever.
 */
function afterAnswer(
  circuit: Circuit,
  phase: HalfOpen,
  nowMs: number,
  settings: HealthSettings,
): Circuit {
  const isOver =
    phase.clean >= settings.cleanToClose || phase.slowAnswers >= settings.slowAnswersToClose
  if (!isOver) return { ...circuit, phase }
  return { ...circuit, phase: { kind: 'closed', sinceMs: nowMs, afterOutage: true } }
}

/** A permit of which nothing was heard: the isolate may have died. The third in a row opens with the same wait. */
export function afterLapse(
  circuit: Circuit,
  nowMs: number,
  random: () => number,
  settings: HealthSettings,
): Circuit {
  const { phase } = circuit
  if (phase.kind !== 'half_open') return circuit
  const lapses = phase.lapses + 1
  if (lapses < settings.lapsesToOpen) return { ...circuit, phase: { ...phase, lapses } }
  const untilMs = nowMs + openWaitMs(circuit.multiplier, random, settings)
  return {
    epoch: circuit.epoch + 1,
    multiplier: circuit.multiplier,
    phase: { kind: 'open', sinceMs: nowMs, untilMs, trouble: phase.trouble },
  }
}
