/* eslint-disable unicorn/no-thenable -- the outcome of a rule is called `then` and is no function */
import { describe, expect, it } from 'vitest'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import { compare } from '../../../scripts/replay/compare.ts'
import { readRecords } from '../../../scripts/replay/read-records.ts'
import { replay } from '../../../scripts/replay/replay.ts'
import { shown } from '../../../scripts/replay/show.ts'
import {
  anthropicMessages,
  parseCountTokens,
  renderCountTokens,
} from '../../../worker/dialects/anthropic-messages/index.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { logLine } from '../../../worker/edge/log.ts'
import type { Runtime } from '../../../worker/edge/runtime.ts'
import type { Caller } from '../../../worker/engine/caller.ts'
import type { DecisionRecord } from '../../../worker/engine/decision.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { serveCountTokens } from '../../../worker/engine/serve-count-tokens.ts'
import { serveExplain } from '../../../worker/engine/serve-explain.ts'
import { FakeHost, fakeRuntime, json, settings, wholeAnswer } from '../../support/fake-host.ts'

/** Requests that nothing was planned for: what their log line says of that, and that it can be made again. */

const rule = (message: string) => ({
  name: 'no-batch',
  when: { channel: 'batch' },
  then: { refuse: { status: 429, message } },
})

const file = {
  ...settings,
  ledger: { mode: 'off' },
  rules: [
    rule('batch work runs at night'),
    // Somebody reads these, so that their words have to mean something.
    { name: 'drawn', when: { class: 'image', dataClass: 'regulated' }, then: { route: 'chat' } },
  ],
  tenants: { demo: {}, narrow: { routes: ['chat'], directTargets: false } },
}
const runtime: Runtime = { ...fakeRuntime(file), environment: 'staging' }

const plain: Caller = { tenant: 'demo', keyId: 'k', profile: null }

function keyed(more: Partial<KeyProfile['grant']>, own: Partial<KeyProfile> = {}): Caller {
  const profile: KeyProfile = {
    tenantId: 'demo',
    keyId: 'k',
    keyPath: ['k'],
    grant: { ...everything, ...more },
    residency: null,
    isStrict: false,
    tier: null,
    storesAnswers: true,
    requiredTags: [],
    validForMs: 1000,
    ...own,
  }
  return { tenant: 'demo', keyId: 'k', profile }
}

interface Asked {
  readonly body?: object
  readonly caller?: Caller
  readonly tags?: string
  readonly under?: typeof runtime
}

function inboundOf({ body = {}, tags }: Asked, path: string): Request {
  return new Request(`https://gateway.example${path}`, {
    method: 'POST',
    headers: tags === undefined ? {} : { 'x-switchyard-tags': tags },
    body: JSON.stringify({
      model: 'chat',
      messages: [{ role: 'user', content: 'grandmother' }],
      ...body,
    }),
  })
}

/** The log line of a request, as it is read back, and what its caller was told. */
async function lineOf(asked: Asked) {
  const { caller = plain, under = runtime } = asked
  const host = new FakeHost(under)
  host.on('openai', json(wholeAnswer))
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const inbound = inboundOf(asked, '/v1/chat/completions')
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  const { error } = JSON.parse(await response.text()) as { error?: { message: string } }
  const [record] = host.records
  if (record === undefined) throw new Error('nothing was recorded')
  const text = JSON.stringify(logLine(record))
  const decision = (JSON.parse(text) as Record<string, DecisionRecord | undefined>)[
    'switchyard.decision'
  ]
  return { text, decision, status: response.status, message: error?.message, asked: host.asked }
}

async function decisionOf(asked: Asked): Promise<DecisionRecord> {
  const { decision } = await lineOf(asked)
  if (decision === undefined) throw new Error('there is no decision in the line')
  return decision
}

