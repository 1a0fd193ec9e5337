import { beforeAll, describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import { AnswerMemory } from '../../../worker/edge/cache/answer-memory.ts'
import { EdgeAnswers, type PlaceCache } from '../../../worker/edge/cache/edge-answers.ts'
import { createHmac } from '../../../worker/edge/access/web-hmac.ts'
import type { KeptAnswer, Question } from '../../../worker/engine/answer-port.ts'
import { everything } from '../../../durable-objects/tenant-ledger/access/grant.ts'
import type { KeyProfile } from '../../../durable-objects/tenant-ledger/access/verify.ts'
import type { Caller } from '../../../worker/engine/caller.ts'
import {
  chatRequest,
  chunk,
  event,
  json,
  refusing,
  type settings,
  streamed,
  streamEnd,
  streaming,
  UpstreamBody,
  usageOfStream,
} from '../../support/fake-host.ts'
import {
  ask,
  type Asking,
  caller,
  configOf,
  contentOf,
  type Gateway,
  gatewayOf,
  type GatewayOptions,
  installTransform,
  peppers,
  says,
  type Seen,
} from './support.ts'

beforeAll(installTransform)

const first = { cache: { mode: 'first' } }
const fallback = { tiers: [['gpt-4.1@openai']], degrade: ['cache'] }

/** A gateway whose provider says something else each time. */
function counting(route: object = first, options: GatewayOptions = {}, more: object = {}): Gateway {
  const gateway = gatewayOf(configOf(route, more), options)
  gateway.host.on('openai', (call, number) => json(says(`answer ${number}`))(call, number))
  return gateway
}

async function twice(gateway: Gateway, one: Asking = {}, two: Asking = one): Promise<Seen[]> {
  return [await ask(gateway, one), await ask(gateway, two)]
}

describe('a cache that comes first', () => {
  it('gives the same answer to the same request, and asks nobody', async () => {
    const gateway = counting()
    const [before, after] = await twice(gateway)
    expect([before, after].map((seen) => seen && contentOf(seen))).toEqual(['answer 1', 'answer 1'])
    expect(gateway.host.calls).toHaveLength(1)
    expect([before?.degraded, after?.degraded]).toEqual([null, 'cache'])
    expect(after?.headers.get('x-switchyard-attempts')).toBe('0')
    expect(after?.headers.get('x-switchyard-model')).toBe('gpt-4.1')
    expect(after?.reason).toMatch(
      /^the answer that gpt-4\.1@openai gave .* this route asks its cache/,
    )
  })

  it('keeps the exact usage, at no cost; the record says where it came from', async () => {
    const gateway = counting()
    const [, after] = await twice(gateway)
    expect(JSON.parse(after?.text ?? '')).toMatchObject({ usage: usageOfStream, cost: 0 })
    expect(gateway.host.records[1]).toMatchObject({
      servedFrom: 'cache',
      degraded: ['cache'],
      attempts: [],
      costNanoUsd: 0,
      usage: { inputTokens: 10, outputTokens: 2 },
    })
  })

  it('gives each reply an id of its own', async () => {
    const [, after] = await twice(counting(), {}, { requestId: 'req_2' })
    expect(after?.text).toContain('req_2')
    expect(after?.text).not.toContain('chatcmpl-1"')
  })

  it('keeps what a stream said, and says it as a stream or whole', async () => {
    const gateway = gatewayOf(configOf(first))
    const tail = event({
      id: 'chatcmpl-1',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta: { content: '' }, finish_reason: null }],
    })
    gateway.host.on('openai', streamed(chunk('Hel'), chunk('lo'), tail, streamEnd))
    const body = { stream: true, stream_options: { include_usage: true } }
    const [before, after] = await twice(gateway, { body })
    expect(before?.degraded).toBeNull()
    expect(after?.degraded).toBe('cache')
    expect(after?.text).toContain('"content":"Hello"')
    expect(after?.text.match(/data: \[DONE\]/g)).toHaveLength(1)
    expect(after?.text).toContain('"prompt_tokens":10')
    expect(contentOf(await ask(gateway))).toBe('Hello')
    expect(gateway.host.calls).toHaveLength(1)
  })

  it('keeps a stream that came piece by piece', async () => {
    const gateway = gatewayOf(configOf(first))
    const { clock } = gateway.host
    gateway.host.on('openai', (call, number) => {
      const body = new UpstreamBody().push(chunk('Hel'))
      clock.after(100, () => body.push(chunk('lo')))
      clock.after(200, () => body.push(streamEnd).end())
      return streaming(body)(call, number)
    })
    const body = { stream: true, stream_options: { include_usage: true } }
    const [before, after] = await twice(gateway, { body })
    expect(before?.text).toContain('"content":"lo"')
    // What is relayed is not looked into.
    expect(gateway.host.records[0]).toMatchObject({ plumbing: 'translate' })
    expect(after?.text).toContain('"content":"Hello"')
  })

  it('is asked for each dialect by itself', async () => {
    const gateway = counting()
    await twice(gateway, {}, { dialect: anthropicMessages })
    expect(gateway.host.calls).toHaveLength(2)
    const again = await ask(gateway, { dialect: anthropicMessages })
    expect(JSON.parse(again.text)).toMatchObject({
      content: [{ type: 'text', text: 'answer 2' }],
      stop_reason: 'end_turn',
    })
  })

  it('tells what its target did not honour, as the first answer did', async () => {
    const gateway = counting({ ...first, tiers: [['gpt-4.1@openai']] })
    const [before, after] = await twice(gateway, { body: { top_k: 4 } })
    expect(before?.headers.get('x-switchyard-warning')).toContain('top_k')
    expect(after?.headers.get('x-switchyard-warning')).toBe(
      before?.headers.get('x-switchyard-warning'),
    )
  })

  it('forgets after its time', async () => {
    const gateway = counting({ cache: { mode: 'first', ttlSeconds: 60 } })
    await ask(gateway)
    gateway.host.clock.nowMs += 59_000
    expect((await ask(gateway)).degraded).toBe('cache')
    gateway.host.clock.nowMs += 1000
    expect((await ask(gateway)).degraded).toBeNull()
  })

  it('keeps nothing that is larger than its bound', async () => {
    const gateway = gatewayOf(configOf({ cache: { mode: 'first', maxAnswerBytes: 1024 } }))
    gateway.host.on('openai', json(says('é'.repeat(600))))
    await twice(gateway)
    expect(gateway.host.calls).toHaveLength(2)
  })

  it('survives a store that fails', async () => {
    const answers = {
      find: () => Promise.reject(new Error('away')),
      keep: () => Promise.reject(new Error('away')),
    }
    const gateway = counting(first, { ports: { answers } })
    const [before, after] = await twice(gateway)
    expect([before?.status, after?.status]).toEqual([200, 200])
  })
})

