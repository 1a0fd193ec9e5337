/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import {
  billing,
  fakeRuntime,
  FakeHost,
  json,
  refusing,
  settings,
  silence,
  wholeAnswer,
  type Answer,
} from '../../support/fake-host.ts'

/** A configuration with rules and constraints, a request, and what reached the providers. */

const { caller } = billing
const providers = ['openai', 'backup', 'third'] as const
type ProviderName = (typeof providers)[number]

function configWith(more: {
  readonly providers?: Partial<Record<ProviderName, object>>
  readonly routes?: Record<string, object>
  readonly targets?: Record<string, object>
  readonly rules?: readonly object[]
  readonly tenant?: object
  readonly [other: string]: unknown
}) {
  const { providers: own = {}, routes = {}, targets = {}, tenant = {}, ...rest } = more
  return {
    ...settings,
    ledger: { mode: 'off' },
    ...rest,
    providers: Object.fromEntries(
      Object.entries(settings.providers).map(([id, provider]) => [
        id,
        { ...provider, ...own[id as ProviderName] },
      ]),
    ),
    targets: { ...settings.targets, ...targets },
    routes: { ...settings.routes, ...routes },
    tenants: { demo: tenant },
  }
}

interface Asked {
  readonly content?: string
  readonly model?: string
  readonly tags?: string
  readonly deadlineMs?: number
  readonly body?: object
  readonly answers?: Partial<Record<string, Answer>>
}

function inboundOf(path: string, asked: Asked): Request {
  const { content = 'Hello', model = 'chat', tags, deadlineMs, body = {} } = asked
  return new Request(`https://gateway.example${path}`, {
    method: 'POST',
    headers: {
      ...(tags === undefined ? {} : { 'x-switchyard-tags': tags }),
      ...(deadlineMs === undefined ? {} : { 'x-switchyard-deadline-ms': String(deadlineMs) }),
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], ...body }),
  })
}

async function ask(config: object, asked: Asked = {}) {
  const host = new FakeHost(fakeRuntime(config))
  for (const name of providers) host.on(name, asked.answers?.[name] ?? json(wholeAnswer))
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const inbound = inboundOf('/v1/chat/completions', asked)
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  const text = await response.text()
  return { response, asked: host.asked, error: (JSON.parse(text) as { error?: object }).error }
}

async function explained(config: object, asked: Asked = {}) {
  const host = new FakeHost(fakeRuntime(config))
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const reader = () => (body: unknown) => openAiChat.parse(body)
  const response = await serveExplain(inboundOf('/v1/explain', asked), reader, caller, exchange)
  return JSON.parse(await response.text()) as Record<string, unknown>
}

describe('scenarios', () => {
  it('legal text goes only to the approved provider', async () => {
    const config = configWith({
      rules: [
        { name: 'legal', when: { found: 'legal' }, then: { constrain: { allow: ['*@third'] } } },
      ],
    })
    const legal = 'This is privileged and confidential: the settlement agreement of our client.'
    expect((await ask(config, { content: legal })).asked).toEqual(['third'])
    expect((await ask(config)).asked).toEqual(['openai'])
    // The approved provider is down: nobody else is asked.
    const down = await ask(config, { content: legal, answers: { third: refusing(500) } })
    expect(new Set(down.asked)).toEqual(new Set(['third']))
    expect(down.response.status).toBe(502)
  })

  it('a card number in a prompt does not reach a provider that may only be sent internal data', async () => {
    const config = configWith({
      providers: {
        openai: { data: { maxDataClass: 'internal' } },
        backup: { data: { maxDataClass: 'confidential' } },
      },
    })
    expect((await ask(config, { content: 'pay 4111 1111 1111 1111' })).asked).toEqual(['third'])
    expect((await ask(config, { content: 'mail anna@firma.de' })).asked).toEqual(['backup'])
    expect((await ask(config)).asked).toEqual(['openai'])
  })

  it('long prompts of a batch tenant go to a route of their own', async () => {
    const when = { promptTokens: { range: { from: 500 } }, tenantTier: 'batch' }
    const config = configWith({
      routes: { bulk: { tiers: [['m@backup']] } },
      rules: [{ name: 'bulk', when, then: { route: 'bulk' } }],
      tenant: { tier: 'batch' },
    })
    const long = await ask(config, { content: 'x'.repeat(2400) })
    expect(long.asked).toEqual(['backup'])
    expect(long.response.headers.get('x-switchyard-route')).toBe('bulk')
    expect((await ask(config)).asked).toEqual(['openai'])
  })

  it('a request that cannot wait goes where it is quick', async () => {
    const config = configWith({
      routes: { quick: { tiers: [['m@third']] } },
      rules: [
        {
          name: 'hurry',
          when: { latencyBudgetMs: { range: { to: 2000 } } },
          then: { route: 'quick' },
        },
      ],
    })
    expect((await ask(config, { deadlineMs: 1500 })).asked).toEqual(['third'])
    expect((await ask(config, { deadlineMs: 5000 })).asked).toEqual(['openai'])
  })

  it('agents are refused on a channel where nobody watches them', async () => {
    const refuse = { message: 'no tools on the phone' }
    const config = configWith({
      rules: [
        { name: 'no-agents', when: { channel: 'phone', class: 'agentic' }, then: { refuse } },
      ],
    })
    const tools = [{ type: 'function', function: { name: 'pay', parameters: {} } }]
    const refused = await ask(config, { tags: 'channel=phone', body: { tools } })
    expect(refused.response.status).toBe(403)
    expect(refused.error).toMatchObject({ code: 'route_forbidden', message: refuse.message })
    expect(refused.asked).toEqual([])
    expect((await ask(config, { tags: 'channel=phone' })).asked).toEqual(['openai'])
  })
})

