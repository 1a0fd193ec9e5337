import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../worker/edge/config.ts'
import { rankingOf } from '../../../worker/edge/compile-ranking.ts'
import { tiersOf } from '../../../worker/edge/tiers.ts'
import { settings } from '../../support/fake-host.ts'

const [a, b] = ['gpt-4.1@openai', 'm@backup'] as const

const read = (route: object, targets: object = {}) =>
  readConfig(
    {
      ...settings,
      targets: { ...settings.targets, ...targets },
      routes: { chat: { tiers: [[a]], ...route } },
    },
    { local: false },
  )

function problems(route: object, targets: object = {}): string[] {
  const result = read(route, targets)
  return result.ok ? [] : result.problems.map(({ path, rule }) => `${path}: ${rule}`)
}

function compiled(route: object, targets: object = {}) {
  const result = read(route, targets)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const chat = result.config.routes['chat']
  if (chat === undefined) throw new Error('no route')
  return { ranking: rankingOf('chat', chat, result.config), tiers: tiersOf(chat).targets }
}

const canary = (more: object = {}) => ({ canary: { target: b, share: 0.1, ...more } })

describe('the options of a route’s order', () => {
  it.each<[string, object, object, string]>([
    [
      'an objective that is none',
      { objective: 'cheap' },
      {},
      'routes.chat.objective: Invalid option: expected one of "weighted"',
    ],
    ['a balance of nothing', { objective: { balanced: { cost: 0 } } }, {}, 'routes.chat.objective'],
    [
      'an objective of a tier that is none',
      { tiers: [{ targets: [a], objective: 'best' }] },
      {},
      'routes.chat.tiers',
    ],
    [
      'affinity by what is none',
      { affinity: 'user' },
      {},
      'routes.chat.affinity: Invalid option: expected one of "session"',
    ],
    [
      'affinity with nothing to choose',
      { affinity: 'session', objective: 'priority' },
      {},
      'routes.chat.affinity: has nothing to choose',
    ],
    [
      'a canary that is not declared',
      canary({ target: 'x@openai' }),
      {},
      'routes.chat.canary.target: names a target that is not declared',
    ],
    [
      'a canary with nothing beside it',
      canary({ target: a }),
      {},
      'routes.chat.canary.target: needs another target',
    ],
    ['a canary of no requests', canary({ share: 0 }), {}, 'routes.chat.canary.share'],
    ['a canary of most requests', canary({ share: 0.6 }), {}, 'routes.chat.canary.share'],
    [
      'a floor above all',
      { floors: { schemaValidity: 1.1 } },
      {},
      'routes.chat.floors.schemaValidity',
    ],
    [
      'a floor of too few samples',
      { floors: { minSamples: 1 } },
      {},
      'routes.chat.floors.minSamples',
    ],
    [
      'a reserve of nothing',
      {},
      { [b]: { reserved: {} } },
      'targets["m@backup"].reserved: must declare',
    ],
    [
      'a misspelt option',
      { canary: { target: b, share: 0.1, percent: 10 } },
      {},
      'routes.chat.canary',
    ],
  ])('refuse %s, by path and rule', (_what, route, targets, expected) => {
    expect(problems(route, targets).join('\n')).toContain(expected)
  })

  it('cost a route without them nothing', () => {
    expect(compiled({}).ranking).toBeUndefined()
  })

  it('give each tier its own objective, else that of the route', () => {
    const { ranking } = compiled({
      tiers: [[a], { targets: [b], objective: 'cheapest' }],
      objective: 'fastest',
    })
    expect(ranking?.objectives).toEqual([{ by: 'fastest' }, { by: 'cheapest' }])
    expect(ranking?.needsMeasured).toBe(true)
    expect(compiled({ objective: 'priority' }).ranking?.needsMeasured).toBeUndefined()
  })

  it('put a canary that no tier lists into the first, by no weight of its own', () => {
    expect(compiled(canary()).tiers).toEqual([
      [
        { target: a, weight: 1 },
        { target: b, weight: 0 },
      ],
    ])
    const listed = compiled({ tiers: [[a], [b]], ...canary() })
    expect(listed.tiers).toEqual([[{ target: a, weight: 1 }], [{ target: b, weight: 1 }]])
    expect(listed.ranking?.canary?.isListed).toBe(true)
  })

  it.each<[string, object, object]>([
    ['share', canary({ share: 0.2 }), {}],
    ['run', canary({ run: '2' }), {}],
    ['tiers', { tiers: [[a], ['m@third']], ...canary() }, {}],
    ['model behind the canary', canary(), { [b]: { upstreamModel: 'm-2' } }],
  ])('name another trial for another %s', (_what, route, targets) => {
    const trial = compiled(canary()).ranking?.canary?.trial
    expect(trial).toMatch(/^chat\/[0-9a-f]{14}$/)
    expect(compiled(route, targets).ranking?.canary?.trial).not.toBe(trial)
  })

  it('name the same trial after a change elsewhere', () => {
    const trial = compiled(canary()).ranking?.canary?.trial
    const changed = compiled({ ...canary(), description: 'chat', limits: { maxAttempts: 2 } })
    expect(changed.ranking?.canary?.trial).toBe(trial)
  })
})
