import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../worker/dialects/dialect.ts'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { HeaderTemplates } from '../../../worker/engine/header-templates.ts'
import { serve } from '../../../worker/engine/serve.ts'
import {
  billing,
  FakeHost,
  fakeRuntime,
  json,
  refusing,
  settings,
  wholeAnswer,
} from '../../support/fake-host.ts'

function world() {
  const [first = '', second = ''] = Object.keys(settings.targets)
  const routes = { chat: { tiers: [[first], [second]] } }
  const host = new FakeHost(fakeRuntime({ ...settings, routes }))
  let number = 0
  const ask = async (more: object = {}, dialect: Dialect = openAiChat) => {
    number += 1
    const id = `req_${number}`
    const exchange = new Exchange(id, dialect, billing.caller, 'chat', null, host.ports)
    const messages = [{ role: 'user', content: 'Hello' }]
    const body = { model: 'chat', max_tokens: 100, messages, ...more }
    const inbound = new Request('https://gateway.example/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(body),
    })
    const answer = await host.clock.run(serve(inbound, dialect, billing.caller, exchange))
    await answer.text()
    return Object.fromEntries(answer.headers)
  }
  return { host, ask }
}

describe('headers of answers', () => {
  it('that have much in common say of each what is its own', async () => {
    const { host, ask } = world()
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    const warned = await ask({ provider: { sort: 'throughput' } })
    const plain = await ask()
    expect(warned['x-switchyard-warning']).toContain('provider.sort')
    expect(plain['x-switchyard-warning']).toBeUndefined()
    expect([warned['x-switchyard-request-id'], plain['x-switchyard-request-id']]).toEqual([
      'req_1',
      'req_2',
    ])
    expect(plain).toMatchObject({
      'content-type': 'application/json',
      'x-switchyard-route': 'chat',
      'x-switchyard-provider': 'openai',
      'x-switchyard-attempts': '1',
      'x-request-id': 'req_2',
    })
    expect(plain['server-timing']).toContain('upstream;dur=')
  })

  it('have nothing of the last answer that said more', async () => {
    const { host, ask } = world()
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    const plain = await ask()
    const warned = await ask({ provider: { sort: 'throughput' } })
    const again = await ask()
    const names = (headers: object) => Object.keys(headers).toSorted()
    expect(names(again)).toEqual(names(plain))
    expect(names(warned)).toEqual([...names(plain), 'x-switchyard-warning'].toSorted())
  })

  it('name the request as the dialect does', async () => {
    const { host, ask } = world()
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    const openAi = await ask()
    const anthropic = await ask({}, anthropicMessages)
    expect([openAi['x-request-id'], openAi['request-id']]).toEqual(['req_1', undefined])
    expect([anthropic['x-request-id'], anthropic['request-id']]).toEqual([undefined, 'req_2'])
  })

  it('tell of another target, another number of calls and another reason', async () => {
    const { host, ask } = world()
    host.on('openai', json(wholeAnswer)).on('backup', json(wholeAnswer))
    const before = await ask()
    host.on('openai', refusing(500))
    const after = await ask()
    expect(before).toMatchObject({
      'x-switchyard-provider': 'openai',
      'x-switchyard-attempts': '1',
    })
    expect(after['x-switchyard-provider']).toBe('backup')
    expect(Number(after['x-switchyard-attempts'])).toBeGreaterThan(1)
    expect(after['x-switchyard-reason']).toContain('failed before')
  })
})

describe('HeaderTemplates', () => {
  it('makes one once for each key, and keeps no more than it may', () => {
    const templates = new HeaderTemplates()
    let made = 0
    const of = (key: string) =>
      templates.of(key, () => {
        made += 1
        return { 'x-key': key }
      })
    expect(of('a')).toBe(of('a'))
    expect([made, of('b').like.headers.get('x-key')]).toEqual([1, 'b'])
    for (let key = 0; key < 1000; key++) of(`k${key}`)
    expect(templates.size).toBeLessThanOrEqual(256)
    expect(of('a').headers.get('x-key')).toBe('a')
  })
})
