import { isTokenCount } from '../../canonical/usage.ts'
import type { WorstCaseRules } from './worst-case.ts'

/**
 * What prompts really cost, as a share of their bound by bytes: for each model the share that all but a few of the
 * last requests stayed within. Good for soft budgets only. A hard one counts bytes, which are proven.
 */
export interface CalibrationSettings {
  /** So many of a hundred requests cost no more than what is learned. */
  readonly percentile: number
  /** Below this much weight nothing is known. */
  readonly leastWeight: number
  /** After so many requests an old one counts half. */
  readonly halfLifeRequests: number
  /** A bound below this is mostly what stands around messages, and says little of text. */
  readonly leastBoundTokens: number
  /** Steps that shares are counted in, hundredths of a percent. */
  readonly stepBasisPoints: number
  readonly maxModels: number
}

export const defaultCalibrationSettings: CalibrationSettings = {
  percentile: 99,
  leastWeight: 50,
  halfLifeRequests: 500,
  leastBoundTokens: 200,
  stepBasisPoints: 200,
  maxModels: 512,
}

interface Shares {
  /** Weight by step: [n] is of shares up to (n + 1) steps. */
  readonly weights: Float64Array
  total: number
}

/** Plain data of one isolate, changed in place. */
export interface Calibration {
  readonly settings: CalibrationSettings
  /** By `model@provider`, least lately used first. */
  readonly models: Map<string, Shares>
}

/** All of the bound. */
const whole = 10_000

export function newCalibration(
  settings: CalibrationSettings = defaultCalibrationSettings,
): Calibration {
  return { settings, models: new Map() }
}

export interface Observation {
  /** `model@provider`. */
  readonly target: string
  /** By bytes; of a prompt of text alone. */
  readonly boundTokens: number
  /** What the provider reported. */
  readonly inputTokens: number | undefined
}

/** Learns from a request that has ended. A count that cannot be true teaches nothing. */
export function observe(calibration: Calibration, seen: Observation): void {
  const { settings } = calibration
  const { boundTokens, inputTokens } = seen
  if (!isTokenCount(inputTokens) || inputTokens === 0) return
  if (!isTokenCount(boundTokens) || boundTokens < settings.leastBoundTokens) return
  const shares = sharesOf(calibration, seen.target)
  const kept = 0.5 ** (1 / settings.halfLifeRequests)
  for (let step = 0; step < shares.weights.length; step++)
    shares.weights[step] = (shares.weights[step] ?? 0) * kept
  const share = Math.min(whole, Math.ceil((inputTokens / boundTokens) * whole))
  const step = Math.max(0, Math.ceil(share / settings.stepBasisPoints) - 1)
  shares.weights[step] = (shares.weights[step] ?? 0) + 1
  shares.total = shares.total * kept + 1
}

/** The learned share of the bound, hundredths of a percent; all of it where too little is known. */
export function learnedBasisPoints({ settings, models }: Calibration, target: string): number {
  const shares = models.get(target)
  if (shares === undefined || shares.total < settings.leastWeight) return whole
  const enough = (shares.total * settings.percentile) / 100
  let below = 0
  for (const [step, weight] of shares.weights.entries()) {
    below += weight
    if (below >= enough) return Math.min(whole, (step + 1) * settings.stepBasisPoints)
  }
  return whole
}

/**
 * The rules to count a request by. `hasHardBudget`: some scope of it has one, or nobody has said yet; then, and for a
 * strict tenant, nothing that was learned is used.
 */
export function rulesFor(
  calibration: Calibration,
  base: WorstCaseRules,
  request: {
    readonly target: string
    readonly boundTokens: number
    readonly hasHardBudget: boolean
    readonly isStrict: boolean
  },
): WorstCaseRules {
  const { defaultOutputTokens, leastOutputTokens } = base
  if (request.hasHardBudget || request.isStrict)
    return { isStrict: true, defaultOutputTokens, leastOutputTokens }
  const basisPoints = learnedBasisPoints(calibration, request.target)
  const estimate = { inputTokens: request.boundTokens, basisPoints }
  return { isStrict: false, defaultOutputTokens, leastOutputTokens, estimate }
}

function sharesOf({ settings, models }: Calibration, target: string): Shares {
  const known = models.get(target)
  const shares = known ?? {
    weights: new Float64Array(Math.ceil(whole / settings.stepBasisPoints)),
    total: 0,
  }
  models.delete(target)
  models.set(target, shares)
  for (const oldest of models.keys()) {
    if (models.size <= settings.maxModels) break
    models.delete(oldest)
  }
  return shares
}