describe('constraints of a route and of a tenant', () => {
  it('both have to be met', async () => {
    const config = configWith({
      routes: { chat: { ...settings.routes.chat, constraints: { deny: ['*@openai'] } } },
      tenant: { constraints: { deny: ['*@backup'] } },
    })
    expect((await ask(config)).asked).toEqual(['third'])
  })

  it('that leave no target of this request are told with 403 and every reason', async () => {
    const config = configWith({ tenant: { constraints: { allow: ['claude-*'] } } })
    const { response, error, asked } = await ask(config)
    expect(response.status).toBe(403)
    expect(error).toMatchObject({ code: 'route_forbidden', param: 'model' })
    expect((error as { message: string }).message).toContain('not on the list of allowed ones')
    expect(asked).toEqual([])
  })

  it('of region leave nobody: 451, whoever else could answer', async () => {
    const config = configWith({
      providers: { third: { regions: ['eu'] } },
      routes: { near: { tiers: [['gpt-4.1@openai'], ['m@backup']] } },
      tenant: { constraints: { regions: ['eu'] } },
    })
    const refused = await ask(config, { model: 'near' })
    expect(refused.response.status).toBe(451)
    expect(refused.error).toMatchObject({ code: 'region_unavailable' })
    expect(refused.asked).toEqual([])
    const failed = await ask(config, { answers: { third: refusing(503) } })
    expect(new Set(failed.asked)).toEqual(new Set(['third']))
  })

  it('of residency hold without a ledger, too', async () => {
    const config = configWith({
      providers: { third: { regions: ['eu'] } },
      tenant: { residency: 'eu' },
    })
    const { asked } = await ask(config, { answers: { third: refusing(503) } })
    expect(new Set(asked)).toEqual(new Set(['third']))
    expect((await explained(config)).constraints).toEqual([
      { source: "the tenant's residency", constraint: { regions: ['eu'] } },
    ])
  })

  it('are met by a target that declares its own region within its provider', async () => {
    const config = configWith({
      targets: { 'm@backup': { regions: ['eu'] } },
      tenant: { constraints: { regions: ['eu'] } },
    })
    expect((await ask(config)).asked).toEqual(['backup'])
  })
})

describe('tags that are facts', () => {
  const config = configWith({
    rules: [
      { name: 'code', when: { class: 'code' }, then: { constrain: { allow: ['*@backup'] } } },
      {
        name: 'careful',
        when: { dataClass: 'regulated' },
        then: { constrain: { allow: ['*@third'] } },
      },
    ],
  })

  it('give the class of a request and of its data', async () => {
    expect((await ask(config, { tags: 'class=code' })).asked).toEqual(['backup'])
    expect((await ask(config, { tags: 'data=regulated' })).asked).toEqual(['third'])
  })

  it('that mean nothing are refused where they are read, and ignored where they are not', async () => {
    const { response, error } = await ask(config, { tags: 'class=poetry' })
    expect(response.status).toBe(400)
    expect((error as { message: string }).message).toContain(
      'x-switchyard-tags: "class" must be one of',
    )
    expect((await ask(settings, { tags: 'class=poetry' })).asked).toEqual(['openai'])
  })

  it('cannot lower what is found in the text', async () => {
    const content = 'card 4111 1111 1111 1111'
    expect((await ask(config, { tags: 'data=public', content })).asked).toEqual(['third'])
  })

  it('are not taken from the text', async () => {
    expect((await ask(config, { content: 'class=code data=regulated' })).asked).toEqual(['openai'])
  })
})

