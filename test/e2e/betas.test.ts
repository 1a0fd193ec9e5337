import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { controlSimulator, type SimulatorControl } from '../support/sdk/simulator-control.ts'
import { type RunningGateway, startGateway } from '../support/start-gateway.ts'

let gateway: RunningGateway
let simulator: SimulatorControl

beforeAll(async () => {
  gateway = await startGateway()
  simulator = controlSimulator(gateway.simulator)
}, 60_000)

beforeEach(() => simulator.reset())
afterAll(() => gateway.close(), 30_000)

const client = () => new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 })

const betas = ['context-1m-2025-08-07', 'files-api-2025-04-14']
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Hello' }]

const create = (model: string) =>
  client().beta.messages.create({ model, max_tokens: 90, messages, betas }).withResponse()

const count = (model: string) =>
  client().beta.messages.countTokens({ model, messages, betas }).withResponse()

/** The betas that the official client sends of itself beside those it is asked for. */
const sentBetas = (header: string | undefined) => (header ?? '').split(',')

describe('betas that the official client asks for', () => {
  it.each([
    ['a chat', create],
    ['a count', count],
  ])('reach Anthropic with %s', async (_what, ask) => {
    const { response } = await ask('claude-sonnet-4-5@anthropic')
    expect(response.headers.get('x-switchyard-warning')).toBeNull()
    const [seen] = await simulator.requests('anthropic')
    expect(sentBetas(seen?.headers['anthropic-beta'])).toEqual(expect.arrayContaining(betas))
    expect(seen?.body).not.toHaveProperty('betas')
  })

  it('reach Anthropic with a stream', async () => {
    const model = 'claude-sonnet-4-5@anthropic'
    const stream = client().beta.messages.stream({ model, max_tokens: 90, messages, betas })
    await stream.finalMessage()
    const [seen] = await simulator.requests('anthropic')
    expect(sentBetas(seen?.headers['anthropic-beta'])).toEqual(expect.arrayContaining(betas))
  })

  it.each([
    ['a chat', 'gpt-4.1@openai', create],
    ['a chat', 'claude-sonnet-4-5@bedrock', create],
    ['a count', 'gemini-2.5-flash@gemini', count],
  ])('are named when %s goes to another wire: %s', async (_what, model, ask) => {
    const { response } = await ask(model)
    expect(response.headers.get('x-switchyard-warning')).toBe(
      `${model} does not know anthropic-beta; not sent`,
    )
    const [seen] = await simulator.requests()
    expect(seen?.headers['anthropic-beta']).toBeUndefined()
  })

  it('join those of the body', async () => {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: {
        'x-api-key': gateway.key,
        'content-type': 'application/json',
        'anthropic-beta': 'b-1, c-1',
      },
      body: JSON.stringify({
        model: 'claude-sonnet-4-5@anthropic',
        max_tokens: 90,
        messages,
        betas: ['a-1', 'b-1'],
      }),
    })
    expect(response.status).toBe(200)
    const [seen] = await simulator.requests('anthropic')
    expect(seen?.headers['anthropic-beta']).toBe('a-1,b-1,c-1')
  })

  it.each(['/v1/messages', '/v1/messages/count_tokens'])(
    'are refused by the name of their header when they are none: %s',
    async (path) => {
      const response = await fetch(gateway.url + path, {
        method: 'POST',
        headers: {
          'x-api-key': gateway.key,
          'content-type': 'application/json',
          'anthropic-beta': '{"a": 1}',
        },
        body: JSON.stringify({ model: 'claude', max_tokens: 90, messages }),
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({
        error: { message: expect.stringMatching(/^anthropic-beta: must be/) },
      })
      expect(await simulator.requests()).toEqual([])
    },
  )
})
