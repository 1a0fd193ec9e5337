import { describe, expect, it } from 'vitest'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { isColoInside } from '../../../worker/edge/colos.ts'
import { readConfig } from '../../../worker/edge/config.ts'
import { macroRegionOf } from '../../../worker/edge/place.ts'
import { declaredTenants, PlaceConflict, Residencies } from '../../../worker/edge/residency.ts'
import { callerInside, checkAddress, checkBinding } from '../../../worker/edge/run/inside.ts'
import { createRuntime } from '../../../worker/edge/runtime.ts'
import {
  exclusionReason,
  forbiddenTargets,
  isInside,
} from '../../../worker/engine/pinned-targets.ts'

const file = {
  providers: {
    inside: provider('inside', ['eu']),
    outside: provider('outside', ['us']),
    both: provider('both', ['eu', 'us']),
    mute: provider('mute', []),
    ai: { adapter: 'workers-ai', binding: 'AI', credential: { kind: 'none' }, regions: ['eu'] },
    far: { adapter: 'workers-ai', binding: 'FAR', credential: { kind: 'none' } },
  },
  targets: {
    'm@inside': {},
    'm@outside': {},
    'm@both': {},
    'm@mute': {},
    'm@ai': {},
    'm@far': {},
    'eu-only@both': { regions: ['eu'] },
  },
  routes: { chat: { tiers: [['m@inside']] } },
  tenants: {
    free: {},
    pinned: { residency: 'eu' },
    strict: { residency: 'us', strict: true },
    forgetful: { residency: 'eu', storage: false },
  },
}

function provider(id: string, regions: readonly string[]) {
  const host = `${id}.example.com`
  const credential = { kind: 'bearer', secret: 'KEY', host }
  return { adapter: 'openai', baseUrl: `https://${host}/v1`, credential, regions }
}

function configured(change: object = {}) {
  const read = readConfig({ ...file, ...change }, { local: false })
  if (!read.ok) return { problems: read.problems, config: null, version: '' }
  return { problems: [], config: read.config, version: read.version }
}

function residencies(): Residencies {
  const { config } = configured()
  if (config === null) throw new Error('the configuration is refused')
  return new Residencies(declaredTenants(config.tenants))
}

const profile: KeyProfile = {
  tenantId: 'other',
  keyId: 'k',
  keyPath: ['k'],
  grant: everything,
  residency: null,
  isStrict: false,
  tier: null,
  storesAnswers: true,
  requiredTags: [],
  validForMs: 1000,
}
const caller = (tenant: string, more: Partial<KeyProfile> | null = {}) => ({
  tenant,
  keyId: 'k',
  profile: more === null ? null : { ...profile, ...more },
})

describe('where a tenant is', () => {
  it('is what routes.json says, with and without a word of its ledger', () => {
    const places = residencies()
    expect(['free', 'pinned', 'strict', 'nobody'].map((tenant) => places.of(tenant))).toEqual([
      null,
      'eu',
      'us',
      null,
    ])
    expect(places.ofCaller(caller('pinned', null))).toBe('eu')
    expect(places.ofCaller(caller('pinned'))).toBe('eu')
  })

  it('is what its ledger says where routes.json does not name it, from then on', () => {
    const places = residencies()
    expect(places.ofCaller(caller('other', { residency: 'us' }))).toBe('us')
    expect(places.of('other')).toBe('us')
    expect(places.ofCaller(caller('other'))).toBe('us')
  })

  it.each([
    ['free', 'eu'],
    ['pinned', 'us'],
    ['other', 'mars'],
  ])('is nowhere when two say different things: %s in %s', (tenant, residency) => {
    const places = residencies()
    expect(() => places.ofCaller(caller(tenant, { residency }))).toThrow(PlaceConflict)
    expect(() => places.of(tenant)).toThrow(PlaceConflict)
    expect(() => places.ofCaller(caller(tenant))).toThrow(PlaceConflict)
  })

  it('decides what may be kept: never against either word', () => {
    const places = residencies()
    expect(places.storesAnswers(caller('pinned'))).toBe(true)
    expect(places.storesAnswers(caller('pinned', { storesAnswers: false }))).toBe(false)
    expect(places.storesAnswers(caller('forgetful'))).toBe(false)
    expect(places.storesAnswers(caller('forgetful', null))).toBe(false)
    expect(places.storesAnswers(caller('free', null))).toBe(true)
  })

  it('is strict by either word', () => {
    const places = residencies()
    expect(places.isStrict(caller('strict', null))).toBe(true)
    expect(places.isStrict(caller('pinned'))).toBe(false)
    expect(places.isStrict(caller('pinned', { isStrict: true }))).toBe(true)
  })
})

describe('the configuration', () => {
  it('refuses a residency that no object can be pinned to, by path and rule', () => {
    const { problems } = configured({ tenants: { a: { residency: 'apac' } } })
    expect(problems).toMatchObject([{ path: 'tenants.a.residency', value: 'apac' }])
  })

  it('refuses to be strict about nothing', () => {
    const { problems } = configured({ tenants: { a: { strict: true } } })
    expect(problems).toMatchObject([{ path: 'tenants.a.strict' }])
  })

  it('refuses a webhook that is not reviewed like all that leaves', () => {
    const webhook = { url: 'http://10.0.0.1/x', secret: 'HOOK' }
    const routes = { chat: { ...file.routes.chat, jobs: { webhook } } }
    expect(configured({ routes }).problems).toMatchObject([
      { path: 'routes.chat.jobs.webhook.url' },
    ])
  })
})

