/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import { describe, expect, it } from 'vitest'
import { doubtsOf } from '../../../worker/edge/config-lint.ts'
import { ConfigurationError, describeProblems, readConfig } from '../../../worker/edge/config.ts'
import { createRuntime } from '../../../worker/edge/runtime.ts'

/** What the lint of a file says of rules that cover one another, and of routes, canaries and shadows that come to nothing. */

const keyed = (host: string, region: string, data: object = {}) => ({
  adapter: 'openai',
  baseUrl: `https://${host}/v1`,
  credential: { kind: 'bearer', secret: 'KEY', host },
  regions: [region],
  data,
})

/** A file that nothing is wrong with; each test lays something over it. */
const right = {
  providers: {
    us: keyed('us.example', 'us'),
    eu: keyed('eu.example', 'eu'),
    house: keyed('house.example', 'eu', { maxDataClass: 'internal' }),
  },
  targets: {
    'gpt-4.1@us': {},
    'gpt-4.1@eu': {},
    'gpt-4.1-mini@house': { maxConcurrent: 4 },
  },
  routes: {
    near: { tiers: [['gpt-4.1@eu']] },
    far: { tiers: [['gpt-4.1@us']] },
    both: { tiers: [['gpt-4.1@eu'], ['gpt-4.1@us']] },
  },
  tenants: { demo: {} } as object,
}

interface Said {
  /** What stops the start. */
  readonly errors: string
  readonly warnings: string
}

function said(more: object): Said {
  const read = readConfig({ ...right, ...more }, { local: false })
  if (!read.ok) return { errors: describeProblems(read.problems), warnings: '' }
  try {
    const runtime = createRuntime(read.config, read.version, {})
    return { errors: '', warnings: describeProblems(doubtsOf(runtime, 0)) }
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause
    return { errors: describeProblems(cause.problems), warnings: '' }
  }
}

const rule = (name: string, when: object, then: object) => ({ name, when, then })
const rules = (...all: (readonly [object, object])[]) => ({
  rules: all.map(([when, then], index) => rule(`r${index}`, when, then)),
})
const refuse = { refuse: { message: 'no' } }
const inUs = { constrain: { regions: ['us'] } }
const toFar = { route: 'far' }
const route = (more: object) => ({ routes: { ...right.routes, one: more } })
const pinned = (more: object = {}) => ({ tenants: { demo: { residency: 'eu', ...more } } })

it('has nothing to say of a file that is right', () => {
  expect(said({})).toEqual({ errors: '', warnings: '' })
  const fine = rules(
    [{ route: 'both' }, inUs],
    [{ route: 'near', not: { stream: true } }, toFar],
    [{ route: 'near', stream: true }, { dataClass: 'regulated' }],
  )
  expect(said(fine)).toEqual({ errors: '', warnings: '' })
})

describe('a rule behind one that refuses or routes all of its kind stops the start', () => {
  it.each<[string, object, object]>([
    ['one of several ways', { any: [{ class: 'code' }, { needs: 'tools' }] }, { class: 'code' }],
    ['the same needs', { needs: 'tools' }, { needs: 'tools', class: 'agentic' }],
    ['the same findings', { found: 'card' }, { found: 'card' }],
    ['the same "not"', { not: { class: 'code' } }, { not: { class: 'code' } }],
    ['any word', { channel: { glob: '*' } }, { channel: 'voice' }],
    ['words like it', { channel: { glob: 'voice-*' } }, { channel: 'voice-de' }],
    ['a number of a list', { tools: { in: [1, 2] } }, { tools: 1 }],
  ])('%s', (_what, first, second) => {
    const behind = 'rules[1]: is never reached: the rule "r0" before it refuses every request'
    expect(said(rules([first, refuse], [second, toFar])).errors).toContain(behind)
    const late = 'rules[1]: never decides: the rule "r0" before it routes every request'
    expect(said(rules([first, toFar], [second, { route: 'near' }])).errors).toContain(late)
  })

  it('and not where a third rule changes what is asked, however deep it is asked', () => {
    const any = { any: [{ class: 'code' }, { not: { class: 'chat' } }] }
    const three = rules([any, refuse], [{}, { class: 'code' }], [any, toFar])
    expect(said(three).errors).toBe('')
  })
})

describe('a condition that nothing meets stops the start', () => {
  it.each<[object, string]>([
    [{ class: 'code', not: { class: ['code', 'chat'] } }, 'its "not" leaves out all that it asks'],
    [{ class: 'code', any: [{ class: 'chat' }] }, 'it leaves out everything in its "any"'],
    [{ channel: 'fax', all: [{ channel: { glob: 'v*' } }] }, 'its tests of "channel" exclude'],
  ])('%j', (when, why) => {
    expect(said(rules([when, toFar])).errors).toContain(`rules[0].when: can never hold: ${why}`)
  })
})