const refusals: readonly (readonly [string, Asked, object])[] = [
  [
    'that a rule refuses',
    { tags: 'channel=batch' },
    {
      refused: {
        status: 429,
        code: 'rate_limited',
        reason: 'batch work runs at night',
        rule: 'no-batch',
      },
      rules: ['no-batch'],
    },
  ],
  [
    'whose every target its key forbids',
    { caller: keyed({ regions: ['eu'] }) },
    {
      refused: { status: 403, code: 'route_forbidden' },
      exclusions: ['gpt-4.1@openai', 'm@backup', 'm@third'].map((target) => ({
        target,
        reason: 'the key that asks may not use it',
      })),
    },
  ],
  [
    'that has no target in the region of its tenant',
    { caller: keyed({ regions: ['eu'] }, { residency: 'eu' }) },
    { refused: { status: 451, code: 'region_unavailable' } },
  ],
  [
    'that no target can answer',
    { body: { provider: { only: ['nobody'] } } },
    { refused: { status: 400, code: 'invalid_request' } },
  ],
  [
    'that names nothing known',
    { body: { model: 'no-such-model' } },
    {
      names: ['no-such-model'],
      refused: {
        status: 404,
        code: 'unknown_model',
        reason: 'no route, target or model is named "no-such-model"',
      },
    },
  ],
  [
    'whose second name is unknown',
    { body: { models: ['nor-this', 'chat'] } },
    { names: ['chat', 'nor-this'], refused: { status: 404, code: 'unknown_model' } },
  ],
  [
    'of a tenant that may not name a target',
    { body: { model: 'gpt-4.1@openai' }, caller: { ...plain, tenant: 'narrow' } },
    { refused: { status: 403, code: 'route_forbidden' } },
  ],
  [
    'whose key is for other routes',
    { caller: keyed({ routes: ['other'] }) },
    { key: { grant: { routes: ['other'] } }, refused: { status: 403, code: 'route_forbidden' } },
  ],
  [
    'whose key may do something else',
    { caller: keyed({ operations: ['embeddings'] }) },
    {
      names: ['chat'],
      key: { grant: { operations: ['embeddings'] } },
      asked: { operation: 'chat', environment: 'staging' },
      refused: {
        status: 403,
        code: 'route_forbidden',
        reason: 'this key may not use the operation "chat": its scopes do not name it',
      },
    },
  ],
  [
    'whose key is for another environment',
    { caller: keyed({ environments: ['production'] }) },
    {
      key: { grant: { environments: ['production'] } },
      asked: { operation: 'chat', environment: 'staging' },
      refused: { status: 403, code: 'route_forbidden' },
    },
  ],
  [
    'without a tag that money is kept by',
    { caller: keyed({ tags: { team: 'a' } }, { requiredTags: ['team', 'feature', 'project'] }) },
    {
      asked: { missingTags: ['feature', 'project'] },
      refused: { status: 400, code: 'invalid_request' },
    },
  ],
  [
    'with a tag whose word means nothing',
    { tags: 'data=grandfathers' },
    { asked: { unreadTag: 'data' }, refused: { status: 400, code: 'invalid_request' } },
  ],
  [
    'with such a tag of its key',
    { caller: keyed({ tags: { class: 'grandfathers' } }) },
    { asked: { unreadTag: 'class' }, refused: { status: 400, code: 'invalid_request' } },
  ],
]

describe.each(refusals)('a request %s', (_, asked, expected) => {
  it('has a decision record with the reason in its log line', async () => {
    const { decision, status, text, asked: called } = await lineOf(asked)
    expect(decision).toMatchObject({ v: 1, config: runtime.version, steps: [], ...expected })
    expect(status).toBe(decision?.refused?.status)
    expect(called).toEqual([])
    expect(text).not.toContain('grandmother')
  })

  it('comes to the same refusal again, word for word', async () => {
    const { decision, message } = await lineOf(asked)
    if (decision === undefined) throw new Error('there is no decision in the line')
    const again = replay(decision, runtime)
    expect(again.isSame).toBe(true)
    expect(shown(again.planned)).toMatchObject({ kind: 'none', refused: { reason: message } })
  })

  it('is explained with the error that it would get, and all that was looked at', async () => {
    const { caller = plain } = asked
    const { status, message } = await lineOf(asked)
    const host = new FakeHost(runtime)
    const exchange = new Exchange('req_1', openAiChat, caller, 'explain', null, host.ports)
    const reader = () => (body: unknown) => openAiChat.parse(body)
    const inbound = inboundOf(asked, '/v1/explain')
    const response = await serveExplain(inbound, reader, caller, exchange)
    expect(response.status).toBe(status)
    const said = JSON.parse(await response.text()) as Record<string, unknown>
    expect(said).toMatchObject({
      object: 'switchyard.plan',
      error: { message },
      refused: { status, reason: message },
      steps: [],
      decision: { steps: [] },
    })
    const left = said['exclusions'] as readonly { target: string; reason: string }[]
    expect(said['candidates']).toMatchObject(
      left.map(({ target, reason }) => ({ target, reason, step: null })),
    )
  })
})

