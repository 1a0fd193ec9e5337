import { describe, expect, it } from 'vitest'
import { openAiChat } from '../../../worker/dialects/openai-chat/index.ts'
import { Exchange } from '../../../worker/engine/exchange.ts'
import { serve } from '../../../worker/engine/serve.ts'
import {
  billing,
  FakeHost,
  fakeRuntime,
  json,
  settings,
  wholeAnswer,
  type Answer,
} from '../../support/fake-host.ts'

/** Floors, from the answers of providers to the next request's target, through the whole gateway in virtual time. */

const tools = [{ type: 'function', function: { name: 'pay', parameters: { type: 'object' } } }]
const format = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } }

function answering(message: object, finish: string): Answer {
  const choice = { index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }
  return json({ ...wholeAnswer, choices: [choice] })
}

const calling = (args: string) =>
  answering(
    {
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'pay', arguments: args } }],
    },
    'tool_calls',
  )
const saying = (content: string) => answering({ content }, 'stop')

interface Kind {
  readonly floor: object
  readonly body: object
  readonly sound: Answer
  readonly broken: Answer
}

const kinds: readonly (readonly [string, Kind])[] = [
  [
    'tool calls',
    {
      floor: { toolCallSuccess: 0.9 },
      body: { tools },
      sound: calling('{"amount":1}'),
      broken: calling('{"amount":'),
    },
  ],
  [
    'JSON',
    {
      floor: { schemaValidity: 0.9 },
      body: { response_format: format },
      sound: saying('{"amount":1}'),
      broken: saying('{"amount":'),
    },
  ],
]

/** A gateway whose first target breaks every second answer, until it is mended. */
function worldOf({ body, sound, broken }: Kind, floors: object | undefined) {
  const route = { tiers: [['gpt-4.1@openai'], ['m@backup']], ...(floors ? { floors } : {}) }
  // Circuits watch only: what moves is moved by the floor.
  const health = { mode: 'observe' }
  const host = new FakeHost(fakeRuntime({ ...settings, health, routes: { chat: route } }))
  let isMended = false
  host.on('openai', (call, number) => {
    const asksForForm = JSON.stringify(call.body).includes(Object.keys(body)[0] ?? '')
    const answer = asksForForm ? (isMended || number % 2 === 0 ? sound : broken) : saying('Hello')
    return answer(call, number)
  })
  host.on('backup', sound)
  const ask = async (more: object = body): Promise<string | null> => {
    const { caller } = billing
    const exchange = new Exchange('req_1', openAiChat, caller, 'chat', null, host.ports)
    const inbound = new Request('https://gateway.example/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify({
        model: 'chat',
        messages: [{ role: 'user', content: 'Hello' }],
        ...more,
      }),
    })
    const answer = await host.clock.run(serve(inbound, openAiChat, caller, exchange))
    await answer.text()
    await host.clock.advance(1000)
    return answer.headers.get('x-switchyard-provider')
  }
  const times = async (count: number, more?: object) => {
    const all: (string | null)[] = []
    for (let request = 0; request < count; request += 1) all.push(await ask(more))
    return all
  }
  return { host, times, mend: () => (isMended = true) }
}

describe.each(kinds)('a floor for %s', (_what, kind) => {
  const floors = { ...kind.floor, minSamples: 5 }

  it('moves requests of that kind, and no others, from a target whose answers fall below it', async () => {
    const { times } = worldOf(kind, floors)
    expect(new Set(await times(5))).toEqual(new Set(['openai']))
    await times(40)
    expect(new Set(await times(20))).toEqual(new Set(['backup']))
    expect(new Set(await times(5, {}))).toEqual(new Set(['openai']))
  })

  it('brings them back when the answers hold again', async () => {
    const { host, times, mend } = worldOf(kind, floors)
    await times(45)
    mend()
    // What it saw has to grow old before it is tried again.
    await host.clock.advance(20 * 60_000)
    await times(60)
    expect(new Set(await times(20))).toEqual(new Set(['openai']))
  })

  it('is what moves them: without it they stay', async () => {
    const { times } = worldOf(kind, undefined)
    await times(45)
    expect(new Set(await times(20))).toEqual(new Set(['openai']))
  })
})