describe('a cache as a rung', () => {
  it('is asked when nobody answers, and not before', async () => {
    const gateway = counting(fallback)
    await twice(gateway)
    expect(gateway.host.calls).toHaveLength(2)
    gateway.host.on('openai', refusing(500))
    const seen = await ask(gateway)
    expect([contentOf(seen), seen.degraded]).toEqual(['answer 2', 'cache'])
    expect(seen.reason).toContain('no target answered (server_error)')
    expect(gateway.host.records.at(-1)).toMatchObject({ servedFrom: 'cache', costNanoUsd: 0 })
    expect(gateway.host.records.at(-1)?.attempts).toHaveLength(2)
  })

  it('has nothing for a request that was never answered', async () => {
    const gateway = counting(fallback)
    await ask(gateway)
    gateway.host.on('openai', refusing(500))
    const body = { messages: [{ role: 'user', content: 'Hello!' }] }
    expect((await ask(gateway, { body })).status).toBe(503)
  })
})

describe('what is kept', () => {
  const kept = async (answer: object, route: object = first): Promise<boolean> => {
    const gateway = gatewayOf(configOf(route))
    gateway.host.on('openai', json(answer))
    await ask(gateway)
    return gateway.memory.size > 0
  }

  it('is an answer that came to its own end, and no other', async () => {
    expect(await kept(says('whole'))).toBe(true)
    expect(await kept(says('cut', 'length'))).toBe(false)
    expect(await kept(says('filtered', 'content_filter'))).toBe(false)
    const message = { role: 'assistant', content: null, refusal: 'I will not.' }
    const refusal = { ...says(''), choices: [{ index: 0, message, finish_reason: 'stop' }] }
    expect(await kept(refusal)).toBe(false)
  })

  it('is no stream that broke at any of its pieces', async () => {
    const pieces = [chunk('a'), chunk('b'), streamEnd.slice(0, 40)]
    for (let count = 1; count <= pieces.length; count++) {
      const gateway = gatewayOf(configOf(first))
      gateway.host.on('openai', streamed(...pieces.slice(0, count)))
      await ask(gateway, { body: { stream: true } })
      expect(gateway.memory.size).toBe(0)
    }
  })

  it('is no answer that its route would not take', async () => {
    const route = { cache: { mode: 'first' }, validate: { noErrorText: true } }
    const gateway = gatewayOf(configOf(route))
    gateway.host.on('openai', streamed(chunk('Internal server error'), streamEnd))
    await ask(gateway, { body: { stream: true } })
    expect(gateway.memory.size).toBe(0)
  })

  it('is no answer of a lesser tier: it is less than was asked for', async () => {
    const tiers = [{ targets: ['gpt-4.1@openai'], intent: 'smaller' }]
    expect(await kept(says('small'), { ...first, tiers })).toBe(false)
  })

  it('is nothing of a tenant that forbids it, and nothing that is regulated', async () => {
    const forbidding = counting(first, {}, { tenants: { demo: { storage: false } } })
    await twice(forbidding)
    expect([forbidding.host.calls.length, forbidding.memory.size]).toEqual([2, 0])
    const regulated = counting()
    const headers = { 'x-switchyard-tags': 'data=regulated' }
    await twice(regulated, { headers })
    expect([regulated.host.calls.length, regulated.memory.size]).toEqual([2, 0])
  })

  it('is not given to regulated requests either', async () => {
    const gateway = counting()
    const [, after] = await twice(
      gateway,
      {},
      { headers: { 'x-switchyard-tags': 'data=regulated' } },
    )
    expect(after?.degraded).toBeNull()
  })
})

