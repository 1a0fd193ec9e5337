/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import { describe, expect, it } from 'vitest'
import { replay } from '../../../scripts/replay/replay.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { type MoneyPort, unmetered } from '../../../worker/engine/money-port.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import { json, refusing, settings, wholeAnswer } from '../../support/fake-host.ts'
import {
  ask,
  caller,
  errorOf,
  type Gateway,
  gatewayOf,
  installTransform,
  says,
} from '../ladder/support.ts'

installTransform()

/**
 * A request that names several routes, targets or models in `model` and `models`: nothing is reached under less policy
 * than by its own name.
 */

/** The routes `first` (openai) and `second` (backup), with what a test says of them. */
function world(more: {
  readonly first?: object
  readonly second?: object
  readonly providers?: Readonly<Record<string, object>>
  readonly routes?: object
  readonly rules?: readonly object[]
  readonly rest?: object
  readonly money?: MoneyPort
}): Gateway {
  const { providers = {}, money } = more
  const config = {
    ...settings,
    providers: Object.fromEntries(
      Object.entries(settings.providers).map(([id, one]) => [id, { ...one, ...providers[id] }]),
    ),
    routes: {
      first: { tiers: [['gpt-4.1@openai']], ...more.first },
      second: { tiers: [['m@backup']], ...more.second },
      ...more.routes,
    },
    ...(more.rules === undefined ? {} : { rules: more.rules }),
    ...more.rest,
  }
  const gateway = gatewayOf(config, money === undefined ? {} : { money })
  gateway.host
    .on('openai', refusing(500))
    .on('backup', json(wholeAnswer))
    .on('third', json(wholeAnswer))
  return gateway
}

/** Who is asked in the end, and what comes of it. */
async function asked(gateway: Gateway, names: readonly string[], more: object = {}) {
  const [model, ...models] = names
  const seen = await ask(gateway, {
    body: { model, ...(models.length > 0 ? { models } : {}), ...more },
  })
  return { ...seen, asked: [...new Set(gateway.host.asked)] }
}

const refuse = (message: string) => ({ then: { refuse: { status: 403, message } } })

