import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { keepAnswer } from '../../../worker/engine/once.ts'
import type { Claimed, OncePort, OnceRun } from '../../../worker/engine/once-port.ts'
import type { RunPort } from '../../../worker/engine/run-port.ts'
import { refusing } from '../../support/fake-host.ts'
import { ask, caller, configOf, gatewayOf } from './support.ts'

const runs: RunPort = {
  resumable: () => null,
  defer: () => {
    const headers = { location: '/v1/jobs/req_2', 'preference-applied': 'respond-async' }
    return Promise.resolve(Response.json({ id: 'req_2' }, { status: 202, headers }))
  },
}

/** Writes down how claims end. */
class Keys implements OncePort {
  readonly ended: string[] = []

  readonly run: OnceRun = {
    mostBytes: 1000,
    finish: (status) => this.#told(`finish ${status}`),
    abandon: () => this.#told('abandon'),
    lose: () => this.#told('lose'),
  }

  claim(): Promise<Claimed> {
    return Promise.resolve({ kind: 'fresh', run: this.run })
  }

  #told(how: string): Promise<void> {
    this.ended.push(how)
    return Promise.resolve()
  }
}

function deferring(route: object) {
  const once = new Keys()
  const gateway = gatewayOf(configOf(route), { ports: { runs, once } })
  gateway.host.on('openai', refusing(500))
  return { gateway, once, asking: { headers: { 'idempotency-key': 'order-1' } } }
}

describe('the promise of a job in place of an answer', () => {
  it('says what every answer says, and the record counts what was asked before it', async () => {
    const { gateway, asking } = deferring({ tiers: [['gpt-4.1@openai']], degrade: ['deferred'] })
    const { status, headers, text } = await ask(gateway, asking)
    expect([status, text]).toEqual([202, '{"id":"req_2"}'])
    const { length } = gateway.host.asked
    expect(length).toBeGreaterThan(0)
    expect(Object.fromEntries(headers)).toMatchObject({
      location: '/v1/jobs/req_2',
      'preference-applied': 'respond-async',
      'content-type': 'application/json',
      'x-switchyard-request-id': 'req_1',
      'x-switchyard-config': gateway.ports.runtime.version,
      'x-switchyard-attempts': String(length),
      'server-timing': expect.stringContaining('policy;dur='),
    })
    expect(gateway.host.records).toMatchObject([
      {
        status: 202,
        ending: 'finished',
        attempts: Array.from({ length }, () => ({ outcome: 'server_error' })),
      },
    ])
  })

  it('is the answer that its idempotency key is kept for', async () => {
    const { gateway, once, asking } = deferring({
      tiers: [['gpt-4.1@openai']],
      degrade: ['deferred'],
    })
    await ask(gateway, asking)
    expect(once.ended).toEqual(['finish 202'])
  })

  it('is that also where nobody was asked before', async () => {
    const { gateway, once } = deferring({})
    const { ports } = gateway
    const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, ports)
    exchange.settle({ ending: 'finished', status: 202 })
    const promised = Promise.resolve(new Response('{}', { status: 202 }))
    await keepAnswer(promised, once.run, exchange)
    expect([exchange.bought.wasSent, once.ended]).toEqual([false, ['finish 202']])
  })
})
