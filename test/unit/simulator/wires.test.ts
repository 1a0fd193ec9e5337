import { describe, expect, it } from 'vitest'
import { hurtStream } from '../../../simulator/apply-faults.ts'
import type { Fault } from '../../../simulator/faults.ts'
import type { JsonObject } from '../../../simulator/json.ts'
import { planAnswer } from '../../../simulator/plan-answer.ts'
import { vendorOf } from '../../../simulator/vendors.ts'
import type { Writing } from '../../../simulator/wire.ts'
import { wires } from '../../../simulator/wires/index.ts'
import { type CanonicalEvent, isTerminal } from '../../../worker/canonical/events.ts'
import type { CanonicalRequest } from '../../../worker/canonical/request.ts'
import { adapterOf, adapters } from '../../../worker/providers/index.ts'
import { StreamDecoder } from '../../../worker/streams/stream-decoder.ts'

/*
 * The simulator and the gateway's adapters were written apart. Here each reads
 * the other: the adapter writes a request, the simulator checks it as the
 * vendor would and answers, and the adapter reads the answer.
 */

const chat: CanonicalRequest = {
  model: 'm',
  messages: [
    { role: 'system', content: [{ type: 'text', text: 'Be kind.' }] },
    { role: 'user', content: [{ type: 'text', text: 'good morning' }] },
  ],
  sampling: { temperature: 0.5 },
  maxOutputTokens: 4000,
  stream: false,
  includeUsage: true,
  includeCost: false,
}

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ kind: 'function', name: 'weather', description: 'x', parameters: schema }] as const