describe('a route that is named behind another', () => {
  it('is asked when the first has failed', async () => {
    expect(await asked(world({}), ['first', 'second'])).toMatchObject({
      status: 200,
      asked: ['openai', 'backup'],
    })
  })

  it.each([
    ['the first', ['first', 'second']],
    ['the second', ['second', 'first']],
  ])('lays its constraints on every target, as %s too', async (_place, names) => {
    const gateway = world({
      second: { constraints: { deny: ['*@backup'] }, tiers: [['m@backup'], ['m@third']] },
    })
    const seen = await asked(gateway, names)
    expect(seen.asked).not.toContain('backup')
    expect(seen.asked).toContain('third')
  })

  it('says in the reason which route it is that asks', async () => {
    const gateway = world({ second: { constraints: { allow: ['*@backup'] } } })
    const seen = await asked(gateway, ['first', 'second'], { provider: { ignore: ['backup'] } })
    expect(seen.status).toBe(403)
    expect(errorOf(seen).message).toContain(
      'it is not on the list of allowed ones (the route "second")',
    )
  })

  it('makes the data as careful as it is', async () => {
    const gateway = world({
      providers: { backup: { data: { maxDataClass: 'internal' } } },
      first: { tiers: [['gpt-4.1@openai'], ['m@backup'], ['m@third']] },
      second: { tiers: [['m@third']], dataClass: 'confidential' },
    })
    expect((await asked(gateway, ['first', 'second'])).asked).toEqual(['openai', 'third'])
    expect((await asked(world({}), ['first', 'second'])).asked).toContain('backup')
  })

  it('gives the request its class, where the first has none', async () => {
    const second = { class: 'code' }
    const names = { model: 'first', models: ['second'] }
    expect(await classOf(world({ second }), names)).toBe('code')
    expect(await classOf(world({ second, first: { class: 'chat' } }), names)).toBe('chat')
  })

  it('has the request refused by a rule for it', async () => {
    const rules = [{ name: 'closed', when: { route: 'second' }, ...refuse('closed today') }]
    const seen = await asked(world({ rules }), ['first', 'second'])
    expect([seen.status, errorOf(seen).message, seen.asked]).toEqual([403, 'closed today', []])
  })

  it('is constrained by a rule for it', async () => {
    const rules = [
      { name: 'quiet', when: { route: 'second' }, then: { constrain: { deny: ['m@backup'] } } },
    ]
    const gateway = world({ rules, second: { tiers: [['m@backup'], ['m@third']] } })
    expect((await asked(gateway, ['first', 'second'])).asked).toEqual(['openai', 'third'])
  })

  it('is what a rule makes of it when it stands alone', async () => {
    const rules = [{ name: 'away', when: { route: 'second' }, then: { route: 'elsewhere' } }]
    const routes = { elsewhere: { tiers: [['m@third']] } }
    expect((await asked(world({ rules, routes }), ['first', 'second'])).asked).toEqual([
      'openai',
      'third',
    ])
  })

  it('is not reached past rules for what is named by its target', async () => {
    const rules = [
      { name: 'routes-only', when: { not: { route: 'first' } }, ...refuse('by route') },
    ]
    expect((await asked(world({ rules }), ['first', 'm@backup'])).status).toBe(403)
    expect((await asked(world({ rules }), ['first'])).status).not.toBe(403)
  })

  it('bounds the length of the answer and the number of calls', async () => {
    const gateway = world({ second: { limits: { maxOutputTokens: 50, maxAttempts: 2 } } })
    const seen = await asked(gateway, ['first', 'second'])
    expect(
      gateway.host.calls.map(
        ({ body }) => (body as { max_completion_tokens: number }).max_completion_tokens,
      ),
    ).toEqual([50, 50])
    expect(seen.degraded).toBe('shorter')
    const long = world({ first: { limits: { maxOutputTokens: 40 } } })
    await asked(long, ['first', 'second'])
    expect(long.host.calls[0]?.body).toMatchObject({ max_completion_tokens: 40 })
  })

  it('has a lesser tier of it marked as such', async () => {
    const gateway = world({
      second: { tiers: [['gpt-4.1@openai'], { targets: ['m@third'], intent: 'degraded' }] },
    })
    const seen = await asked(gateway, ['first', 'second'])
    expect([seen.status, seen.degraded]).toEqual([200, 'smaller-model'])
    expect(seen.reason).toContain('(degraded)')
  })

  it.each([false, true])(
    'has its answers held against its own rules (stream: %s)',
    async (stream) => {
      const second = {
        tiers: [['m@backup'], ['m@third']],
        validate: { schema: number, buffer: true },
      }
      const gateway = world({ second })
      gateway.host.on('backup', json(says('no number'))).on('third', json(says('7')))
      const seen = await asked(gateway, ['first', 'second'], { stream })
      expect([seen.status, seen.asked]).toEqual([200, ['openai', 'backup', 'third']])
      expect(seen.text).not.toContain('no number')
    },
  )

  it('leaves answers of the first as the first has them', async () => {
    const gateway = world({ second: { validate: { schema: number } } })
    gateway.host.on('openai', json(says('no number')))
    expect((await asked(gateway, ['first', 'second'])).asked).toEqual(['openai'])
  })

  it('has answers held against the rules of the first as well', async () => {
    const gateway = world({
      first: { validate: { nonEmpty: true } },
      second: { tiers: [['m@backup'], ['m@third']], validate: { finish: ['stop'] } },
    })
    gateway.host.on('backup', json(says('')))
    expect((await asked(gateway, ['first', 'second'])).asked).toEqual(['openai', 'backup', 'third'])
  })

  it('is on trial only for requests that name it first', async () => {
    const canary = { target: 'm@third', share: 0.5 }
    const trial = (names: readonly string[]) => {
      const gateway = world({ second: { tiers: [['m@backup']], canary } })
      gateway.host.on('backup', refusing(500))
      return asked(gateway, names, { provider: { ignore: ['openai'] } })
    }
    expect(await trial(['first', 'second'])).toMatchObject({ status: 502, asked: ['backup'] })
    expect(await trial(['second', 'first'])).toMatchObject({ status: 200, asked: ['third'] })
  })

  it('has the humblest turn of all', async () => {
    const rest = {
      scarcity: {},
      targets: { ...settings.targets, 'm@backup': { maxConcurrent: 4 } },
    }
    const gateway = world({ rest, second: { priority: 'batch' } })
    const [target] = [gateway.host.target('m@backup')]
    // Batch work may have a quarter of what is left.
    gateway.host.health.begin(target, 1, 'standard')
    expect((await asked(gateway, ['first', 'second'])).asked).toEqual(['openai'])
  })
})