describe('/v1/explain', () => {
  it('shows the facts, the rules that matched, and all constraints with their sources', async () => {
    const config = configWith({
      routes: { chat: { ...settings.routes.chat, constraints: { deny: ['*@openai'] } } },
      rules: [
        { name: 'never', when: { channel: 'fax' }, then: { route: 'chat' } },
        { name: 'mail', when: { found: 'email' }, then: { constrain: { allow: ['*@third'] } } },
      ],
      tenant: { tier: 'premium' },
    })
    const answer = await explained(config, {
      content: 'write to anna@firma.de',
      tags: 'channel=ide',
      deadlineMs: 900,
    })
    expect(answer).toMatchObject({
      route: 'chat',
      rules: ['mail'],
      facts: {
        class: 'chat',
        size: 'small',
        data_class: 'confidential',
        data_found: ['email'],
        tenant_tier: 'premium',
        channel: 'ide',
        latency_budget_ms: 900,
        messages: 1,
        tools: 0,
        stream: false,
      },
      constraints: [
        { source: 'the route', constraint: { deny: ['*@openai'] } },
        { source: 'the rule "mail"', constraint: { allow: ['*@third'] } },
      ],
      steps: [{ target: 'm@third' }],
    })
    expect(JSON.stringify(answer)).not.toContain('anna')
  })

  it('gathers every fact, also where nobody reads it', async () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }]
    const { facts } = await explained(settings, { content: 'a@firma.de', body: { tools } })
    expect(facts).toMatchObject({ class: 'agentic', data_found: ['email'] })
  })
})

const seed = Number(process.env['SEED'] ?? 20_261_126)
console.log(`policy requests: seed ${seed}`)

/** Regions of each provider, who may be asked, and how each of them fails. */
const worlds = fc.record({
  regions: fc.tuple(
    ...providers.map(() => fc.subarray(['eu', 'us'], { minLength: 0, maxLength: 2 })),
  ),
  allowed: fc.constantFrom('eu', 'us'),
  by: fc.constantFrom('route' as const, 'tenant' as const, 'rule' as const),
  faults: fc.tuple(
    ...providers.map(() => fc.constantFrom('ok', 'status', 'hang', 'refused', 'garbage')),
  ),
})

const faultAnswers: Readonly<Record<string, Answer>> = {
  ok: json(wholeAnswer),
  status: refusing(500),
  hang: silence,
  refused: () => Promise.reject(new TypeError('connection refused')),
  garbage: () => new Response('{"half":'),
}

describe('S2 residency', () => {
  it('no call of any request leaves the region, whatever is configured and whatever fails', async () => {
    let calls = 0
    await fc.assert(
      fc.asyncProperty(worlds, async ({ regions, allowed, by, faults }) => {
        const inside = providers.filter(
          (_, index) =>
            (regions[index] ?? []).length > 0 && regions[index]?.every((one) => one === allowed),
        )
        const constraint = { regions: [allowed] }
        const config = configWith({
          providers: Object.fromEntries(
            [...providers, 'anthropic'].map((name, index) => [
              name,
              // One more, in no route, so that the file is not refused for asking what nobody is.
              { regions: name === 'anthropic' ? [allowed] : (regions[index] ?? []) },
            ]),
          ),
          ...(by === 'tenant' ? { tenant: { constraints: constraint } } : {}),
          ...(by === 'rule'
            ? { rules: [{ name: 'r', when: {}, then: { constrain: constraint } }] }
            : {}),
          ...(by === 'route'
            ? {
                routes: {
                  chat: {
                    tiers: [...settings.routes.chat.tiers, ['claude-sonnet-4-5@anthropic']],
                    constraints: constraint,
                  },
                },
              }
            : {}),
        })
        const answers = Object.fromEntries(
          providers.map((name, index) => [name, faultAnswers[faults[index] ?? 'ok']]),
        )
        const { asked, response } = await ask(config, { answers })
        calls += asked.length
        const may = by === 'route' ? [...inside, 'anthropic'] : inside
        expect(asked.every((name) => (may as readonly string[]).includes(name))).toBe(true)
        if (may.length === 0) expect(response.status).toBe(451)
      }),
      { seed, numRuns: 150 },
    )
    expect(calls).toBeGreaterThan(50)
  }, 60_000)
})