function writingOf(provider: string, request: CanonicalRequest): Writing {
  const adapter = adapterOf(provider)
  if (adapter === undefined) throw new Error(`no adapter ${provider}`)
  const upstreamModel = provider === 'bedrock' ? 'us.anthropic.claude-opus-4-8-v1:0' : 'm'
  const encoded = adapter.encodeRequest(request, {
    upstreamModel,
    maxOutputTokens: 8000,
    options: { apiVersion: '2024-10-21', region: 'us-east-1' },
  })
  const url = new URL(`http://x${encoded.path}`)
  const call = {
    method: encoded.method,
    path: url.pathname,
    query: url.searchParams,
    headers: new Map(
      Object.entries(encoded.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    body: JSON.parse(JSON.stringify(encoded.body)) as JsonObject,
  }
  const vendor = vendorOf(provider)
  const reading = wires[vendor.wire].read(call, vendor)
  if (reading.kind !== 'answer')
    throw new Error(`refused: ${JSON.stringify(reading)} ${JSON.stringify(call.body)}`)
  const { ask } = reading
  const answer = planAnswer(ask, { sequence: 1, cacheRead: 0, cacheWrite: 0 })
  return { vendor, call, ask, answer, withUsage: true, sequence: 1, createdS: 1_790_000_000 }
}

/** What the gateway reads: whole, or streamed and hurt by `faults`. */
function eventsOf(
  provider: string,
  request: CanonicalRequest,
  faults: readonly Fault[] = [],
): readonly CanonicalEvent[] {
  const adapter = adapterOf(provider)
  if (adapter === undefined) throw new Error(`no adapter ${provider}`)
  const writing = writingOf(provider, request)
  const wire = wires[writing.vendor.wire]
  if (!request.stream) {
    return adapter.decodeResponse(JSON.parse(JSON.stringify(wire.writeJson(writing))) as unknown)
  }
  const failed = { status: 503, message: 'simulated' }
  const { chunks } = hurtStream(wire.writeStream(writing), faults, {
    corrupt: (frame) => wire.corrupt(frame),
    errorFrames: (isFirst) => wire.writeErrorFrames(failed, writing, isFirst),
  })
  const decoder = new StreamDecoder(adapter.framing, adapter.createDecoder())
  return [...chunks.flatMap((chunk) => decoder.push(chunk.bytes)), ...decoder.end()]
}

function joined(
  events: readonly CanonicalEvent[],
  type: 'text' | 'reasoning' | 'toolCallArguments',
): string {
  return events.flatMap((event) => (event.type === type ? [event.text] : [])).join('')
}

const terminals = (events: readonly CanonicalEvent[]) => events.filter(isTerminal)

describe.each([...adapters.keys()])('%s', (provider) => {
  const streamed = { ...chat, stream: true }

  it.each([
    ['whole', chat],
    ['streamed', streamed],
  ])('the adapter reads an answer, %s', (_name, request) => {
    const events = eventsOf(provider, request)
    expect(joined(events, 'text')).toBe('You said: good morning')
    expect(terminals(events)).toMatchObject([{ type: 'finish', choices: [{ reason: 'stop' }] }])
    const usages = events.flatMap((event) => (event.type === 'usage' ? [event.usage] : []))
    expect(usages.at(-1)?.outputTokens).toBe(writingOf(provider, request).answer.tokens.output)
    expect(usages.at(-1)?.inputTokens).toBe(writingOf(provider, request).answer.tokens.input)
  })

  it.each([false, true])('a tool loop goes round, streamed: %s', (stream) => {
    const asking = { ...chat, tools, stream }
    const first = eventsOf(provider, asking)
    const start = first.find((event) => event.type === 'toolCallStart')
    expect(start).toMatchObject({ name: 'weather' })
    const args = joined(first, 'toolCallArguments')
    expect(JSON.parse(args)).toEqual({ city: 'sample city' })
    expect(terminals(first)).toMatchObject([{ choices: [{ reason: 'toolCalls' }] }])
    const id = start?.type === 'toolCallStart' ? start.id : ''
    const second = eventsOf(provider, {
      ...asking,
      messages: [
        ...chat.messages,
        {
          role: 'assistant',
          content: [{ type: 'toolCall', id, name: 'weather', arguments: args }],
        },
        {
          role: 'user',
          content: [
            {
              type: 'toolResult',
              toolCallId: id,
              name: 'weather',
              content: [{ type: 'text', text: 'sunny' }],
            },
          ],
        },
      ],
    })
    expect(joined(second, 'text')).toContain('sunny')
  })

  it('takes what another vendor, or another dialect, allows to be longer', () => {
    // DeepSeek's ids, the user of Claude Code, and ids with characters of their own.
    for (const id of [`call_00_${'x'.repeat(35)}`, `functions.weather:0/${'y'.repeat(80)}`]) {
      const call = { type: 'toolCall', id, name: 'weather', arguments: '{"city":"x"}' } as const
      const content = [{ type: 'text', text: 'sunny' }] as const
      const second = eventsOf(provider, {
        ...chat,
        userId: `user_${'u'.repeat(140)}`,
        tools,
        messages: [
          ...chat.messages,
          { role: 'assistant', content: [call] },
          {
            role: 'user',
            content: [{ type: 'toolResult', toolCallId: id, name: 'weather', content }],
          },
        ],
      })
      expect(joined(second, 'text')).toContain('sunny')
    }
  })

  it.each<[string, Fault]>([
    ['in-band error', { kind: 'errorEvent', afterEvents: 2 }],
    ['in-band error at once', { kind: 'errorEvent', afterEvents: 0 }],
    ['broken event', { kind: 'malformed', afterEvents: 1 }],
    ['early end', { kind: 'truncate', afterEvents: 2 }],
    ['missing end', { kind: 'truncate', afterEvents: 1 }],
  ])('the adapter sees an %s as a failure', (_name, fault) => {
    expect(terminals(eventsOf(provider, streamed, [fault]))).toMatchObject([{ type: 'failure' }])
  })

  it('errors in the vendor’s form are read with their class', () => {
    const vendor = vendorOf(provider)
    const adapter = adapterOf(provider)
    const classOf = (status: number) => {
      const error = wires[vendor.wire].writeError({ status, message: 'simulated' }, vendor)
      const headers = new Map(Object.entries(error.headers))
      return adapter?.decodeFailure(status, headers, JSON.stringify(error.body)).class
    }
    expect(classOf(429)).toBe('rate_limited')
    expect(classOf(401)).toBe('auth')
    expect(['server_error', 'overloaded']).toContain(classOf(503))
    expect(classOf(500)).toBe('server_error')
    expect(classOf(400)).toBe('bad_request')
  })
})
