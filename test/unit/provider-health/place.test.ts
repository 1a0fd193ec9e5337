import { describe, expect, it } from 'vitest'
import { objectName, readObjectName } from '../../../durable-objects/provider-health/object-name.ts'
import {
  jurisdictions,
  namespaceAt,
  regionOf,
  regions,
  withoutStandIn,
  type Jurisdiction,
  type ObjectNamespace,
} from '../../../durable-objects/provider-health/place.ts'

describe('regionOf()', () => {
  it.each([
    ['Berlin', { continent: 'EU', country: 'DE', colo: 'FRA' }, 'weur'],
    ['Lisbon', { continent: 'EU', country: 'PT' }, 'weur'],
    ['Warsaw', { continent: 'EU', country: 'PL' }, 'eeur'],
    ['Istanbul, which is in Asia by its file', { continent: 'AS', country: 'TR' }, 'eeur'],
    ['New York', { continent: 'NA', country: 'US', longitude: '-74.00600' }, 'enam'],
    ['Chicago', { continent: 'NA', country: 'US', longitude: '-87.6' }, 'enam'],
    ['Denver', { continent: 'NA', country: 'US', longitude: '-104.99' }, 'wnam'],
    ['Honolulu', { continent: 'NA', country: 'US', longitude: '-157.8' }, 'wnam'],
    ['San Jose, known by its colo alone', { continent: 'NA', colo: 'SJC' }, 'wnam'],
    ['Ashburn, known by its colo alone', { continent: 'NA', colo: 'IAD' }, 'enam'],
    ['Tokyo', { continent: 'AS', country: 'JP' }, 'apac'],
    ['Mumbai', { continent: 'AS', country: 'IN' }, 'apac'],
    ['Sydney', { continent: 'OC', country: 'AU' }, 'oc'],
    ['São Paulo, where no objects spawn', { continent: 'SA', country: 'BR' }, 'enam'],
    ['Lagos, where no objects spawn', { continent: 'AF', country: 'NG' }, 'weur'],
    ['Dubai, where no objects spawn', { continent: 'AS', country: 'AE' }, 'eeur'],
    ['the South Pole', { continent: 'AN' }, 'oc'],
  ])('puts %s where its objects are near', (_city, cf, region) => {
    expect(regionOf(cf)).toBe(region)
  })

  it('goes by the place of the person where it contradicts the colo', () => {
    expect(regionOf({ continent: 'NA', longitude: '-74', colo: 'SJC' })).toBe('enam')
  })

  it.each([
    undefined,
    {},
    { country: 'T1' },
    { continent: 7 },
    { continent: 'XX', country: null },
    { continent: 'NA', longitude: 'west' },
    { continent: 'NA', longitude: '' },
  ])('answers a region for %j, which says nothing', (cf) => {
    expect(regionOf(cf)).toBe('enam')
  })

  it('answers only regions in which objects spawn', () => {
    for (const continent of ['NA', 'SA', 'EU', 'AF', 'AS', 'OC', 'AN', ''])
      expect(regions).toContain(regionOf({ continent }))
  })
})

describe('namespaceAt()', () => {
  const at = (
    jurisdiction: Jurisdiction | null,
    local: boolean,
    fake = new FakeNamespace(),
  ): string => {
    const placed = namespaceAt(fake, { region: 'apac', jurisdiction }, { local })
    return placed.get(placed.idFromName('openai/apac'))
  }

  it('of an unpinned object is the plain one, with the location hint of its region', () => {
    expect(at(null, false)).toBe('plain openai/apac near apac')
    expect(at(null, true)).toBe('plain openai/apac near apac')
  })

  it.each(jurisdictions)('of a pinned object is that of its jurisdiction: %s', (jurisdiction) => {
    expect(at(jurisdiction, false)).toBe(`${jurisdiction} openai/apac near nothing`)
  })

  it('locally is a stand-in that says so in its name', () => {
    expect(at('eu', true)).toBe('plain stand-in-eu:openai/apac near nothing')
  })

  it('never falls back to the plain one when the jurisdiction cannot be had', () => {
    const fake = new FakeNamespace()
    fake.jurisdiction = () => {
      throw new Error('not implemented')
    }
    expect(() => at('eu', false, fake)).toThrow('not implemented')
  })

  it.each(['', 'EU', 'mars'])('refuses %j, which is no jurisdiction, locally as well', (name) => {
    expect(() => at(name as Jurisdiction, false)).toThrow(RangeError)
    expect(() => at(name as Jurisdiction, true)).toThrow(RangeError)
  })
})

describe('the name of an object', () => {
  it('carries provider and region and nothing else', () => {
    expect(objectName({ provider: 'azure-openai', region: 'eeur', jurisdiction: 'eu' })).toBe(
      'azure-openai/eeur',
    )
  })

  it('is read back by the object', () => {
    for (const region of regions) {
      const place = { provider: 'a.b_c-1', region, jurisdiction: null }
      expect(readObjectName(objectName(place), undefined)).toEqual(place)
    }
  })

  it('takes the jurisdiction from the id, or from the stand-in', () => {
    expect(readObjectName('openai/weur', 'eu').jurisdiction).toBe('eu')
    expect(readObjectName('stand-in-fedramp-high:openai/enam', undefined)).toEqual({
      provider: 'openai',
      region: 'enam',
      jurisdiction: 'fedramp-high',
    })
    expect(withoutStandIn('stand-in-eu:x')).toEqual({ name: 'x', jurisdiction: 'eu' })
  })

  it.each(['', 'openai', 'openai/mars', '/weur', 'openai/weur/tenant', 'Open AI/weur'])(
    'is no other: %j',
    (name) => {
      expect(() => readObjectName(name, undefined)).toThrow('another name')
    },
  )

  it.each(['a tenant', 'openai/weur', '', 'Ünder'])('is never made from %j', (provider) => {
    expect(() => objectName({ provider, region: 'weur', jurisdiction: null })).toThrow(RangeError)
  })
})

/** Stubs are texts that say where they lead. */
class FakeNamespace implements ObjectNamespace<string> {
  readonly #of: string

  constructor(of = 'plain') {
    this.#of = of
  }

  idFromName(name: string): never {
    return name as never
  }

  get(id: unknown, options?: { readonly locationHint?: string }): string {
    return `${this.#of} ${String(id)} near ${options?.locationHint ?? 'nothing'}`
  }

  jurisdiction(jurisdiction: Jurisdiction): FakeNamespace {
    return new FakeNamespace(jurisdiction)
  }
}
