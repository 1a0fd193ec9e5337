import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import type { MoneyPort } from '../../../worker/engine/money-port.ts'
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
import { answerCost, budget, n, runtime, Town, worstOf } from '../edge/ledger/support.ts'

/** Days that an operator remembers, each from the first request to the last, in one isolate. */

/** Two clouds in one region, one in another. */
function configOf(tiers: readonly (readonly string[])[], tenant: object = {}): object {
  const placed = { openai: ['us'], backup: ['us'], third: ['eu'] }
  return {
    ...settings,
    ledger: { mode: 'off' },
    providers: Object.fromEntries(
      Object.entries(settings.providers).map(([id, provider]) => [
        id,
        { ...provider, regions: placed[id as keyof typeof placed] ?? ['us'] },
      ]),
    ),
    routes: { chat: { tiers } },
    tenants: { demo: tenant },
  }
}

interface Day {
  readonly host: FakeHost
  ask(): Promise<{ status: number; provider: string | null; attempts: number }>
}

function dayOf(config: object, money?: MoneyPort): Day {
  const host = new FakeHost(fakeRuntime(config), null, money)
  let number = 0
  return {
    host,
    ask: async () => {
      number += 1
      const { caller } = billing
      const exchange = new Exchange(`req_${number}`, openAiChat, caller, 'chat', null, host.ports)
      const body = { model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }
      const inbound = new Request('https://gateway.example/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify(body),
      })
      const answer = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
      await answer.text()
      await host.clock.advance(200)
      return {
        status: answer.status,
        provider: answer.headers.get('x-switchyard-provider'),
        attempts: Number(answer.headers.get('x-switchyard-attempts')),
      }
    },
  }
}

describe('a regional outage', () => {
  it('is answered from the region that is left, and soon without asking the one that is away', async () => {
    const day = dayOf(configOf([['gpt-4.1@openai'], ['m@third']]))
    for (const name of ['openai', 'third']) day.host.on(name, json(wholeAnswer))
    expect(await day.ask()).toEqual({ status: 200, provider: 'openai', attempts: 1 })
    // Every connection into the region fails from here on.
    day.host.on('openai', () => Promise.reject(new Error('unreachable')))
    const during = []
    for (let request = 0; request < 40; request += 1) during.push(await day.ask())
    expect(new Set(during.map(({ status, provider }) => `${status} ${provider}`))).toEqual(
      new Set(['200 third']),
    )
    // A suspect is still asked five times a second at most, so that its return is seen.
    const quick = during.slice(10).filter(({ attempts }) => attempts === 1)
    expect(quick.length).toBeGreaterThan(15)
    day.host.on('openai', json(wholeAnswer))
    await day.host.clock.advance(60_000)
    const after = []
    for (let request = 0; request < 40; request += 1) after.push((await day.ask()).provider)
    expect(after.slice(-10)).toEqual(Array.from({ length: 10 }, () => 'openai'))
  })

  it('is told to a tenant that is held to that region: it is never answered from elsewhere', async () => {
    const day = dayOf(
      configOf([['gpt-4.1@openai'], ['m@backup'], ['m@third']], {
        constraints: { regions: ['us'] },
      }),
    )
    day.host.on('third', json(wholeAnswer))
    for (let request = 0; request < 20; request += 1)
      expect([502, 503]).toContain((await day.ask()).status)
    expect(new Set(day.host.asked)).toEqual(new Set(['openai', 'backup']))
  })
})

describe('a burst of 429 under a budget', () => {
  it('is answered by the second provider, and the budget holds to the nano-dollar', async () => {
    const cap = n(20 * answerCost + worstOf(50))
    const town = new Town({ budgets: [budget('b', { capNanoUsd: cap })] })
    const isolate = town.isolate()
    const host = new FakeHost(runtime, null, isolate.money(), town.clock)
    host.on('openai', refusing(429, { message: 'slow down' }, { 'retry-after': '20' }))
    host.on('backup', json(wholeAnswer))
    const statuses: number[] = []
    for (let request = 0; request < 40; request += 1) {
      const ports = { ...host.ports, money: isolate.money() }
      const { caller } = billing
      const exchange = new Exchange(`req_${request}`, openAiChat, caller, 'chat', null, ports)
      const messages = [{ role: 'user', content: 'Hello' }]
      const inbound = new Request('https://gateway.example/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify({ model: 'chat', messages, max_tokens: 50 }),
      })
      const answer = await town.clock.run(serve(inbound, openAiChat, caller, exchange))
      await answer.text()
      statuses.push(answer.status)
      await town.clock.advance(500)
    }
    await town.settle(30_000)
    const answered = statuses.filter((status) => status === 200).length
    // Behind twenty answers exactly one more worst case is left.
    expect([answered, new Set(statuses)]).toEqual([21, new Set([200, 402])])
    // It asked to be left alone, and is.
    expect(host.asked.filter((name) => name === 'openai')).toHaveLength(1)
    expect(town.account.charged).toBeLessThanOrEqual(cap)
    expect(town.account.charged).toBe(21 * answerCost)
  })
})