describe('the decision over several names', () => {
  it('S9: gives the same plan again from its record', async () => {
    const rules = [
      { name: 'away', when: { route: 'second' }, then: { route: 'elsewhere' } },
      { name: 'narrow', when: { route: 'first' }, then: { constrain: { deny: ['m@backup'] } } },
    ]
    const elsewhere = {
      tiers: [['m@backup'], { targets: ['m@third'], intent: 'cheaper' }],
      constraints: { regions: ['us'] },
      dataClass: 'confidential',
    }
    const gateway = world({ rules, routes: { elsewhere } })
    const seen = await asked(gateway, ['first', 'second', 'claude-sonnet-4-5@anthropic'])
    expect(seen.asked).toEqual(['openai', 'third'])
    const decision = gateway.host.records[0]?.decision
    if (decision === undefined) throw new Error('nothing was recorded')
    expect(decision).toMatchObject({ names: ['first', 'second', 'claude-sonnet-4-5@anthropic'] })
    expect(decision.rules).toEqual(['narrow', 'away'])
    expect(replay(decision, gateway.ports.runtime)).toMatchObject({ isSame: true })
  })
})

const number = { type: 'number' }

describe('the money of several routes', () => {
  /** Refuses the calls of one route, and remembers who pays. */
  function purse(empty: string | null = null) {
    const payers: (string | null)[] = []
    const money: MoneyPort = {
      ...unmetered,
      asksToDegrade: ({ route }) => route === empty,
      admit: (order) => {
        payers.push(order.billing.route)
        return unmetered.admit(order)
      },
    }
    return { money, payers }
  }

  it('is spent by the route that each target comes from', async () => {
    const { money, payers } = purse()
    await asked(world({ money }), ['first', 'second'])
    expect(new Set(payers)).toEqual(new Set(['first', 'second']))
    expect(payers.at(-1)).toBe('second')
  })

  it('is spent by the route that a rule has sent a name to', async () => {
    const { money, payers } = purse()
    const rules = [{ name: 'away', when: { route: 'second' }, then: { route: 'elsewhere' } }]
    await asked(world({ money, rules, routes: { elsewhere: { tiers: [['m@third']] } } }), [
      'first',
      'second',
    ])
    expect(payers.at(-1)).toBe('elsewhere')
  })

  it('is spent by the first for a target that is named itself, as before', async () => {
    const { money, payers } = purse()
    await asked(world({ money }), ['first', 'm@third'])
    expect(new Set(payers)).toEqual(new Set(['first']))
  })

  it('asks for cheaper targets as soon as one of them runs low', async () => {
    const { money } = purse('second')
    const seen = await asked(world({ money }), ['first', 'second'])
    expect(seen.reason).toContain('a threshold of its budget')
  })
})

/** The class that `POST /v1/explain` tells of a request. */
async function classOf({ host }: Gateway, body: object, tags?: string): Promise<unknown> {
  const inbound = new Request('https://gateway.example/v1/explain', {
    method: 'POST',
    headers: tags === undefined ? {} : { 'x-switchyard-tags': tags },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], ...body }),
  })
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const read = () => (asked: unknown) => openAiChat.parse(asked)
  const response = await host.clock.run(serveExplain(inbound, read, caller, exchange))
  return ((await response.json()) as { facts: { class: unknown } }).facts.class
}

describe('a rule that sends a request to another route', () => {
  const rules = [{ name: 'hr', when: { channel: 'hr' }, then: { route: 'second' } }]
  const inHr = { 'x-switchyard-tags': 'channel=hr' }

  it('has it handled as carefully as that route says', async () => {
    const gateway = world({
      rules,
      providers: { backup: { data: { maxDataClass: 'internal' } } },
      second: { tiers: [['m@backup'], ['m@third']], dataClass: 'confidential' },
    })
    await ask(gateway, { body: { model: 'first' }, headers: inHr })
    expect(gateway.host.asked).toEqual(['third'])
  })

  it('gives it the class of that route, unless the caller or a rule has given one', async () => {
    const second = { class: 'code' }
    const gateway = world({ rules, second })
    expect(await classOf(gateway, { model: 'first' }, 'channel=hr')).toBe('code')
    expect(await classOf(gateway, { model: 'first' }, 'channel=hr,class=agentic')).toBe('agentic')
    expect(await classOf(gateway, { model: 'first' })).toBe('chat')
    const then = { class: 'vision', route: 'second' }
    const named = world({ rules: [{ name: 'hr', when: { channel: 'hr' }, then }], second })
    expect(await classOf(named, { model: 'first' }, 'channel=hr')).toBe('vision')
  })

  it('never makes it less careful than the route it named', async () => {
    const gateway = world({
      rules,
      providers: { backup: { data: { maxDataClass: 'internal' } } },
      first: { dataClass: 'regulated' },
      second: { tiers: [['m@backup'], ['m@third']], dataClass: 'public' },
    })
    await ask(gateway, { body: { model: 'first' }, headers: inHr })
    expect(gateway.host.asked).toEqual(['third'])
  })
})
