import type { HealthSettings } from '../settings.ts'

/** What is usual: a slow average of the p95 of quiet times. */
export interface Baseline {
  readonly p95: number
  readonly learnedAtMs: number
}

/**
 * Takes in the p95 of a batch. Upward slowly (half of the way in 24 h), downward fast (1 h): getting better is
 * believed at once, getting worse only when it lasts.
 */
export function learned(
  baseline: Baseline | null,
  p95: number,
  nowMs: number,
  settings: HealthSettings,
): Baseline {
  if (baseline === null) return { p95, learnedAtMs: nowMs }
  const gapMs = Math.min(Math.max(0, nowMs - baseline.learnedAtMs), settings.baselineMaxGapMs)
  const halfLifeMs =
    p95 > baseline.p95 ? settings.baselineUpHalfLifeMs : settings.baselineDownHalfLifeMs
  const share = 1 - 0.5 ** (gapMs / halfLifeMs)
  return { p95: baseline.p95 + (p95 - baseline.p95) * share, learnedAtMs: nowMs }
}

export function slowAfterMs(
  baseline: Baseline | null,
  overrideMs: number | undefined,
  settings: HealthSettings,
): number {
  if (overrideMs !== undefined) return overrideMs
  if (baseline === null) return settings.slowMaxMs
  const { slowFactor, slowMinMs, slowMaxMs } = settings
  return Math.min(Math.max(slowFactor * baseline.p95, slowMinMs), slowMaxMs)
}

export function abortAfterMs(
  slowMs: number,
  overrideMs: number | undefined,
  { abortFactor, abortMinMs, abortMaxMs }: HealthSettings,
): number {
  return overrideMs ?? Math.min(Math.max(abortFactor * slowMs, abortMinMs), abortMaxMs)
}