describe('a hit is checked again', () => {
  const granted = (
    grant: Partial<KeyProfile['grant']>,
    more: Partial<KeyProfile> = {},
  ): Caller => ({
    tenant: 'demo',
    keyId: 'k2',
    profile: {
      tenantId: 'demo',
      keyId: 'k2',
      keyPath: ['k2'],
      residency: null,
      isStrict: false,
      tier: null,
      storesAnswers: true,
      requiredTags: [],
      validForMs: 30_000,
      grant: { ...everything, ...grant },
      ...more,
    },
  })

  it('a key that may not use the target gets none of its answers', async () => {
    const tiers = [['gpt-4.1@openai', 'm@backup']]
    const gateway = counting({ ...first, tiers })
    gateway.host.on('backup', json(says('backup')))
    expect(contentOf(await ask(gateway))).toBe('answer 1')
    const seen = await ask(gateway, { caller: granted({ models: ['m'] }) })
    expect([contentOf(seen), seen.degraded]).toEqual(['backup', null])
    const other = await ask(gateway, { caller: granted({ models: ['gpt-4.1'] }) })
    expect([contentOf(other), other.degraded]).toEqual(['answer 2', null])
  })

  it('a request that has to stay in a region gets no answer that was made elsewhere', async () => {
    const tiers = [['gpt-4.1@openai', 'm@backup']]
    const config = configOf({ ...first, tiers }) as typeof settings
    const { backup } = config.providers
    const providers = { ...config.providers, backup: { ...backup, regions: ['eu'] } }
    const gateway = gatewayOf({ ...config, providers })
    gateway.host.on('openai', json(says('made in us'))).on('backup', json(says('made in eu')))
    expect(contentOf(await ask(gateway))).toBe('made in us')
    const inEurope = granted({ regions: ['eu'] })
    const seen = await ask(gateway, { caller: inEurope })
    expect([contentOf(seen), seen.degraded]).toEqual(['made in eu', null])
    expect((await ask(gateway, { caller: inEurope })).degraded).toBe('cache')
    // The one place for this question now holds what both may have, or only the one.
    expect(contentOf(await ask(gateway))).toBe('made in eu')
  })

  it('a tenant whose ledger says that nothing is stored keeps nothing', async () => {
    const gateway = counting()
    const silent = granted({}, { storesAnswers: false })
    const [, after] = await twice(gateway, { caller: silent })
    expect([after?.degraded, gateway.memory.size]).toEqual([null, 0])
  })

  it('another tenant has nothing of it, not even where all else is the same', async () => {
    const gateway = counting()
    const other = { ...caller, tenant: 'other' }
    const [, after] = await twice(gateway, {}, { caller: other })
    expect(after && contentOf(after)).toBe('answer 2')
    const again = [await ask(gateway), await ask(gateway, { caller: other })]
    expect(again.map(contentOf)).toEqual(['answer 1', 'answer 2'])
  })

  it('another configuration has nothing of it', async () => {
    const memory = new AnswerMemory()
    await ask(counting(first, { memory }))
    const changed = counting({ cache: { mode: 'first', ttlSeconds: 100 } }, { memory })
    expect((await ask(changed)).degraded).toBeNull()
  })
})

/** The cache of a place, as the runtime has it. */
class FakePlace implements PlaceCache {
  readonly entries = new Map<string, Response>()

  match(url: string): Promise<Response | undefined> {
    return Promise.resolve(this.entries.get(url)?.clone())
  }

  put(url: string, response: Response): Promise<void> {
    this.entries.set(url, response)
    return Promise.resolve()
  }
}

