import { describe, expect, test } from 'vitest'
import type { CanonicalEvent } from '../../../worker/canonical/events.ts'
import { failure } from '../../../worker/canonical/failure.ts'
import type { EventDecoder } from '../../../worker/streams/event-decoder.ts'
import type { WireMessage } from '../../../worker/streams/framer.ts'
import { StreamDecoder } from '../../../worker/streams/stream-decoder.ts'
import { bytesOf, everySplit } from '../../support/framing.ts'

const finish: CanonicalEvent = { type: 'finish', choices: [{ choice: 0, reason: 'stop' }] }

/** Understands `{"text": ...}`, `finish`, `finish and more`, `throw` and `throw after text`. */
class PlainDecoder implements EventDecoder {
  messagesAfterEnd = 0
  #ended = false

  decode(message: WireMessage, out: CanonicalEvent[]): void {
    if (this.#ended) this.messagesAfterEnd += 1
    if (message.data.startsWith('throw')) {
      if (message.data !== 'throw') out.push({ type: 'text', choice: 0, text: 'half' })
      throw new Error('sk-secret')
    }
    if (message.data.startsWith('finish')) {
      this.#ended = true
      out.push(finish)
      if (message.data !== 'finish') out.push({ type: 'text', choice: 0, text: 'late' }, finish)
      return
    }
    try {
      const { text } = JSON.parse(message.data) as { text: string }
      out.push({ type: 'text', choice: 0, text })
    } catch {
      out.push({ type: 'failure', failure: failure('malformed', 'no JSON') })
    }
  }

  end(out: CanonicalEvent[]): void {
    out.push({ type: 'failure', failure: failure('truncated', 'no end mark') })
  }
}

function run(pieces: readonly Uint8Array[], decoder: EventDecoder = new PlainDecoder()): string[] {
  const stream = new StreamDecoder('sse', decoder, { maxMessageBytes: 64 })
  const events = [...pieces.flatMap((piece) => stream.push(piece)), ...stream.end()]
  expect(stream.ended).toBe(true)
  expect(stream.push(bytesOf('data: finish\n\n'))).toEqual([])
  expect(stream.end()).toEqual([])
  return events.map((event) => {
    if (event.type === 'text') return event.text
    return event.type === 'failure' ? event.failure.class : event.type
  })
}

const hello = 'data: {"text":"a"}\n\ndata: {"text":"b"}\n\n'

describe('StreamDecoder gives exactly one terminal event, for every split', () => {
  test.each([
    ['an end mark', `${hello}data: finish\n\n`, ['a', 'b', 'finish']],
    ['an end mark without a blank line', `${hello}data: finish`, ['a', 'b', 'finish']],
    ['anything after the end mark', `data: finish\n\n${hello}data: finish\n\n`, ['finish']],
    ['a decoder that goes on after its end', 'data: finish and more\n\n', ['finish']],
    ['no end mark', hello, ['a', 'b', 'truncated']],
    ['no bytes', '', ['truncated']],
    ['a message that was cut', `${hello}data: {"te`, ['a', 'b', 'truncated']],
    ['a message that is garbled', `${hello}data: {"te\n\n`, ['a', 'b', 'malformed']],
    ['a decoder that throws', `${hello}data: throw\n\n${hello}`, ['a', 'b', 'malformed']],
    ['a decoder that throws half-way', `${hello}data: throw late\n\n`, ['a', 'b', 'malformed']],
    ['a message that is too large', `${hello}data: ${'x'.repeat(70)}`, ['a', 'b', 'malformed']],
  ])('after %s', (_, text, expected) => {
    for (const pieces of everySplit(bytesOf(text))) expect(run(pieces)).toEqual(expected)
  })

  test('when a decoder throws at the end', () => {
    const decoder: EventDecoder = {
      decode: () => {},
      end: () => {
        throw new Error('broken')
      },
    }
    expect(run([bytesOf(hello)], decoder)).toEqual(['malformed'])
  })

  test('when a decoder forgets to end', () => {
    expect(run([bytesOf(hello)], { decode: () => {}, end: () => {} })).toEqual(['truncated'])
  })
})

describe('StreamDecoder', () => {
  test('feeds nothing to a decoder after its terminal event', () => {
    const decoder = new PlainDecoder()
    run([bytesOf(`data: finish\n\n${hello}`), bytesOf(hello)], decoder)
    expect(decoder.messagesAfterEnd).toBe(0)
  })

  test('says nothing of what a decoder threw', () => {
    const stream = new StreamDecoder('sse', new PlainDecoder())
    expect(JSON.stringify(stream.push(bytesOf('data: throw\n\n')))).not.toContain('secret')
  })

  test('calls a cut frame truncated, also behind an end mark that only end() would confirm', () => {
    const decoder: EventDecoder = { decode: () => {}, end: (out) => void out.push(finish) }
    const stream = new StreamDecoder('json-array', decoder)
    stream.push(bytesOf('[{"finish":true}'))
    expect(stream.end()).toMatchObject([{ type: 'failure', failure: { class: 'truncated' } }])
  })

  test('gives each caller an array of its own', () => {
    const stream = new StreamDecoder('sse', new PlainDecoder())
    const first = stream.push(bytesOf(hello))
    stream.push(bytesOf(hello))
    expect(first).toHaveLength(2)
  })
})
