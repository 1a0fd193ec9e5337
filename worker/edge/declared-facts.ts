import type { Candidate, DataFacts } from '../policy/candidate.ts'
import type { Config, ProviderConfig } from './config-schema.ts'

/** What the configuration declares of a target, for the constraints of the policy. */
export type DeclaredFacts = Pick<
  Candidate,
  'regions' | 'data' | 'qualityTier' | 'declaredCachedShare'
>

type TargetConfig = Config['targets'][string]

/** The target's own words over those of its provider. */
export function declaredFacts(
  target: TargetConfig,
  provider: ProviderConfig | undefined,
): DeclaredFacts {
  const regions = target.regions ?? provider?.regions ?? []
  const data = dataFacts({ ...provider?.data, ...target.data })
  return {
    regions,
    ...(data === null ? {} : { data }),
    ...(target.qualityTier === undefined ? {} : { qualityTier: target.qualityTier }),
    ...(target.cachedShare === undefined ? {} : { declaredCachedShare: target.cachedShare }),
  }
}

function dataFacts(declared: NonNullable<TargetConfig['data']>): DataFacts | null {
  if (Object.keys(declared).length === 0) return null
  const { retentionDays, training, zeroDataRetention, certifications, maxDataClass } = declared
  return {
    retentionDays: retentionDays ?? (zeroDataRetention === true ? 0 : null),
    training: training ?? null,
    zeroDataRetention: zeroDataRetention ?? null,
    certifications: certifications ?? [],
    maxDataClass,
  }
}