describe('the record of a refusal', () => {
  it('names the rule that refused in the explanation', async () => {
    const host = new FakeHost(runtime)
    const exchange = new Exchange('req_1', openAiChat, plain, 'explain', null, host.ports)
    const reader = () => (body: unknown) => openAiChat.parse(body)
    const inbound = inboundOf({ tags: 'channel=batch' }, '/v1/explain')
    const said = (await (await serveExplain(inbound, reader, plain, exchange)).json()) as object
    expect(said).toMatchObject({ rules: ['no-batch'], refused: { rule: 'no-batch' } })
  })

  it('is not taken for the same when the refusal is another one', async () => {
    const record = await decisionOf({ tags: 'channel=batch' })
    const other = fakeRuntime({ ...file, rules: [rule('batch work runs on Sundays')] })
    expect(replay(record, other).isSame).toBe(false)
    expect(replay(record, fakeRuntime({ ...file, rules: [] })).isSame).toBe(false)
    const status = {
      ...rule('x'),
      then: { refuse: { status: 503, message: 'batch work runs at night' } },
    }
    expect(replay(record, fakeRuntime({ ...file, rules: [status] })).isSame).toBe(false)
  })

  it('holds no more of a name that leads nowhere than the caller is told', async () => {
    const model = 'x'.repeat(250)
    const { decision, text } = await lineOf({ body: { model, models: ['y'.repeat(250)] } })
    expect(decision?.names).toEqual([`${'x'.repeat(197)}...`])
    expect(text).not.toContain('yyyy')
    expect(decision && replay(decision, runtime).isSame).toBe(true)
  })

  it('says nothing of the words in its tags', async () => {
    const said = await lineOf({ tags: 'data=grandfathers,feature=grandchildren' })
    expect(said.decision?.asked).toBeDefined()
    expect(said.text).not.toContain('grand')
  })

  it('holds no key and nothing beside the body where it was not refused for these', async () => {
    const caller = keyed({ operations: ['chat'] }, { requiredTags: ['team'] })
    const { decision } = await lineOf({ caller, tags: 'team=a' })
    expect(decision?.steps).toContain('gpt-4.1@openai')
    expect([decision?.key, decision?.asked]).toEqual([undefined, undefined])
    expect((await lineOf({ tags: 'channel=batch' })).decision?.asked).toBeUndefined()
  })

  it('is the same in whatever environment it is made again', async () => {
    const record = await decisionOf({ caller: keyed({ environments: ['production'] }) })
    expect(replay(record, { ...runtime, environment: 'production' }).isSame).toBe(true)
    const ask = { operation: 'chat', environment: 'production' } as const
    expect(replay({ ...record, asked: ask }, runtime).isSame).toBe(false)
  })

  it('of a count of tokens is one of a count', async () => {
    const caller = keyed({ operations: ['chat'] })
    const host = new FakeHost(runtime)
    const exchange = new Exchange(
      'req_1',
      anthropicMessages,
      caller,
      'count_tokens',
      null,
      host.ports,
    )
    const inbound = inboundOf({}, '/v1/messages/count_tokens')
    const counting = { parse: parseCountTokens, render: renderCountTokens }
    await serveCountTokens(inbound, counting, caller, exchange)
    const { decision } = host.records[0] ?? {}
    expect(decision?.asked?.operation).toBe('count_tokens')
    expect(decision && replay(decision, runtime).isSame).toBe(true)
  })

  it('is not there where the configuration keeps none', async () => {
    const under = fakeRuntime({ ...file, decisions: { mode: 'off' } })
    expect((await lineOf({ tags: 'channel=batch', under })).decision).toBeUndefined()
  })
})

