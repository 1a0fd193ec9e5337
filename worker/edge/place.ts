import type { ClientPlace } from '../../durable-objects/provider-health/place.ts'

export { namespaceAt, regionOf } from '../../durable-objects/provider-health/place.ts'

/**
 * The macro-region that a request comes from, in the words of `routes.json`: `eu`, `us`, `cn`, `na`, `sa`, `apac`, `me`,
 * `af`; `eu` is the EU and the EEA, `europe` the rest of the continent. Null: nobody says. Pure.
 */
export function macroRegionOf(cf: ClientPlace | undefined): string | null {
  const country = text(cf?.country)
  if (country === 'US') return 'us'
  if (country === 'CN') return 'cn'
  if (members.has(country)) return 'eu'
  if (middleEast.has(country)) return 'me'
  return byContinent[text(cf?.continent)] ?? null
}

/** Of `request.cf`, which test and local requests may lack. */
export function placeOf(request: Request): ClientPlace | undefined {
  return (request as { readonly cf?: ClientPlace }).cf
}

const byContinent: Readonly<Record<string, string>> = {
  EU: 'europe',
  NA: 'na',
  SA: 'sa',
  AS: 'apac',
  OC: 'apac',
  AF: 'af',
}

/** EU (27) and EEA (IS, LI, NO). */
const members = new Set(
  'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(
    ' ',
  ),
)

const middleEast = new Set('AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE'.split(' '))

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
