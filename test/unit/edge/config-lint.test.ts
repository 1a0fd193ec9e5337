/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { describeProblems, ConfigurationError, readConfig } from '../../../worker/edge/config.ts'
import { doubtsOf } from '../../../worker/edge/config-lint.ts'
import { createRuntime } from '../../../worker/edge/runtime.ts'
import { ruleLimits } from '../../../worker/policy/rule.ts'

const keyed = (host: string, regions: readonly string[]) => ({
  adapter: 'openai',
  baseUrl: `https://${host}/v1`,
  credential: { kind: 'bearer', secret: 'KEY', host },
  regions,
})

/** A file that nothing is wrong with; each test lays something over it. */
function file(more: object = {}): object {
  return {
    providers: {
      openai: keyed('api.openai.com', ['us']),
      'openai-eu': keyed('eu.api.openai.com', ['eu']),
    },
    targets: { 'gpt-4.1@openai': {}, 'gpt-4.1-mini@openai': {}, 'gpt-4.1@openai-eu': {} },
    routes: {
      chat: { tiers: [['gpt-4.1@openai'], ['gpt-4.1@openai-eu']] },
      fast: { tiers: [['gpt-4.1-mini@openai']] },
    },
    tenants: { demo: {} },
    ...more,
  }
}

/** What stops the start, as an operator reads it; empty: it starts. */
function refusal(more: object): string {
  const read = readConfig(file(more), { local: false })
  if (!read.ok) return describeProblems(read.problems)
  try {
    createRuntime(read.config, read.version, {})
    return ''
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause
    return describeProblems(cause.problems)
  }
}

/** What is printed as a warning. */
function warnings(more: object = {}): string {
  const read = readConfig(file(more), { local: false })
  if (!read.ok) throw new Error(describeProblems(read.problems))
  return describeProblems(doubtsOf(createRuntime(read.config, read.version, {}), 0))
}

const rule = (name: string, when: object, then: object) => ({ name, when, then })
const toFast = { route: 'fast' }
const tier = (intent: string, ...targets: readonly string[]) => ({ targets, intent })
const refuse = { refuse: { message: 'no' } }

describe('a file that is right', () => {
  it('starts and has nothing said of it', () => {
    expect(refusal({})).toBe('')
    expect(warnings()).toBe('')
    const rules = [
      rule('a', { class: 'code' }, toFast),
      rule('b', { class: 'chat' }, { constrain: { regions: ['us'] } }),
    ]
    expect(refusal({ rules })).toBe('')
    expect(warnings({ rules })).toBe('')
  })

  it('may send different requests of two routes to each other', () => {
    const rules = [
      rule('a', { route: 'chat', tags: { side: 'b' } }, toFast),
      rule('b', { route: { glob: 'f*' }, tags: { side: 'a' } }, { route: 'chat' }),
    ]
    expect(refusal({ rules })).toBe('')
    expect(warnings({ rules })).toBe('')
  })

  it('may have tiers that are what they say', () => {
    const targets = {
      'gpt-4.1@openai': { qualityTier: 5 },
      'gpt-4.1@openai-eu': {},
      'gpt-4.1-mini@openai': { qualityTier: 3 },
      'house-model@openai-eu': { family: 'gpt', free: true },
    }
    const tiers = [
      ['gpt-4.1@openai'],
      tier('same-family', 'gpt-4.1@openai-eu', 'house-model@openai-eu'),
      tier('smaller', 'gpt-4.1-mini@openai'),
    ]
    expect(warnings({ targets, routes: { chat: { tiers } } })).toBe('')
  })
})

