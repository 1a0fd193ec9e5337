import { regions, withoutStandIn, type Region, type Whereabouts } from './place.ts'

/** One object: a provider, as it is seen from a region or inside a jurisdiction. */
export interface HealthPlace extends Whereabouts {
  readonly provider: string
}

const providerForm = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Provider and region and nothing else: names are logged by the platform, outside any jurisdiction. */
export function objectName({ provider, region }: HealthPlace): string {
  if (!providerForm.test(provider))
    throw new RangeError('an object of provider health is named by a provider of the configuration')
  return `${provider}/${region}`
}

/** What an object is called, read back by the object itself. `pinnedTo` is the jurisdiction of its id. */
export function readObjectName(fullName: string, pinnedTo: string | undefined): HealthPlace {
  const { name, jurisdiction } = withoutStandIn(fullName)
  const [provider = '', region, ...rest] = name.split('/')
  if (!providerForm.test(provider) || !isRegion(region) || rest.length > 0)
    throw new Error('an object of provider health has another name than "provider/region"')
  return {
    provider,
    region,
    jurisdiction: (pinnedTo as HealthPlace['jurisdiction'] | undefined) ?? jurisdiction,
  }
}

function isRegion(region: string | undefined): region is Region {
  return regions.includes(region as Region)
}
