/**
 * The lowest share that `hits` of `trials` still allow, by the one-sided Wilson score interval:
 * five of five say "at least 65 %", one of one says "at least 27 %". No trials say nothing: 0.
 */
export function wilsonLowerBound(hits: number, trials: number, z: number): number {
  if (trials <= 0) return 0
  const share = hits / trials
  const zSquared = z * z
  const centre = share + zSquared / (2 * trials)
  const spread = z * Math.sqrt((share * (1 - share)) / trials + zSquared / (4 * trials * trials))
  return (centre - spread) / (1 + zSquared / trials)
}
