import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { chosenTiers } from '../../../worker/edge/chosen-tiers.ts'
import { readConfig } from '../../../worker/edge/config.ts'
import { intentDoubts } from '../../../worker/edge/intent-lint.ts'
import { createRuntime, type Runtime } from '../../../worker/edge/runtime.ts'
import { provider } from '../../support/fake-host.ts'

/** Tiers that say why they are there, and leave it to the gateway which targets that are. */

const targets = {
  'gpt-4.1-mini@one': { qualityTier: 2 },
  'gpt-4.1@one': { qualityTier: 4 },
  'gpt-4.1-nano@two': { qualityTier: 1 },
  'gpt-4.1@two': { qualityTier: 4 },
  'gpt-4o@three': { qualityTier: 3 },
  'claude-haiku-4-5@four': { qualityTier: 2 },
  'gpt-oss-120b@one': { free: true },
}

function file(tiers: readonly unknown[], route: object = {}, more: object = {}) {
  return {
    ledger: { mode: 'off' },
    providers: {
      one: provider('openai', 'one.example'),
      two: provider('openai', 'two.example'),
      three: provider('openai', 'three.example'),
      four: provider('anthropic', 'four.example'),
    },
    targets: { ...targets, ...more },
    routes: { chat: { tiers, ...route } },
    tenants: { demo: {} },
  }
}

function read(raw: object): { readonly runtime: Runtime; readonly lines: readonly string[] } {
  const result = readConfig(raw, { local: false })
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  const runtime = createRuntime(result.config, result.version, {})
  return { runtime, lines: chosenTiers(result.config, runtime.config) }
}

function tiersOf(...from: Parameters<typeof file>): readonly (readonly string[])[] {
  const { runtime } = read(file(...from))
  return (runtime.tiers.get('chat') ?? []).map((tier) => tier.map(({ target }) => target))
}

