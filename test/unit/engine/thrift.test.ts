import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { unmetered } from '../../../worker/engine/money-port.ts'
import { serve } from '../../../worker/engine/serve.ts'
import { billing, FakeHost, json, wholeAnswer } from '../../support/fake-host.ts'

const { caller } = billing
const models = ['claude-sonnet-4-5@anthropic', 'gpt-4.1@openai']

async function ask(asksToDegrade: boolean): Promise<{ response: Response; asked: string[] }> {
  const money = { ...unmetered, asksToDegrade: () => asksToDegrade }
  const host = new FakeHost(undefined, null, money).on('openai', json(wholeAnswer))
  host.on(
    'anthropic',
    json({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5',
      content: [{ type: 'text', text: 'Hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    }),
  )
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ models, max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
  const response = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
  return { response, asked: host.asked }
}

describe('a budget that has crossed a threshold for cheaper targets', () => {
  it('has the cheapest target of the plan asked first, and says so', async () => {
    const { response, asked } = await ask(true)
    expect(asked).toEqual(['openai'])
    expect(response.headers.get('x-switchyard-degraded')).toBe('smaller-model')
    expect(response.headers.get('x-switchyard-reason')).toContain('a threshold of its budget')
  })

  it('changes nothing before', async () => {
    const { response, asked } = await ask(false)
    expect(asked).toEqual(['anthropic'])
    expect(response.headers.get('x-switchyard-degraded')).toBeNull()
  })
})