describe('what another configuration would change of refusals', () => {
  const linesOf = async (...all: Asked[]) =>
    readRecords((await Promise.all(all.map(lineOf))).map(({ text }) => text).join('\n')).records

  it('is what would be answered, and what would be refused for something else', async () => {
    const records = await linesOf(
      { tags: 'channel=batch' },
      { tags: 'channel=batch' },
      { body: { model: 'no-such-model' } },
      { body: { model: 'fast' } },
      {},
    )
    const other = fakeRuntime({
      ...file,
      rules: [
        {
          ...rule('never'),
          then: { refuse: { status: 403, message: 'never' } },
        },
      ],
      routes: { ...file.routes, fast: { tiers: [['m@third']] } },
    })
    expect(compare(records, other)).toMatchObject({
      records: 5,
      changed: 3,
      moves: [{ from: 'nobody', to: 'm@third', records: 1 }],
      refusals: [],
      admitted: [{ code: 'unknown_model', records: 1 }],
      otherRefusals: [{ from: 'rate_limited', to: 'route_forbidden', records: 2 }],
    })
    expect(compare(records, runtime)).toMatchObject({
      changed: 0,
      admitted: [],
      refusals: [],
      otherRefusals: [],
      routes: [],
    })
  })

  it('is where a rule would send a request, too', async () => {
    const records = await linesOf({}, {})
    const other = fakeRuntime({
      ...file,
      rules: [{ name: 'all', when: { stream: false }, then: { route: 'other' } }],
      routes: { ...file.routes, other: { tiers: [['gpt-4.1@openai']] } },
    })
    expect(compare(records, other)).toMatchObject({
      changed: 0,
      routes: [{ from: 'chat', to: 'other', records: 2 }],
    })
  })
})

describe('what another configuration would change of a pinned request', () => {
  const provider = settings.providers.openai
  const world = (home: string | null) =>
    fakeRuntime({
      ...file,
      rules: [],
      providers: {
        ...file.providers,
        openai: { ...provider, regions: ['eu'] },
        backup: { ...settings.providers.backup, regions: ['us'] },
      },
      tenants: { demo: home === null ? {} : { residency: home } },
    })
  const caller = keyed({ regions: ['eu'] }, { residency: 'eu' })

  it('is where it is processed: the answer of GET /v1/requests/{id} says how it was', async () => {
    const decision = await decisionOf({ caller, under: world('eu') })
    expect(decision).toMatchObject({ steps: ['gpt-4.1@openai'], key: { residency: 'eu' } })
    const view = {
      id: 'req_1',
      object: 'request',
      route: 'chat',
      region: 'eu',
      usage: { input_tokens: 1000, output_tokens: 0 },
      cost_usd: '0.002',
      decision,
    }
    const { records } = readRecords(JSON.stringify(view))
    expect(records).toHaveLength(1)
    expect(replay(decision, world('eu')).isSame).toBe(true)
    expect(compare(records, world('eu'))).toMatchObject({
      changed: 0,
      residency: [],
      cost: { records: 1, beforeNanoUsd: 2_000_000, afterNanoUsd: 2_000_000 },
    })
    expect(compare(records, world('us'))).toMatchObject({
      changed: 1,
      moves: [{ from: 'gpt-4.1@openai', to: 'm@backup', records: 1 }],
      regions: [{ from: 'eu', to: 'us', records: 1 }],
      residency: [{ from: 'eu', to: 'us', records: 1 }],
    })
    expect(compare(records, world(null))).toMatchObject({
      residency: [{ from: 'eu', to: 'not pinned by this file', records: 1 }],
    })
  })
})