describe('data that nobody may be sent', () => {
  const tiers = [['gpt-4.1-mini@house']]

  it('stops the start where it is all that a route or a tenant has', () => {
    expect(said(route({ tiers, dataClass: 'regulated' })).errors).toContain(
      'routes.one.dataClass: leaves no target of the route (found "regulated")',
    )
    expect(said(route({ tiers, dataClass: 'internal' })).errors).toBe('')
    const { house } = right.providers
    const only = { providers: { house }, targets: { 'gpt-4.1-mini@house': {} } }
    const careful = { tenants: { demo: { dataClass: 'confidential' } } }
    expect(said({ ...only, routes: { one: { tiers } }, ...careful }).errors).toContain(
      'tenants.demo.dataClass: leaves no target (found "confidential")',
    )
  })

  it('is a warning where a tier or a route of a tenant is left', () => {
    const late = route({ tiers: [['gpt-4.1@eu'], ...tiers], dataClass: 'regulated' })
    expect(said(late).warnings).toContain(
      'routes.one.tiers[1]: no target of this tier may be sent data that is regulated',
    )
    const tenants = { demo: { dataClass: 'confidential' } }
    expect(said({ ...route({ tiers }), tenants }).warnings).toContain(
      'tenants.demo.dataClass: leaves no target of "one"',
    )
  })
})

describe('what comes to nothing is a warning', () => {
  const one = { tiers: [['gpt-4.1@eu']] }
  const shadow = { target: 'gpt-4.1@us', share: 0.1, budgetUsdPerDay: 1 }
  const canary = { target: 'gpt-4.1@us', share: 0.1 }
  const inEu = { constraints: { regions: ['eu'] } }

  it.each<[string, object, string]>([
    [
      'a rule that wants a route where it has no target',
      rules([{ route: ['near', 'both'] }, inUs]),
      'rules[0].then.constrain: leaves no target of "near" (found {"regions":["us"]})',
    ],
    [
      'a rule that routes, and wants that route where it has no target',
      rules([{ class: 'code' }, { route: 'near', ...inUs }]),
      'rules[0].then.constrain: leaves no target of "near"',
    ],
    [
      'a rule that raises the data of a route too high',
      {
        ...route({ tiers: [['gpt-4.1-mini@house']] }),
        ...rules([{ route: 'one' }, { dataClass: 'regulated' }]),
      },
      'rules[0].then.dataClass: leaves no target of "one" (found "regulated")',
    ],
    [
      'a rule that leads a pinned tenant to a route without a target there',
      { ...pinned({ routes: ['near'] }), ...rules([{ size: 'small' }, toFar]) },
      'rules[0].then.route: leaves no target for the tenant "demo" (found "far")',
    ],
    [
      'a rule that wants a pinned tenant somewhere else',
      { ...pinned({ routes: ['near', 'both'] }), ...rules([{ size: 'small' }, inUs]) },
      'rules[0].then.constrain: leaves no target for the tenant "demo"',
    ],
    [
      'a canary that its route leaves out',
      route({ ...one, ...inEu, canary }),
      'routes.one.canary.target: is always left out by the constraints or the data class of its route',
    ],
    [
      'a canary in another place than all tenants',
      { ...route({ ...one, canary }), ...pinned({ routes: ['one'] }) },
      'routes.one.canary.target: is always left out: it may answer no tenant of this file that has the route',
    ],
    [
      'a shadow that its route leaves out',
      route({ ...one, ...inEu, shadow }),
      'routes.one.shadow.target: is always left out by the constraints or the data class of its route',
    ],
    [
      'a shadow of what is regulated',
      route({ ...one, dataClass: 'regulated', shadow }),
      'routes.one.shadow.target: is never asked: its route is regulated',
    ],
    [
      'a shadow where every tenant is pinned',
      {
        ...route({ ...one, shadow: { ...shadow, target: 'gpt-4.1-mini@house' } }),
        ...pinned({ routes: ['one'] }),
      },
      'routes.one.shadow.target: is never asked: every tenant of this file that has the route is pinned',
    ],
    [
      'capacity that is shared out while nobody says how much there is',
      { scarcity: {}, ...route({ tiers: [['gpt-4.1-mini@house'], ['gpt-4.1@us']] }) },
      'scarcity: keeps premium tenants as fast as ever only at targets that declare "maxConcurrent", and these do not (found ["gpt-4.1@eu","gpt-4.1@us"])',
    ],
  ])('%s', (_what, more, expected) => {
    const { errors, warnings } = said(more)
    expect(errors).toBe('')
    expect(warnings).toContain(expected)
  })

  it.each<[string, object]>([
    ['a canary that some tenant may use', { ...route({ ...one, canary }) }],
    ['a shadow of a tenant that is not pinned', { ...route({ ...one, shadow }) }],
    [
      'a rule for another tier than that of the pinned tenant',
      {
        ...pinned({ routes: ['near'], tier: 'premium' }),
        ...rules([{ tenantTier: 'batch' }, toFar]),
      },
    ],
    [
      'a rule for a route that the pinned tenant may not name',
      { ...pinned({ routes: ['near'] }), ...rules([{ route: 'both' }, toFar]) },
    ],
    [
      'capacity that is declared',
      { scarcity: {}, routes: { one: { tiers: [['gpt-4.1-mini@house']] } } },
    ],
  ])('and nothing is said of %s', (_what, more) => {
    expect(said(more)).toEqual({ errors: '', warnings: '' })
  })
})
