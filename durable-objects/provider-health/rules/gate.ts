import type { HealthSettings } from '../settings.ts'

/** The rate limit of one target: a time before which nothing is sent, and a rate. No circuit. */
export interface Gate {
  readonly notBeforeMs: number
  readonly rate: GateRate | null
}

export interface GateRate {
  readonly perS: number
  /** When it was `perS`: it grows from there. */
  readonly cutAtMs: number
  /** Lifted from here on. */
  readonly liftedAtPerS: number
}

export const openGate: Gate = { notBeforeMs: 0, rate: null }

/** A 429 from `atMs`. A later one never shortens what an earlier one asked for. */
export function afterRateLimit(
  gate: Gate,
  atMs: number,
  retryAfterMs: number | undefined,
  random: () => number,
  settings: HealthSettings,
): Gate {
  const askedMs = retryAfterMs ?? settings.rateWaitDefaultMs
  const waitMs = Math.min(Math.max(askedMs, settings.rateWaitMinMs), settings.rateWaitMaxMs)
  const untilMs = atMs + waitMs * (1 + settings.rateWaitJitter * random())
  return untilMs > gate.notBeforeMs ? { ...gate, notBeforeMs: untilMs } : gate
}

/** Traffic grew too fast: seven tenths of what is sent now (`seenPerS`), or of the limit there is. */
export function afterRamp(
  gate: Gate,
  seenPerS: number,
  nowMs: number,
  settings: HealthSettings,
): Gate {
  const { rate } = gate
  if (rate !== null && nowMs < rate.cutAtMs + settings.rampCutEveryMs) return gate
  const tooMuchPerS = rateAt(gate, nowMs, settings) ?? seenPerS
  const perS = Math.max(tooMuchPerS * settings.rampCutFactor, settings.rampMinRatePerS)
  const liftedAtPerS = Math.max(tooMuchPerS, perS) * settings.rampEndFactor
  return { ...gate, rate: { perS, cutAtMs: nowMs, liftedAtPerS } }
}

/** The limit now, or null when there is none or it has grown past the rate that was too much. */
export function rateAt({ rate }: Gate, nowMs: number, settings: HealthSettings): number | null {
  if (rate === null) return null
  const seconds = Math.max(0, nowMs - rate.cutAtMs) / 1000
  const perS = rate.perS * (1 + settings.rampGrowthPerS) ** seconds
  return perS < rate.liftedAtPerS ? perS : null
}