describe('what can never work stops the start, with path, rule and value', () => {
  it.each<[string, object, string]>([
    [
      'a rule that leads to no route',
      { rules: [rule('a', {}, { route: 'fst' })] },
      '  rules[0].then.route: names a route that is not declared (found "fst")',
    ],
    [
      'a rule that waits for a route that is not there',
      { rules: [rule('a', { route: ['chat', 'cht'] }, toFast)] },
      '  rules[0].when.route: must be one of chat, fast (found "cht")',
    ],
    [
      'a word that the fact can never be',
      { rules: [rule('a', { all: [{ any: [{ class: 'coding' }] }] }, toFast)] },
      'rules[0].when.all[0].any[0].class: must be one of chat, classification',
    ],
    [
      'a feature that nothing has',
      { rules: [rule('a', { needs: 'jsonschema' }, toFast)] },
      'rules[0].when.needs: must be one of tools',
    ],
    [
      'a range that holds nothing',
      { rules: [rule('a', { promptTokens: { range: { from: 10, to: 5 } } }, toFast)] },
      'rules[0].when.promptTokens: holds nothing: "from" is behind "to"',
    ],
    [
      'a range of words that holds nothing',
      { rules: [rule('a', { dataClass: { range: { from: 'regulated', to: 'public' } } }, toFast)] },
      'rules[0].when.dataClass: holds nothing',
    ],
    [
      'tests that exclude one another',
      { rules: [rule('a', { class: 'code', all: [{ class: ['chat'] }] }, toFast)] },
      'rules[0].when: can never hold: its tests of "class" exclude one another',
    ],
    [
      'numbers that exclude one another',
      {
        rules: [rule('a', { tools: 0, all: [{ tools: { range: { from: 1 } } }] }, toFast)],
      },
      'rules[0].when: can never hold: its tests of "tools" exclude one another',
    ],
    [
      'a rule behind one that refuses all of its kind',
      {
        rules: [
          rule('a', { class: ['code', 'chat'] }, refuse),
          rule('b', { class: 'code', region: 'eu' }, toFast),
        ],
      },
      '  rules[1]: is never reached: the rule "a" before it refuses every request of its kind',
    ],
    [
      'a rule behind one that refuses everybody',
      {
        rules: [rule('a', {}, refuse), rule('b', { any: [{ class: 'code' }] }, { class: 'chat' })],
      },
      'rules[1]: is never reached',
    ],
    [
      'a route that is never taken',
      {
        rules: [
          rule('a', { tools: { range: { from: 1 } } }, toFast),
          rule('b', { tools: 2 }, { route: 'chat' }),
        ],
      },
      'rules[1]: never decides: the rule "a" before it routes every request of its kind',
    ],
    [
      'rules that send the same requests in a circle',
      {
        rules: [
          rule('a', { route: 'chat', class: ['code', 'chat'] }, toFast),
          rule('b', { route: 'fast', class: 'code' }, { route: 'chat' }),
        ],
      },
      'rules[0].then.route: goes in a circle with other rules: fast -> chat; each request is sent on only once (found "fast")',
    ],
    [
      'a circle of three, by names, patterns and parts',
      {
        routes: {
          chat: { tiers: [['gpt-4.1@openai']] },
          fast: { tiers: [['gpt-4.1-mini@openai']] },
          slow: { tiers: [['gpt-4.1@openai-eu']] },
        },
        rules: [
          rule('a', { route: { glob: 'ch*' }, region: 'eu' }, toFast),
          rule('b', { any: [{ route: 'fast' }, { route: { glob: 'fast*' } }] }, { route: 'slow' }),
          rule('c', { not: { route: ['chat', 'fast'] } }, { route: 'chat' }),
        ],
      },
      'rules[0].then.route: goes in a circle with other rules: fast -> slow -> chat;',
    ],
    [
      'a rule that leads back to the route it asks for',
      { rules: [rule('a', { route: ['chat', 'fast'], class: 'code' }, toFast)] },
      'rules[0].then.route: leads back to a route that the rule asks for (found "fast")',
    ],
    [
      'a pattern that leads back to itself',
      { rules: [rule('a', { route: { glob: 'f*' } }, toFast)] },
      'rules[0].then.route: leads back to a route that the rule asks for (found "fast")',
    ],
    [
      'two rules of one name',
      { rules: [rule('a', { class: 'code' }, toFast), rule('a', { class: 'chat' }, refuse)] },
      'rules[1].name: is the name of another rule (found "a")',
    ],
    [
      'a rule that does nothing',
      { rules: [rule('a', {}, {})] },
      'rules[0].then: must say what is done',
    ],
    [
      'a rule that refuses and routes',
      { rules: [rule('a', {}, { ...refuse, ...toFast })] },
      'rules[0].then: "refuse" stands alone',
    ],
    [
      'a test that nobody knows',
      { rules: [rule('a', { text: 'secret' }, toFast)] },
      'rules[0].when.text: is no field that is known here',
    ],
    [
      'a regular expression',
      { rules: [rule('a', { channel: { regex: '(a+)+$' } }, toFast)] },
      'rules[0].when.channel',
    ],
    [
      'a constraint that leaves no target of its route',
      { routes: { fast: { tiers: [['gpt-4.1-mini@openai']], constraints: { regions: ['eu'] } } } },
      '  routes.fast.constraints: leaves no target of the route (found {"regions":["eu"]})',
    ],
    [
      'a price that no target has',
      {
        routes: {
          fast: { tiers: [['gpt-4.1-mini@openai']], constraints: { maxInputUsdPerMillion: 0.01 } },
        },
      },
      'routes.fast.constraints: leaves no target of the route',
    ],
    [
      'a rule whose constraint leaves no target at all',
      { rules: [rule('a', {}, { constrain: { allow: ['*@mistral'] } })] },
      'rules[0].then.constrain: leaves no target (found {"allow":["*@mistral"]})',
    ],
    [
      'a tenant whose constraint leaves no target at all',
      { tenants: { demo: { constraints: { zeroDataRetention: true } } } },
      'tenants.demo.constraints: leaves no target',
    ],
    [
      'a detector that there is not',
      { detectors: { passport: 'off' } },
      'detectors.passport: is no field that is known here',
    ],
    [
      'a class that there is not',
      { detectors: { email: 'secret' } },
      'detectors.email: must be one of public, internal, confidential, regulated, or "off" (found "secret")',
    ],
  ])('%s', (_, more, expected) => {
    expect(refusal(more)).toContain(expected)
  })

  it('a tenant that is pinned to where no target is', () => {
    expect(refusal({ tenants: { demo: { residency: 'fedramp' } } })).toContain(
      'tenants.demo.residency: leaves no target (found "fedramp")',
    )
  })

  it('rules without bounds', () => {
    let deep: object = { class: 'code' }
    for (let depth = 0; depth <= ruleLimits.depth; depth++) deep = { not: deep }
    expect(refusal({ rules: [rule('deep', deep, toFast)] })).toContain('at most 8 deep')
    const words = Array.from({ length: 200 }, (_, index) => `w${index}`)
    const wide = { all: [{ channel: words }, { tags: { a: words } }] }
    expect(refusal({ rules: [rule('wide', wide, toFast)] })).toContain('has at most 256 tests')
    const many = Array.from({ length: 251 }, (_, index) =>
      rule(`r${index}`, { channel: words }, toFast),
    )
    expect(refusal({ rules: many })).toContain('have at most 50000 tests together')
    const most = Array.from({ length: ruleLimits.rules + 1 }, (_, index) =>
      rule(`r${index}`, {}, toFast),
    )
    expect(refusal({ rules: most })).toContain('rules')
  })
})

