import { describe, expect, it } from 'vitest'
import { anthropicMessages } from '../../../worker/dialects/anthropic-messages/index.ts'
import type { OpenStream } from '../../../worker/engine/open-stream.ts'
import { RelayAccount } from '../../../worker/engine/relay-account.ts'
import { AnthropicDecoder } from '../../../worker/providers/anthropic/decoder.ts'
import { StreamDecoder } from '../../../worker/streams/stream-decoder.ts'

const utf8 = new TextEncoder()

/** The account of a relay of Anthropic's own form, of which `text` has gone out. */
function relayed(text: string): RelayAccount {
  const eventDecoder = new AnthropicDecoder()
  const stream = {
    events: [],
    decoder: new StreamDecoder('sse', eventDecoder),
    eventDecoder,
    source: { kind: 'relay', lastRead: new Uint8Array() },
  } as unknown as OpenStream
  const account = new RelayAccount(stream, anthropicMessages)
  account.saw(utf8.encode(text))
  return account
}

function marked(data: string): [ended: string, mark: boolean] {
  const account = relayed(`event: message_stop\ndata: ${data}\n\n`)
  return [account.close().kind, account.hasEndMark]
}

describe('the end mark of a relayed stream', () => {
  it('is the type of an event, wherever it stands in it', () => {
    expect(marked('{"type":"message_stop"}')).toEqual(['finished', true])
    expect(marked('{"amazon-bedrock-invocationMetrics":{},"type":"message_stop"}')).toEqual([
      'finished',
      true,
    ])
  })

  it('is none by the name of an event alone, by which no client ends: an error event follows', () => {
    expect(marked('{" type":"message_stop"}')).toEqual(['failed', false])
    expect(marked('{"type":"ping"}')).toEqual(['failed', false])
  })

  it('counts when it is cut: a second ending behind it would be one too many', () => {
    expect(marked('{"type":"message_stop"')).toEqual(['failed', true])
  })

  it('is whole without the blank line behind it, and no mark while it is broken too', () => {
    const whole = relayed('event: message_stop\ndata: {"type":"message_stop"}\n')
    expect(whole.close().kind).toBe('finished')
    const broken = relayed('event: message_stop\ndata: {"type":"message_stop"}\v\n')
    expect([broken.close().kind, broken.hasEndMark]).toEqual(['failed', false])
    expect(broken.boundary).toBe('\n\n')
  })

  it('is not looked for where nothing has the form of an event', () => {
    expect(marked('null')).toEqual(['failed', false])
  })
})

describe('the boundary behind what was relayed', () => {
  const piece = 'event: ping\ndata: {"type":"ping"}'

  it.each(['\n\n', '\r\r', '\r\n\r\n'])(
    'is none behind a blank line of %j, however it was cut',
    (end) => {
      for (let at = 0; at <= end.length; at++) {
        const account = relayed(piece + end.slice(0, at))
        for (const character of end.slice(at)) account.saw(utf8.encode(character))
        expect([at, account.boundary]).toEqual([at, ''])
      }
    },
  )

  it('closes an event that has none', () => {
    for (const end of ['', '\n', '\r\n']) expect(relayed(piece + end).boundary).toBe('\n\n')
    expect(relayed('').boundary).toBe('\n\n')
  })
})