describe('the cache of a place', () => {
  const webHmac = createHmac()

  function placed(place: FakePlace, clock: { nowMs: number }, memory = new AnswerMemory()) {
    return new EdgeAnswers({
      nowMs: () => clock.nowMs,
      memory,
      peppers,
      hmac: webHmac,
      openCache: () => Promise.resolve(place),
    })
  }

  const question: Question = {
    tenant: 'demo',
    route: 'chat',
    configVersion: 'v1',
    dialect: 'openai-chat',
    request: chatRequest(),
  }
  const rules = { ttlMs: 60_000, maxAnswerBytes: 10_000 }
  const answer: KeptAnswer = {
    target: 'gpt-4.1@openai',
    madeAtMs: 1000,
    events: [{ type: 'text', choice: 0, text: 'the recipe of grandmother' }],
  }

  it('has the answers of other isolates, as long as they live', async () => {
    const [place, clock] = [new FakePlace(), { nowMs: 1000 }]
    await placed(place, clock).keep(question, answer, rules)
    expect(place.entries.size).toBe(1)
    expect([...place.entries.values()][0]?.headers.get('cache-control')).toBe('max-age=60')
    expect(await placed(place, clock).find(question)).toEqual(answer)
    expect(await placed(place, clock).find({ ...question, tenant: 'other' })).toBeNull()
    clock.nowMs += 60_000
    expect(await placed(place, clock).find(question)).toBeNull()
  })

  it('brings what it has into memory, for no longer than it had left', async () => {
    const [place, clock, memory] = [new FakePlace(), { nowMs: 1000 }, new AnswerMemory()]
    await placed(place, clock).keep(question, answer, rules)
    await placed(place, clock, memory).find(question)
    place.entries.clear()
    expect(await placed(place, clock, memory).find(question)).toEqual(answer)
    clock.nowMs = 61_000
    expect(await placed(place, clock, memory).find(question)).toBeNull()
  })

  it('holds nothing that anybody could read or change without the same question and the pepper', async () => {
    const [place, clock] = [new FakePlace(), { nowMs: 1000 }]
    await placed(place, clock).keep(question, answer, rules)
    const [[url, response] = ['', new Response()]] = [...place.entries]
    const bytes = new Uint8Array(await response.clone().arrayBuffer())
    expect(new TextDecoder('latin1').decode(bytes)).not.toContain('grandmother')
    expect(url).toMatch(/^https:\/\/answers\.switchyard\.invalid\/[0-9a-f]{64}$/)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    place.entries.set(url, new Response(bytes))
    expect(await placed(place, clock).find(question)).toBeNull()
  })

  it('is not used where answers may not leave the isolate', async () => {
    const memory = new AnswerMemory()
    const answers = new EdgeAnswers({
      nowMs: () => 1000,
      memory,
      peppers,
      hmac: webHmac,
      openCache: () => null,
    })
    await answers.keep(question, answer, rules)
    expect(await answers.find(question)).toEqual(answer)
  })

  it('that fails loses nothing but its answers', async () => {
    const broken: PlaceCache = {
      match: () => Promise.reject(new Error('away')),
      put: () => Promise.reject(new Error('away')),
    }
    const memory = new AnswerMemory()
    const answers = new EdgeAnswers({
      nowMs: () => 1000,
      memory,
      peppers,
      hmac: webHmac,
      openCache: () => Promise.resolve(broken),
    })
    expect(await answers.find(question)).toBeNull()
    await answers.keep(question, answer, rules)
    expect(await answers.find(question)).toEqual(answer)
  })
})

describe('the memory of an isolate', () => {
  it('gives up the oldest answer of the tenant that has most', () => {
    const memory = new AnswerMemory({ mostCharacters: 100 })
    memory.keep('small', 'b', 'x'.repeat(10), 9)
    for (let n = 0; n < 10; n++) memory.keep(`large ${n}`, 'a', 'x'.repeat(20), 9)
    expect(memory.size).toBeLessThanOrEqual(100)
    expect(memory.find('small', 1)).not.toBeNull()
    expect(memory.find('large 0', 1)).toBeNull()
    expect(memory.find('large 9', 1)).not.toBeNull()
  })

  it('holds nothing that is larger than all of it, and counts what it replaces once', () => {
    const memory = new AnswerMemory({ mostCharacters: 100 })
    memory.keep('a', 't', 'x'.repeat(101), 9)
    expect(memory.size).toBe(0)
    memory.keep('a', 't', 'x'.repeat(60), 9)
    memory.keep('a', 't', 'x'.repeat(70), 9)
    expect(memory.size).toBe(70)
    expect(memory.find('a', 9)).toBeNull()
    expect(memory.size).toBe(0)
  })
})