describe('what only looks like a mistake starts, with a warning', () => {
  it.each<[string, object, string]>([
    [
      'rules that may go in a circle, as far as anybody can see',
      {
        rules: [
          rule('a', { route: 'chat', any: [{ class: 'code' }, { tools: 1 }] }, toFast),
          rule('b', { route: 'fast', class: 'chat' }, { route: 'chat' }),
        ],
      },
      'rules[0].then.route: may go in a circle with other rules: fast -> chat; each request is sent on only once (found "fast")',
    ],
    [
      'a tier that says it is the same family, and is another',
      {
        targets: { 'gpt-4.1@openai': {}, 'gpt-oss-120b@openai-eu': {} },
        routes: {
          chat: { tiers: [['gpt-4.1@openai'], tier('same-family', 'gpt-oss-120b@openai-eu')] },
        },
      },
      'routes.chat.tiers[1].intent: but gpt-oss-120b@openai-eu is of the family "gpt-oss", and the first tier of "gpt" (found "same-family")',
    ],
    [
      'a tier of the same family at the same provider',
      {
        routes: {
          chat: { tiers: [['gpt-4.1@openai'], tier('same-family', 'gpt-4.1-mini@openai')] },
        },
      },
      'gpt-4.1-mini@openai is at the provider of the first tier',
    ],
    [
      'a tier of a family that nobody knows',
      {
        targets: { 'gpt-4.1@openai': {}, 'house-model@openai-eu': { free: true } },
        routes: {
          chat: { tiers: [['gpt-4.1@openai'], tier('same-family', 'house-model@openai-eu')] },
        },
      },
      'nobody knows the family of house-model@openai-eu: declare its "family"',
    ],
    [
      'a cheaper tier that is not',
      {
        routes: {
          chat: { tiers: [['gpt-4.1-mini@openai'], tier('cheaper', 'gpt-4.1@openai-eu')] },
        },
      },
      'routes.chat.tiers[1].intent: but gpt-4.1@openai-eu costs no less than gpt-4.1-mini@openai (0.0140 USD and 0.00280 USD',
    ],
    [
      'a smaller tier of the same model',
      { routes: { chat: { tiers: [['gpt-4.1@openai'], tier('smaller', 'gpt-4.1@openai-eu')] } } },
      'gpt-4.1@openai-eu is a model of the first tier',
    ],
    [
      'a degraded tier that is declared to be as good',
      {
        targets: {
          'gpt-4.1@openai': { qualityTier: 5 },
          'gpt-4.1-mini@openai': { qualityTier: 5 },
        },
        routes: { chat: { tiers: [['gpt-4.1@openai'], tier('degraded', 'gpt-4.1-mini@openai')] } },
      },
      'gpt-4.1-mini@openai declares the quality tier 5, and the best of the first tier 5',
    ],
    [
      'an intent on the first tier',
      { routes: { chat: { tiers: [tier('cheaper', 'gpt-4.1@openai')] } } },
      'routes.chat.tiers[0].intent: stands on the first tier',
    ],
    [
      'a shadow without a price',
      {
        targets: { 'gpt-4.1@openai': {}, 'unheard-of@openai': {} },
        routes: {
          chat: {
            tiers: [['gpt-4.1@openai']],
            shadow: { target: 'unheard-of@openai', share: 0.1, budgetUsdPerDay: 1 },
          },
        },
      },
      'targets["unheard-of@openai"]: has no price',
    ],
    [
      'a canary without a price',
      {
        targets: { 'gpt-4.1@openai': {}, 'unheard-of@openai': {} },
        routes: {
          chat: {
            tiers: [['gpt-4.1@openai']],
            canary: { target: 'unheard-of@openai', share: 0.1 },
          },
        },
      },
      'targets["unheard-of@openai"]: has no price',
    ],
    [
      'a tier that cannot do what the route is for',
      {
        providers: {
          openai: keyed('api.openai.com', ['us']),
          'openai-eu': keyed('eu.api.openai.com', ['eu']),
        },
        routes: {
          draw: { class: 'image', tiers: [['gpt-4.1@openai']] },
        },
      },
      'routes.draw.tiers[0]: no target of this tier can do what "image" needs: imageOutput',
    ],
    [
      'a tier that no constraint lets through',
      {
        routes: {
          chat: {
            tiers: [['gpt-4.1@openai'], ['gpt-4.1@openai-eu']],
            constraints: { regions: ['eu'] },
          },
        },
      },
      'routes.chat.tiers[0]: no target of this tier meets the constraints of the route (found ["gpt-4.1@openai"])',
    ],
    [
      'longer answers than a tier gives',
      {
        routes: {
          chat: { tiers: [['gpt-4.1@openai']], limits: { maxOutputTokens: 1_000_000 } },
        },
      },
      'routes.chat.tiers[0]: no target of this tier gives answers of 1000000 tokens',
    ],
    [
      'a route that has nothing for a pinned tenant',
      { tenants: { demo: { residency: 'eu' } } },
      'tenants.demo.residency: leaves no target of "fast" (found "eu")',
    ],
    [
      'a pattern that matches nothing',
      { rules: [rule('a', {}, { constrain: { deny: ['gpt-4.1@opneai', '*-mini@*'] } })] },
      'rules[0].then.constrain.deny[0]: matches no declared target (found "gpt-4.1@opneai")',
    ],
    [
      'a target without a price',
      {
        targets: { 'unheard-of@openai': {} },
        routes: { chat: { tiers: [['unheard-of@openai']] } },
      },
      'targets["unheard-of@openai"]: has no price: the ledger refuses requests to it (402)',
    ],
    [
      'a rule that waits for a detector that is off',
      { rules: [rule('a', { found: ['health'] }, toFast)], detectors: { health: 'off' } },
      'detectors.health: is off, and a rule asks what it finds',
    ],
  ])('%s', (_, more, expected) => {
    expect(refusal(more)).toBe('')
    expect(warnings(more)).toContain(expected)
  })

  it('and rules that a request may come to are not taken for unreachable', () => {
    const rules = [
      rule('a', { class: 'code', not: { region: 'eu' } }, refuse),
      rule('b', { class: 'code' }, toFast),
      rule('c', { class: 'code', found: 'email' }, refuse),
      rule('d', { channel: { glob: 'voice-*' } }, refuse),
      rule('e', { channel: { glob: 'voice*' }, class: 'chat' }, toFast),
      rule('f', { channel: 'fax' }, { dataClass: 'regulated' }),
      rule('g', { dataClass: 'regulated' }, refuse),
      rule('h', { dataClass: 'regulated', region: 'eu' }, toFast),
    ]
    expect(refusal({ rules })).toBe('')
  })
})

describe('npm run lint:config', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-lint-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function run(more: object): Promise<{ readonly code: number; readonly text: string }> {
    const path = join(folder, 'routes.json')
    writeFileSync(path, JSON.stringify(file(more)))
    const script = join(import.meta.dirname, '../../../scripts/lint-config.ts')
    return new Promise((resolve) => {
      execFile(process.execPath, [script, path], (fault, out, err) =>
        resolve({ code: Number(fault?.code ?? 0), text: out + err }),
      )
    })
  }

  it('ends with 1 and the reason when a file is refused, with 0 and its doubts when it is not', async () => {
    expect(await run({})).toMatchObject({
      code: 0,
      text: expect.stringContaining('nothing to say'),
    })
    const impossible = { constraints: { regions: ['eu'] }, tiers: [['gpt-4.1@openai']] }
    expect(await run({ routes: { chat: impossible } })).toMatchObject({
      code: 1,
      text: expect.stringContaining('routes.chat.constraints: leaves no target of the route'),
    })
    expect(await run({ tenants: { demo: { residency: 'eu' } } })).toMatchObject({
      code: 0,
      text: expect.stringContaining('warning:\n  tenants.demo.residency'),
    })
  }, 30_000)
})
