/**
 * Where an object is: near a region, so that its callers have a short way, or inside a jurisdiction, so that
 * nothing leaves it.
 */

/**
 * Cloudflare's location hints in which objects really spawn. `sam`, `afr` and `me` are accepted and spawn nearby
 * (developers.cloudflare.com/durable-objects/reference/data-location, read 2026-11-20).
 */
export const regions = ['wnam', 'enam', 'weur', 'eeur', 'apac', 'oc'] as const

export type Region = (typeof regions)[number]

export const jurisdictions = ['eu', 'us', 'fedramp', 'fedramp-high'] as const

export type Jurisdiction = (typeof jurisdictions)[number]

/** Where the objects of a jurisdiction are named as being: one for all that ask from inside of it. */
export function homeRegionOf(jurisdiction: Jurisdiction): Region {
  return jurisdiction === 'eu' ? 'weur' : 'enam'
}

export interface Whereabouts {
  readonly region: Region
  /** Null: anywhere, best near the region. */
  readonly jurisdiction: Jurisdiction | null
}

/** As much of `request.cf` as a region is read from; all of it may be absent. */
export interface ClientPlace {
  readonly continent?: unknown
  readonly country?: unknown
  readonly colo?: unknown
  readonly longitude?: unknown
}

/** Taken when nothing is known of a caller: most providers answer from there. */
const regionOfNobody: Region = 'enam'

/** The macro-region a request comes from. Pure; strings that mean nothing count as absent. */
export function regionOf(cf: ClientPlace | undefined): Region {
  const country = text(cf?.country)
  switch (text(cf?.continent)) {
    case 'NA':
      return isWestOfAmerica(text(cf?.longitude), text(cf?.colo)) ? 'wnam' : 'enam'
    case 'SA':
      return 'enam'
    case 'EU':
      return easternEurope.has(country) ? 'eeur' : 'weur'
    case 'AF':
      return 'weur'
    case 'AS':
      return nearEast.has(country) ? 'eeur' : 'apac'
    case 'OC':
    case 'AN':
      return 'oc'
    default:
      return regionOfNobody
  }
}

/** As much of a Durable Object namespace as is used here, and as `itty-durable` takes for one. */
export interface ObjectNamespace<Stub = unknown> {
  idFromName(name: string): DurableObjectId
  get(id: DurableObjectId, options?: DurableObjectNamespaceGetDurableObjectOptions): Stub
  jurisdiction(jurisdiction: Jurisdiction): ObjectNamespace<Stub>
}

export type PlacedNamespace<Stub> = Pick<ObjectNamespace<Stub>, 'idFromName' | 'get'>

/**
 * The one function that chooses the namespace of an object, whatever its class. On Cloudflare a jurisdiction that
 * cannot be had throws: nothing falls back to the plain namespace. Locally, where workerd knows no jurisdictions
 * ("Jurisdiction restrictions are not implemented in workerd."), the object's name says that it is a stand-in.
 * The runtime asks a failed call again, by default for ten seconds; here for as long as a report is worth sending.
 */
export function namespaceAt<Stub>(
  namespace: ObjectNamespace<Stub>,
  { region, jurisdiction }: Pick<Whereabouts, 'jurisdiction'> & { readonly region: Region | null },
  { local }: { readonly local: boolean },
): PlacedNamespace<Stub> {
  if (jurisdiction === null) {
    return {
      idFromName: (name) => namespace.idFromName(name),
      // Without a region: near whoever asks first.
      get: (id) => namespace.get(id, region === null ? { retry } : { locationHint: region, retry }),
    }
  }
  if (!jurisdictions.includes(jurisdiction))
    throw new RangeError(`a jurisdiction is one of ${jurisdictions.join(', ')}`)
  if (local) {
    return {
      idFromName: (name) => namespace.idFromName(standInName(jurisdiction, name)),
      get: (id) => namespace.get(id, { retry }),
    }
  }
  const pinned = namespace.jurisdiction(jurisdiction)
  return {
    idFromName: (name) => pinned.idFromName(name),
    get: (id) => pinned.get(id, { retry }),
  }
}

const retry = { maxRetries: 2, timeoutMs: 3000 }

const standInPrefix = 'stand-in-'

function standInName(jurisdiction: Jurisdiction, name: string): string {
  return `${standInPrefix}${jurisdiction}:${name}`
}

/** Undoes what `namespaceAt` does to a name locally. */
export function withoutStandIn(name: string): {
  readonly name: string
  readonly jurisdiction: Jurisdiction | null
} {
  const jurisdiction = jurisdictions.find((one) => name.startsWith(`${standInPrefix}${one}:`))
  if (jurisdiction === undefined) return { name, jurisdiction: null }
  return { name: name.slice(standInName(jurisdiction, '').length), jurisdiction }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Between the hints' cities (San Jose and Ashburn) lies the middle of the continent, degrees. */
const middleOfAmerica = -100

function isWestOfAmerica(longitude: string, colo: string): boolean {
  const degrees = longitude === '' ? Number.NaN : Number(longitude)
  return Number.isNaN(degrees) ? westernColos.has(colo) : degrees < middleOfAmerica
}

const westernColos = new Set(
  'ABQ ANC BOI DEN GDL HNL LAS LAX OAK PDX PHX SAN SEA SFO SJC SLC SMF TIJ TUS YVR YXE YYC'.split(
    ' ',
  ),
)

const easternEurope = new Set(
  'AL BA BG BY CY EE GR HR HU LT LV MD ME MK PL RO RS RU SI SK TR UA XK'.split(' '),
)

/** `me`, the Caucasus and Central Asia: objects for them spawn in Eastern Europe sooner than in Singapore. */
const nearEast = new Set(
  'AE AM AZ BH CY GE IL IQ IR JO KG KW KZ LB OM PS QA SA SY TJ TM TR UZ YE'.split(' '),
)