describe('a data centre', () => {
  it.each([
    ['FRA', 'eu', true],
    ['BER', 'eu', true],
    ['ZRH', 'eu', false],
    ['LHR', 'eu', false],
    ['OSL', 'eu', false],
    ['IAD', 'eu', false],
    ['IAD', 'us', true],
    ['IAD', 'fedramp', true],
    ['YYZ', 'us', false],
    ['SJU', 'us', false],
    ['XXX', 'us', false],
    [null, 'eu', false],
  ] as const)('%s is inside of %s: %s', (colo, residency, isInside) => {
    expect(isColoInside(colo, residency)).toBe(isInside)
  })
})

describe('the region of a request', () => {
  it.each([
    [{ continent: 'EU', country: 'DE' }, 'eu'],
    [{ continent: 'EU', country: 'NO' }, 'eu'],
    [{ continent: 'EU', country: 'GB' }, 'europe'],
    [{ continent: 'NA', country: 'US' }, 'us'],
    [{ continent: 'NA', country: 'CA' }, 'na'],
    [{ continent: 'AS', country: 'CN' }, 'cn'],
    [{ continent: 'AS', country: 'JP' }, 'apac'],
    [{ continent: 'AS', country: 'AE' }, 'me'],
    [{ continent: 'OC', country: 'AU' }, 'apac'],
    [{ continent: 'AF', country: 'KE' }, 'af'],
    [{ continent: 'SA', country: 'BR' }, 'sa'],
    [{ continent: 5, country: null }, null],
    [{}, null],
    [undefined, null],
  ])('of %o is %s', (cf, region) => {
    expect(macroRegionOf(cf)).toBe(region)
  })
})

describe('inside of a jurisdiction', () => {
  const { config, version } = configured()
  if (config === null) throw new Error('the configuration is refused')
  const runtime = createRuntime(config, version, { KEY: 'secret' })

  it('only addresses of providers that are there alone are called', () => {
    expect(() => checkAddress(runtime, 'eu', 'https://inside.example.com/v1/chat')).not.toThrow()
    for (const url of [
      'https://outside.example.com/v1/chat',
      'https://mute.example.com/v1/chat',
      'https://inside.example.com.evil.example/v1/chat',
      'https://inside.example.com/v1',
      'https://inside.example.com/v10/chat',
    ])
      expect(() => checkAddress(runtime, 'eu', url), url).toThrow()
    // One target of it declares that it is inside alone; which of them is called is for the plan.
    expect(() => checkAddress(runtime, 'eu', 'https://both.example.com/v1/chat')).not.toThrow()
    expect(() => checkAddress(runtime, 'us', 'https://inside.example.com/v1/chat')).toThrow()
  })

  it('only bindings of providers that are there are called', () => {
    expect(() => checkBinding(runtime, 'eu', 'AI')).not.toThrow()
    expect(() => checkBinding(runtime, 'eu', 'FAR')).toThrow()
    expect(() => checkBinding(runtime, 'us', 'AI')).toThrow()
  })

  it('a caller has no region but that one, whatever its key has', () => {
    const regionsOf = (grant: Partial<KeyProfile['grant']>) =>
      callerInside(caller('pinned', { grant: { ...everything, ...grant } }), 'eu').profile?.grant
        .regions
    expect(regionsOf({})).toEqual(['eu'])
    expect(regionsOf({ regions: ['eu', 'us'] })).toEqual(['eu'])
    expect(regionsOf({ regions: ['us'] })).toEqual([])
    expect(callerInside(caller('pinned', null), 'eu').profile).toMatchObject({
      residency: 'eu',
      grant: { regions: ['eu'] },
    })
  })
})

describe('a target for a pinned tenant', () => {
  it.each([
    [['eu'], true],
    [['eu', 'eu'], true],
    [['eu', 'us'], false],
    [['us'], false],
    [[], false],
  ])('in %o is inside of the EU: %s', (regions, inside) => {
    expect(isInside(regions, 'eu')).toBe(inside)
  })

  it('is left out for its place, or for the key', () => {
    const pinned = { ...profile, residency: 'eu' }
    expect(exclusionReason(pinned, ['us'])).toBe('it does not process in "eu" alone')
    expect(exclusionReason(pinned, ['eu'])).toBe('the key that asks may not use it')
    expect(exclusionReason(profile, ['us'])).toBe('the key that asks may not use it')
  })

  it('is missing: 451 where none is inside, 403 where the key may use none of those', () => {
    const pinned = { ...profile, residency: 'eu' }
    expect(forbiddenTargets('m', pinned, [['us'], []])).toMatchObject({
      code: 'region_unavailable',
      status: 451,
    })
    expect(forbiddenTargets('m', pinned, [['us'], ['eu']])).toMatchObject({ status: 403 })
    expect(forbiddenTargets('m', profile, [['us']])).toMatchObject({ code: 'route_forbidden' })
  })
})
