/**
 * Whether a target on trial (a canary) fails more often than what it stands beside.
 *
 * A sequential probability-ratio test (Wald 1945) over failed calls alone. Were both sides equal, each failed call
 * would be the canary's with the canary's share q of all calls; were the canary to fail `worseRatio` times as often,
 * with q r / (1 - q + q r). The ratio of the two likelihoods is a martingale while both are equal, so it ever
 * exceeds `proof` with a probability of at most 1 / `proof` (0.4 %), however often it is looked at. Once, when the
 * canary has had `lookAtCalls`, it is also looked at by itself: that so many of the failures would be the canary's
 * by chance must not be rarer than `lookRarity` (0.4 %), which finds what is worse a little sooner than the ratio.
 * Together less than 1 % of the trials of equal targets are ever stopped. Nobody has to know how often calls fail at
 * all. Pure counts: reports may come late, shuffled and added up.
 */

/** Calls of one side, and those of them that came to nothing good. */
export interface SideCounts {
  readonly calls: number
  readonly bad: number
}

export interface TrialCounts {
  readonly canary: SideCounts
  readonly control: SideCounts
}

/** How far a trial has come. */
export interface TrialCourse extends TrialCounts {
  /** The one look of its own is over. */
  readonly hasLooked: boolean
  readonly isWorse: boolean
}

/** Of a trial that has just begun. */
export const newCourse: TrialCourse = {
  canary: { calls: 0, bad: 0 },
  control: { calls: 0, bad: 0 },
  hasLooked: false,
  isWorse: false,
}

/** The canary fails so many times as often: what the test is built to find. */
const worseRatio = 2

/** How much likelier "worse" has to be than "equal". */
export const proof = 250

/** Calls of the canary at the one look; reports come in lots, and five hundred is what is promised. */
const lookAtCalls = 450
const lookRarity = 0.004

/** Logarithm of how much likelier the counts are if the canary is worse than if both are equal; 0 while nothing is known. */
export function evidenceAgainst({ canary, control }: TrialCounts): number {
  if (canary.calls === 0 || control.calls === 0) return 0
  const share = shareOf({ canary, control })
  const worse = (share * worseRatio) / (1 - share + share * worseRatio)
  return canary.bad * Math.log(worse / share) + control.bad * Math.log((1 - worse) / (1 - share))
}

/** The canary's share of all calls. */
function shareOf({ canary, control }: TrialCounts): number {
  return canary.calls / (canary.calls + control.calls)
}

/**
 * The trial with more calls. Twice as much evidence for the canary as would stop it against it is halved: an outage
 * of the other side long ago must not shield a canary that begins to fail today.
 */
export function withCalls(before: TrialCourse, more: TrialCounts): TrialCourse {
  const side = (a: SideCounts, b: SideCounts) => ({ calls: a.calls + b.calls, bad: a.bad + b.bad })
  let counts: TrialCounts = {
    canary: side(before.canary, more.canary),
    control: side(before.control, more.control),
  }
  while (evidenceAgainst(counts) < -2 * Math.log(proof)) counts = halved(counts)
  const looksNow = !before.hasLooked && counts.canary.calls >= lookAtCalls
  const isWorse =
    before.isWorse ||
    evidenceAgainst(counts) >= Math.log(proof) ||
    (looksNow && rarityOf(counts) <= lookRarity)
  return { ...counts, hasLooked: before.hasLooked || looksNow, isWorse }
}

function halved({ canary, control }: TrialCounts): TrialCounts {
  const half = ({ calls, bad }: SideCounts) => ({ calls: calls / 2, bad: bad / 2 })
  return { canary: half(canary), control: half(control) }
}

/** How often chance alone would give the canary so many of the failures, or more: the tail of a binomial distribution. */
export function rarityOf(counts: TrialCounts): number {
  const failures = Math.round(counts.canary.bad + counts.control.bad)
  const own = Math.round(counts.canary.bad)
  const share = shareOf(counts)
  if (own === 0 || !(share > 0) || share >= 1) return 1
  let log = own * Math.log(share) + (failures - own) * Math.log(1 - share)
  for (let at = 1; at <= own; at += 1) log += Math.log((failures - own + at) / at)
  let term = Math.exp(log)
  let sum = 0
  for (let at = own; at <= failures && term > 0; at += 1) {
    sum += term
    term *= ((failures - at) / (at + 1)) * (share / (1 - share))
  }
  return Math.min(1, sum)
}

/** `30 of 210 calls failed, and 41 of 1900 beside it`. */
export function trialSentence({ canary, control }: TrialCounts): string {
  const of = ({ calls, bad }: SideCounts) => `${Math.round(bad)} of ${Math.round(calls)}`
  return `${of(canary)} calls failed, and ${of(control)} beside it`
}
