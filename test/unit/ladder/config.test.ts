import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../worker/edge/config.ts'
import { fillTemplate, parseTemplate } from '../../../worker/edge/template.ts'
import { tiersOf } from '../../../worker/edge/tiers.ts'
import { fakeRuntime } from '../../support/fake-host.ts'
import { configOf } from './support.ts'

function problems(route: object, more: object = {}): string[] {
  const read = readConfig(configOf(route, more), { local: false })
  return read.ok ? [] : read.problems.map(({ path, rule }) => `${path} ${rule}`)
}

const smaller = [['gpt-4.1@openai'], { targets: ['m@backup'], intent: 'smaller' }]

describe('what can never work is refused when the file is read', () => {
  it.each<readonly [string, object, string]>([
    ['a rung twice', { degrade: ['cache', { rung: 'cache' }] }, 'degrade[1] stands there twice'],
    [
      'a smaller model that is not there',
      { degrade: ['smaller-model'] },
      'degrade[0] needs a tier with the intent "smaller" or "degraded"',
    ],
    [
      'nothing but smaller models',
      { degrade: ['smaller-model'], tiers: [{ targets: ['m@backup'], intent: 'degraded' }] },
      'degrade[0] needs a tier that is not',
    ],
    [
      'a field that there is not',
      { degrade: [{ rung: 'template', text: 'Hi {tenant}' }] },
      'degrade[0].text names a field that is not one of requestId, route, model, retryAfterS',
    ],
    [
      'a lonely brace',
      { degrade: [{ rung: 'template', text: 'Hi {' }] },
      'degrade[0].text a brace of the text itself is written twice',
    ],
    ['a template without a text', { degrade: ['template'] }, 'degrade[0] must be "cache"'],
    [
      'a cache that nobody asks',
      { cache: {} },
      'cache is asked by nobody: give it "mode": "first", or "cache" a place in "degrade"',
    ],
    ['a validation without a rule', { validate: { buffer: true } }, 'validate needs a rule'],
    [
      'a priority without scarcity',
      { priority: 'batch' },
      'priority means nothing without "scarcity" at the top of the file',
    ],
    [
      'a target of an intent that is not declared',
      { tiers: [{ targets: ['x@openai'], intent: 'smaller' }] },
      'tiers[0].targets[0] names a target that is not declared',
    ],
    ['an unknown intent', { tiers: [{ targets: ['m@backup'], intent: 'tiny' }] }, 'tiers[0]'],
  ])('%s', (_what, route, expected) => {
    expect(problems(route)).toEqual([expect.stringContaining(`routes.chat.${expected}`)])
  })

  it('and what can work is not', () => {
    const degrade = ['cache', 'smaller-model', 'shorter', { rung: 'template', text: '{{}}' }]
    const cache = { ttlSeconds: 60 }
    const validate = { schema: true, buffer: true }
    expect(problems({ tiers: smaller, degrade, cache, validate })).toEqual([])
    expect(problems({ priority: 'critical' }, { scarcity: {} })).toEqual([])
  })
})

describe('a tier with an intent', () => {
  it('keeps its intent where a tier before it has lost all its targets', () => {
    const tiers = [
      ['gpt-4.1@openai'],
      ['gpt-4.1@openai'],
      { targets: ['m@backup'], intent: 'smaller' },
    ]
    const route = fakeRuntime(configOf({ tiers })).routes.get('chat')
    expect(route && tiersOf(route)).toMatchObject({
      targets: [[{ target: 'gpt-4.1@openai', weight: 1 }], [{ target: 'm@backup', weight: 1 }]],
      intents: [null, 'smaller'],
    })
  })
})

describe('a template', () => {
  const values = { requestId: 'r', route: '{model}', model: 'm', retryAfterS: '3' }

  it('fills in each field once, and never what a value says', () => {
    const parsed = parseTemplate('{{x}} {requestId} {route}, {retryAfterS} s')
    expect(parsed.ok && fillTemplate(parsed.parts, values)).toBe('{x} r {model}, 3 s')
  })

  it.each(['{constructor}', '{__proto__}', '{ route }', '{route.length}', '}', '{}'])(
    'takes nothing but its fields: %s',
    (text) => {
      expect(parseTemplate(text).ok).toBe(false)
    },
  )
})

describe('routes without such options', () => {
  it('have no ladder; with scarcity everybody has one, also who names a target', () => {
    expect(fakeRuntime().ladders.size).toBe(0)
    const { ladders } = fakeRuntime(configOf({}, { scarcity: {} }))
    expect([...ladders.keys()]).toEqual(['chat', null])
  })
})
