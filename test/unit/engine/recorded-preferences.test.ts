import { describe, expect, it } from 'vitest'
import { recordedPreferences } from '../../../worker/engine/recorded-preferences.ts'
import { FakeHost, settings, fakeRuntime } from '../../support/fake-host.ts'
import { logLine } from '../../../worker/edge/log.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { dialects } from '../../../worker/dialects/index.ts'
import { replay } from '../../../scripts/replay/replay.ts'

const providers = Object.keys(settings.providers)

describe('recordedPreferences()', () => {
  it('keeps names of providers, in any case and by their slugs, and no other word', () => {
    const asked = {
      order: ['OpenAI', 'my secret', 'anthropic'],
      only: ['another secret'],
      ignore: ['backup', 'secret', 'secret'],
      sort: 'price' as const,
    }
    expect(recordedPreferences(asked, providers)).toEqual({
      order: ['OpenAI', '?', 'anthropic'],
      only: ['?'],
      ignore: ['backup', '?', '?'],
      sort: 'price',
    })
    expect(recordedPreferences({ only: ['amazon-bedrock'] }, ['bedrock'])).toEqual({
      only: ['amazon-bedrock'],
    })
  })

  it('leaves wishes without names as they are', () => {
    const asked = { zdr: true, maxPrice: { prompt: 1 } }
    expect(recordedPreferences(asked, providers)).toBe(asked)
  })
})

describe('the record of a request', () => {
  it.each([
    { ignore: ['grandmother'], order: ['grandmother', 'backup'] },
    { only: ['grandmother'] },
    { order: ['grandmother'], allow_fallbacks: false },
  ])('does not hold what is no name, and is replayed all the same: %j', async (provider) => {
    const runtime = fakeRuntime()
    const host = new FakeHost(runtime)
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const dialect = dialects['openai-chat']
    const exchange = new Exchange('req_1', dialect, caller, 'chat', null, host.ports)
    const messages = [{ role: 'user', content: 'x' }]
    const body = JSON.stringify({ model: 'chat', messages, provider })
    const inbound = new Request('https://gateway.example/', { method: 'POST', body })
    await host.clock.run(serve(inbound, dialect, caller, exchange))
    const [record] = host.records
    if (record?.decision === undefined) throw new Error('no decision')
    expect(JSON.stringify(logLine(record))).not.toContain('grandmother')
    expect(replay(record.decision, runtime).isSame).toBe(true)
  })
})