/** What the file is refused for. */
function refusal(...from: Parameters<typeof file>): string {
  const raw = file(...from)
  const result = readConfig(raw, { local: false })
  if (!result.ok) return JSON.stringify(result.problems)
  try {
    createRuntime(result.config, result.version, {})
    return ''
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}

describe('a tier without targets takes', () => {
  it('the same family elsewhere: the same model first, then the rest in the order of the file', () => {
    expect(tiersOf([['gpt-4.1@one'], { intent: 'same-family' }])).toEqual([
      ['gpt-4.1@one'],
      ['gpt-4.1@two', 'gpt-4.1-nano@two', 'gpt-4o@three'],
    ])
  })

  it('nothing at a provider of the first tier, which is down whenever that is', () => {
    const tiers = tiersOf([['gpt-4.1@one', 'gpt-4.1@two'], { intent: 'same-family' }])
    expect(tiers[1]).toEqual(['gpt-4o@three'])
  })

  it('what costs less than all of the first tier, the nearest first', () => {
    // For 3,000 tokens in and 1,000 out: 14, 17.5, 2.8, 0.7 and 8 thousandths of a USD.
    expect(tiersOf([['gpt-4.1@one'], { intent: 'cheaper' }])[1]).toEqual([
      'claude-haiku-4-5@four',
      'gpt-4.1-mini@one',
      'gpt-4.1-nano@two',
      'gpt-oss-120b@one',
    ])
    expect(tiersOf([['gpt-4.1@one', 'gpt-4.1-mini@one'], { intent: 'cheaper' }])[1]).toEqual([
      'gpt-4.1-nano@two',
      'gpt-oss-120b@one',
    ])
  })

  it('the smaller of the same family, the best of them first', () => {
    expect(tiersOf([['gpt-4.1@one'], { intent: 'smaller' }])[1]).toEqual([
      'gpt-4o@three',
      'gpt-4.1-mini@one',
      'gpt-4.1-nano@two',
    ])
  })

  it('what is less of any family, where it is a degraded one', () => {
    expect(tiersOf([['gpt-4.1@one'], { intent: 'degraded' }])[1]).toEqual([
      'gpt-4o@three',
      'gpt-4.1-mini@one',
      'claude-haiku-4-5@four',
      'gpt-4.1-nano@two',
    ])
  })

  it('nothing that the route names, that an earlier tier took, or that is on trial', () => {
    const canary = { target: 'gpt-4o@three', share: 0.1 }
    const tiers = [
      ['gpt-4.1@one'],
      { intent: 'same-family' },
      { intent: 'degraded' },
      ['claude-haiku-4-5@four'],
    ]
    expect(tiersOf(tiers, { canary }).map((tier) => tier.join())).toEqual([
      'gpt-4.1@one,gpt-4o@three',
      'gpt-4.1@two,gpt-4.1-nano@two',
      'gpt-4.1-mini@one',
      'claude-haiku-4-5@four',
    ])
  })

  it('what says its family itself', () => {
    const more = { 'house@four': { family: 'gpt' } }
    expect(tiersOf([['gpt-4.1@one'], { intent: 'same-family' }], {}, more)[1]).toContain(
      'house@four',
    )
  })
})

describe('the order in which targets were chosen', () => {
  const tiers = [['gpt-4.1@one'], { intent: 'cheaper' }]
  const objectives = (route: object, tier: object = {}) =>
    read(
      file([['gpt-4.1@one'], { intent: 'cheaper', ...tier }], route),
    ).runtime.policies.routes.get('chat')?.ranking?.objectives

  it('stands, where nobody asks for another', () => {
    expect(objectives({})).toEqual([null, { by: 'priority' }])
    expect(objectives({ objective: 'fastest' })).toEqual([{ by: 'fastest' }, { by: 'fastest' }])
    expect(objectives({}, { objective: 'cheapest' })).toEqual([null, { by: 'cheapest' }])
  })

  it('is that of the file, whatever the secrets of a deployment', () => {
    const raw = file(tiers)
    const result = readConfig(raw, { local: false })
    if (!result.ok) throw new Error('it is refused')
    const filled = [{}, { UPSTREAM_KEY: 'secret' }].map(
      (variables) => createRuntime(result.config, result.version, variables).config.routes,
    )
    expect(filled[0]).toEqual(filled[1])
  })
})

describe('a file is refused', () => {
  it.each<[string, readonly unknown[], object, string]>([
    [
      'where nothing fits',
      [['gpt-4.1-nano@two'], { intent: 'cheaper' }],
      { 'gpt-oss-120b@one': {} },
      'routes.chat.tiers[1].intent: finds no target in this file that the route does not name already and that is cheaper than the first tier',
    ],
    [
      'where all that fits is taken',
      [['gpt-4.1@one'], { intent: 'same-family' }, { intent: 'same-family' }],
      {},
      'routes.chat.tiers[2].intent: finds no target in this file that the route does not name already and that is of the family "gpt" at another provider',
    ],
    [
      'where the first tier leaves it open, too',
      [{ intent: 'cheaper' }, ['gpt-4.1@one']],
      {},
      'routes.chat.tiers[0].intent: needs "targets" on the first tier',
    ],
    [
      'where nobody knows the family of the first tier',
      [['house@four'], { intent: 'same-family' }],
      { 'house@four': {} },
      'routes.chat.tiers[1].intent: cannot choose targets by itself: nobody knows the family of the first tier',
    ],
    [
      'where nobody knows what the first tier costs',
      [['house@four'], { intent: 'cheaper' }],
      { 'house@four': {} },
      'cannot choose targets by itself: no target of the first tier has a price',
    ],
    [
      'where the first tier does not say how good it is',
      [['gpt-4.1@one', 'gpt-oss-120b@one'], { intent: 'degraded' }],
      {},
      'cannot choose targets by itself: the targets of the first tier do not all declare a "qualityTier"',
    ],
    [
      'where neither targets nor an intent are told',
      [['gpt-4.1@one'], { objective: 'cheapest' }],
      {},
      'needs \\"targets\\", or an \\"intent\\" that they are chosen by',
    ],
    [
      'where targets are told that are none',
      [['gpt-4.1@one'], { targets: [], intent: 'cheaper' }],
      {},
      'routes.chat.tiers[1].targets',
    ],
  ])('%s', (_name, tiers, more, message) => {
    expect(refusal(tiers, {}, more)).toContain(message)
  })
})

describe('whatever the file declares', () => {
  const seed = Number(process.env['SEED'] ?? 20_261_126)
  const names = Object.keys(targets)
  const intents = ['same-family', 'cheaper', 'smaller', 'degraded'] as const

  it('chosen tiers keep what their intents promise, name no target twice, and come out the same again', () => {
    const counts = { chosen: 0 }
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
        fc.array(fc.constantFrom(...intents), { minLength: 1, maxLength: 3 }),
        (first, wanted) => {
          const raw = file([first, ...wanted.map((intent) => ({ intent }))])
          if (refusal([first, ...wanted.map((intent) => ({ intent }))]) !== '') return
          counts.chosen += 1
          const { runtime } = read(raw)
          expect(intentDoubts(runtime)).toEqual([])
          const all = [...(runtime.tiers.get('chat') ?? [])].flat().map(({ target }) => target)
          expect(new Set(all).size).toBe(all.length)
          expect(read(raw).runtime.config.routes).toEqual(runtime.config.routes)
        },
      ),
      { seed, verbose: 1, numRuns: 300 },
    )
    expect(counts.chosen).toBeGreaterThan(50)
  })
})

describe('npm run lint:config', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-chosen-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('prints what such a tier takes', () => {
    const path = join(folder, 'routes.json')
    writeFileSync(path, JSON.stringify(file([['gpt-4.1@one'], { intent: 'same-family' }])))
    const script = join(import.meta.dirname, '../../../scripts/lint-config.ts')
    const said = execFileSync(process.execPath, [script, path], { encoding: 'utf8' })
    expect(said).toContain(
      'routes.chat.tiers[1]: takes gpt-4.1@two, gpt-4.1-nano@two, gpt-4o@three\n',
    )
  }, 30_000)

  it('says nothing of tiers that name their own', () => {
    expect(read(file([['gpt-4.1@one'], ['gpt-4o@three']])).lines).toEqual([])
  })
})
