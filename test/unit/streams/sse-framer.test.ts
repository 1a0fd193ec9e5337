import { createParser } from 'eventsource-parser'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SseFramer } from '../../../worker/streams/sse-framer.ts'
import {
  bytesOf,
  concatenate,
  everySplit,
  expectSplitInvariance,
  frame,
  frameText,
  seed,
  streamsOf,
} from '../../support/framing.ts'

const world =
  '\uFEFF: hello\r\nevent: first\r\ndata: {"a":1}\r\n\r\n' +
  'data:žluťoučký\ndata:  two spaces\ndata\nid: 7\nretry: 10\n\n' +
  'datum: x\ndataset:y\nevent:\rdata: 中文 😀 \uFEFF end\r\rdata: [DONE]\n\n'

const worldMessages = [
  { event: 'first', data: '{"a":1}' },
  { event: '', data: 'žluťoučký\n two spaces\n' },
  { event: '', data: '中文 😀 \uFEFF end' },
  { event: '', data: '[DONE]' },
]

describe('SseFramer reads', () => {
  test('LF, CR, CRLF, a BOM, comments, multi-line data and unknown fields', () => {
    expect(frameText('sse', world)).toEqual({ messages: worldMessages, fault: null })
  })

  test('the same messages for every split, inside characters, CRLF and the BOM', () => {
    for (const pieces of everySplit(bytesOf(world))) {
      expect(frame('sse', pieces).messages).toEqual(worldMessages)
    }
  })

  test('the same for every split of generated streams, invalid UTF-8 and limits included', () => {
    const pieces = ['\n', '\r', '\r\n', '\n\n', 'data', 'data:', ' ', 'event: e', ':', '\0', 'é😀x']
    expectSplitInvariance('sse', streamsOf([...pieces, '\uFEFF', 'data: x\n\n']))
  })

  test('what eventsource-parser reads, on generated valid streams', () => {
    console.log(`fast-check seed ${seed}`)
    const part = fc.constantFrom(
      '\n',
      '\r\n',
      '\r',
      '\n\n',
      'data: x',
      'data',
      'data:',
      ':c',
      'event: e',
      'event',
      'id:1',
      ' ',
      'é',
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const text = `${parts.join('')}\n\n`
        const expected: unknown[] = []
        const parser = createParser({
          onEvent: ({ event, data }) => expected.push({ event: event ?? '', data }),
        })
        parser.feed(text)
        expect(frameText('sse', text).messages).toEqual(expected)
      }),
      { seed, numRuns: 3000 },
    )
  })

  test('invalid UTF-8 as U+FFFD, never as an exception', () => {
    const bytes = concatenate([
      bytesOf('data: a'),
      Uint8Array.of(0xff, 0xe2, 0x82),
      bytesOf('b\n\n'),
    ])
    for (const pieces of everySplit(bytes)) {
      expect(frame('sse', pieces).messages).toEqual([{ event: '', data: 'a\uFFFD\uFFFDb' }])
    }
  })

  test('a message at once when its blank line is there, before a CR turns out to be half a CRLF', () => {
    const framer = new SseFramer()
    const seen: string[] = []
    framer.push(bytesOf('data: a\r\n\r'), (message) => seen.push(message.data))
    expect(seen).toEqual(['a'])
    framer.push(bytesOf('\ndata: b\r\n\r\n'), (message) => seen.push(message.data))
    expect(seen).toEqual(['a', 'b'])
  })
})

describe('SseFramer end()', () => {
  test.each([
    ['data: [DONE]', ['[DONE]']],
    ['data: [DONE]\n', ['[DONE]']],
    ['data: a\n\ndata: b\r', ['a', 'b']],
    ['data: a\n\ndata:', ['a']],
    ['data: a\n\nevent: x\n', ['a']],
    ['data: a\n\n: comment', ['a']],
    ['', []],
  ])('hands over the data of an event without its blank line: %j', (text, data) => {
    for (const pieces of everySplit(bytesOf(text))) {
      const framed = frame('sse', pieces)
      expect(framed.messages.map((message) => message.data)).toEqual(data)
      expect(framed.fault).toBeNull()
    }
  })
})

describe('SseFramer limits', () => {
  const limit = { maxMessageBytes: 20 }

  test.each([
    ['data', `data: ${'x'.repeat(15)}\n\n`],
    ['data in many lines', `${'data\n'.repeat(5)}\n`],
    ['an endless comment', `: ${'x'.repeat(40)}`],
    ['a line of NUL', '\0'.repeat(40)],
    ['an unknown field', `unknown: ${'x'.repeat(40)}\n\n`],
    ['an event name', `event: ${'x'.repeat(40)}\n\n`],
  ])('fault on %s and stay silent, whatever the split', (_, large) => {
    const bytes = bytesOf(`data: ok\n\n${large}data: late\n\n`)
    for (const pieces of everySplit(bytes)) {
      const framed = frame('sse', pieces, limit)
      expect(framed.messages).toEqual([{ event: '', data: 'ok' }])
      expect(framed.fault).toMatch('larger than 20 bytes')
    }
  })

  test('let an event of just the limit through, and begin anew after each', () => {
    const bytes = bytesOf(`data: ${'x'.repeat(13)}\n\n`.repeat(5))
    for (const pieces of everySplit(bytes)) {
      const framed = frame('sse', pieces, limit)
      expect(framed.messages).toHaveLength(5)
      expect(framed.fault).toBeNull()
    }
  })

  test('are not reached by any number of heartbeats', () => {
    expect(frameText('sse', ': ping\n\n'.repeat(1000), limit).fault).toBeNull()
  })
})
