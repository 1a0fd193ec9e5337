import { describe, expect, it } from 'vitest'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import type { Caller } from '../../../worker/engine/caller.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import type { OptionsView } from '../../../worker/engine/explain-options.ts'
import type { Ports } from '../../../worker/engine/ports.ts'
import type { RunPort } from '../../../worker/engine/run-port.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import type { ShadowPort } from '../../../worker/engine/shadow-port.ts'
import { FakeHost, fakeRuntime, settings } from '../../support/fake-host.ts'

/** What `POST /v1/explain` says the options of a route would do, and why not. */

const anybody: Caller = { tenant: 'demo', keyId: 'k', profile: null }
const forbidding: Caller = {
  ...anybody,
  profile: {
    tenantId: 'demo',
    keyId: 'k',
    keyPath: ['k'],
    grant: everything,
    residency: null,
    isStrict: false,
    tier: null,
    storesAnswers: false,
    requiredTags: [],
    validForMs: 1,
  },
}

interface Asked {
  readonly body?: object
  readonly caller?: Caller
  readonly ports?: Partial<Ports>
  readonly more?: object
  readonly tags?: string
}

async function optionsOf(
  route: object,
  { body = {}, caller = anybody, ports = {}, more = {}, tags }: Asked = {},
): Promise<OptionsView> {
  const chat = { tiers: [['gpt-4.1@openai'], ['gpt-4.1@backup']], ...route }
  const file = {
    ...settings,
    targets: { ...settings.targets, 'gpt-4.1@backup': {} },
    routes: { chat },
    ...more,
  }
  const host = new FakeHost(fakeRuntime(file))
  const exchange = new Exchange('req_1', openAiChat, caller, 'explain', null, {
    ...host.ports,
    ...ports,
  })
  const inbound = new Request('https://gateway.example/v1/explain', {
    method: 'POST',
    headers: tags === undefined ? {} : { 'x-switchyard-tags': tags },
    body: JSON.stringify({
      model: 'chat',
      messages: [{ role: 'user', content: 'Hello' }],
      ...body,
    }),
  })
  const reader = () => (read: unknown) => openAiChat.parse(read)
  const response = await serveExplain(inbound, reader, caller, exchange)
  expect([response.status, host.asked]).toEqual([200, []])
  return ((await response.json()) as { options: OptionsView }).options
}

const stream = { body: { stream: true } }

describe('a hedge', () => {
  it('has a target and the time that the first may be silent', async () => {
    expect((await optionsOf({ hedge: {} }, stream)).hedge).toEqual({
      why_not: null,
      target: 'gpt-4.1@backup',
      after_ms: 2000,
    })
  })

  it.each([
    ['a whole answer', {}, {}, /has no first token/],
    ['batch work', { priority: 'batch' }, { ...stream, more: { scarcity: {} } }, /batch work/],
    ['a single tier', { hedge: { acrossTiers: false } }, stream, /no other provider/],
    [
      'a tool that the provider runs',
      {},
      { body: { stream: true, web_search_options: {} } },
      /would run twice/,
    ],
  ] as const)('is none for %s', async (_, route, asked, why) => {
    const { hedge } = await optionsOf({ hedge: {}, ...route }, asked)
    expect(hedge).toMatchObject({ target: null, after_ms: null })
    expect(hedge?.why_not).toMatch(why)
  })
})

describe('best of several', () => {
  const bestOf = { n: 3, pick: 'longest' }

  it('has the targets that would be asked at once', async () => {
    expect((await optionsOf({ bestOf })).best_of).toEqual({
      why_not: null,
      pick: 'longest',
      targets: ['gpt-4.1@openai', 'gpt-4.1@backup', 'gpt-4.1@openai'],
    })
  })

  it('is none for a request that asks for several answers itself', async () => {
    const { best_of: told } = await optionsOf({ bestOf }, { body: { n: 2 } })
    expect(told).toMatchObject({ targets: [], why_not: expect.stringMatching(/asked for once/) })
  })
})

describe('a shadow', () => {
  const shadow = { target: 'm@third', share: 1, budgetUsdPerDay: 1 }
  const port = {} as ShadowPort
  const ports = { shadows: port }
  const priced = {
    targets: { ...settings.targets, 'gpt-4.1@backup': {}, 'm@third': { free: true } },
  }

  it('would be cast', async () => {
    expect((await optionsOf({ shadow }, { ports, more: priced })).shadow).toEqual({
      why_not: null,
      target: 'm@third',
      share: 1,
    })
  })

  it.each([
    ['without a ledger', shadow, {}, /no budget/],
    ['outside of the sample', { ...shadow, share: 0.000001 }, { ports }, /not in the sample/],
    ['of a tenant that keeps nothing', shadow, { ports, caller: forbidding }, /no shadow may see/],
    [
      'whose target the caller shut out',
      shadow,
      { ports, body: { provider: { ignore: ['third'] } } },
      /may not or cannot/,
    ],
  ] as const)('is none %s', async (_, declared, asked, why) => {
    const { shadow: told } = await optionsOf({ shadow: declared }, { more: priced, ...asked })
    expect(told?.why_not).toMatch(why)
  })
})

describe('the ladder', () => {
  const tiers = [['gpt-4.1@openai'], { targets: ['gpt-4.1@backup'], intent: 'smaller' }]
  const degrade = ['cache', 'smaller-model', 'shorter', 'deferred']
  const runs = { resumable: () => null, defer: () => null } as RunPort
  const whyNot = async (asked: Asked) => {
    const { ladder } = await optionsOf({ tiers, degrade }, asked)
    return ladder?.rungs.map(({ why_not: why }) => why)
  }

  it('has something on every rung', async () => {
    expect(await whyNot({ ports: { runs } })).toEqual([null, null, null, null])
  })

  it('says why a rung has nothing', async () => {
    expect(await whyNot({ ports: { runs }, ...stream })).toEqual([
      null,
      null,
      null,
      'a stream is answered by a stream',
    ])
    expect(await whyNot({ ports: { runs }, caller: forbidding })).toEqual([
      'nothing may be kept for this tenant',
      null,
      null,
      'nothing may be kept for this tenant',
    ])
    expect(await whyNot({ body: { provider: { ignore: ['backup'] } } })).toEqual([
      null,
      'no lesser target may answer this request',
      null,
      'no job can be begun here',
    ])
    expect(await whyNot({ ports: { runs }, body: { max_tokens: 10 } })).toEqual([
      null,
      null,
      'the answer is asked to be as short already',
      null,
    ])
  })

  it('has a cache in front where the route asks it first, and nothing of what is regulated', async () => {
    const cache = { mode: 'first' }
    const { ladder } = await optionsOf({ cache })
    expect(ladder).toMatchObject({
      cache_first: { rung: 'cache', why_not: null },
      targets: ['gpt-4.1@openai', 'gpt-4.1@backup'],
      rungs: [],
    })
    const careful = await optionsOf({ cache }, { tags: 'data=regulated' })
    expect(careful.ladder?.cache_first?.why_not).toBe('what is regulated is not kept')
  })

  it('tells whose turn it is where capacity is shared out', async () => {
    const more = { scarcity: {}, tenants: { demo: { tier: 'batch' } } }
    expect((await optionsOf({}, { more })).ladder).toMatchObject({ turn: 'batch', rungs: [] })
  })
})

it('are null where the route has none', async () => {
  expect(await optionsOf({})).toEqual({
    hedge: null,
    best_of: null,
    shadow: null,
    canary: null,
    affinity: null,
    ladder: null,
  })
})
