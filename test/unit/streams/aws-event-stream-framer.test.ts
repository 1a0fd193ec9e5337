import { readFileSync } from 'node:fs'
import { crc32 as zlibCrc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32 } from '../../../worker/streams/crc32.ts'
import {
  encodeAwsEventStreamFrame,
  encodeAwsEventStreamMessage,
  encodeStringHeaders,
} from '../../support/aws-event-stream.ts'
import {
  bytesOf,
  concatenate,
  everySplit,
  expectSplitInvariance,
  frame,
  seed,
} from '../../support/framing.ts'

const framing = 'aws-event-stream'

function message(type: string, payload: string): Uint8Array {
  const headers = { ':event-type': type, ':message-type': 'event' }
  return encodeAwsEventStreamMessage(headers, bytesOf(payload))
}

/** Headers of every type, as the specification lists them, with a string at the end. */
const everyHeaderType = concatenate([
  Uint8Array.of(1, 0x61, 0),
  Uint8Array.of(1, 0x62, 1),
  Uint8Array.of(1, 0x63, 2, 7),
  Uint8Array.of(1, 0x64, 3, 7, 7),
  Uint8Array.of(1, 0x65, 4, 7, 7, 7, 7),
  Uint8Array.of(1, 0x66, 5, 7, 7, 7, 7, 7, 7, 7, 7),
  Uint8Array.of(1, 0x67, 6, 0, 3, 7, 7, 7),
  Uint8Array.of(1, 0x68, 8, 7, 7, 7, 7, 7, 7, 7, 7),
  Uint8Array.of(1, 0x69, 9, ...Array<number>(16).fill(7)),
  encodeStringHeaders({ ':event-type': 'late' }),
])

describe('AwsEventStreamFramer', () => {
  test.each([
    ['bedrock-converse-text.bin', 'messageStart', 'metadata'],
    ['bedrock-converse-tool-call.bin', 'messageStart', 'metadata'],
  ])('reads the recorded stream %s, the same for every split', (name, first, last) => {
    const bytes = readFileSync(`test/fixtures/streams/${name}`)
    const whole = frame(framing, [bytes])
    expect(whole.fault).toBeNull()
    expect(whole.messages.at(0)?.event).toBe(first)
    expect(whole.messages.at(-1)?.event).toBe(last)
    for (const one of whole.messages) expect(() => JSON.parse(one.data) as unknown).not.toThrow()
    for (const pieces of everySplit(bytes)) expect(frame(framing, pieces)).toEqual(whole)
  })

  test('catches every flipped byte of a recorded stream, and hands over what came before', () => {
    const bytes = readFileSync('test/fixtures/streams/bedrock-converse-text.bin')
    const whole = frame(framing, [bytes])
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Uint8Array.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      const framed = frame(framing, [flipped])
      expect(framed.fault, `byte ${at}`).toMatch('checksum')
      expect(whole.messages.slice(0, framed.messages.length)).toEqual(framed.messages)
    }
  })

  test('faults on a stream that stops inside a frame, at every byte', () => {
    const first = message('a', '{"x":1}')
    const bytes = concatenate([first, message('b', '{}')])
    for (let at = 0; at <= bytes.length; at += 1) {
      const isWhole = at === 0 || at === first.length || at === bytes.length
      expect(frame(framing, [bytes.subarray(0, at)]).fault === null, `byte ${at}`).toBe(isWhole)
    }
  })

  test('skips header values of every type', () => {
    const bytes = encodeAwsEventStreamFrame(everyHeaderType, bytesOf('ž'))
    const expected = { messages: [{ event: 'late', data: 'ž' }], fault: null }
    for (const pieces of everySplit(bytes)) expect(frame(framing, pieces)).toEqual(expected)
  })

  test.each([
    ['of an unknown type', Uint8Array.of(1, 0x61, 10, 0)],
    ['whose value is cut', Uint8Array.of(1, 0x61, 7, 0, 9, 0x61)],
    ['whose length is cut', Uint8Array.of(1, 0x61, 7, 0)],
    ['whose name is cut', Uint8Array.of(9, 0x61)],
  ])('faults on a header %s', (_, headers) => {
    const framed = frame(framing, [encodeAwsEventStreamFrame(headers, bytesOf('{}'))])
    expect(framed).toEqual({ messages: [], fault: 'a frame of the stream has unreadable headers' })
  })

  test('names exceptions and errors', () => {
    const exception = encodeAwsEventStreamMessage(
      { ':exception-type': 'throttlingException', ':message-type': 'exception' },
      bytesOf('{"message":"slow down"}'),
    )
    const error = encodeAwsEventStreamMessage(
      { ':error-code': 'InternalError', ':error-message': 'broke', ':message-type': 'error' },
      new Uint8Array(0),
    )
    expect(frame(framing, [exception, error]).messages).toEqual([
      { event: 'exception:throttlingException', data: '{"message":"slow down"}' },
      { event: 'exception:InternalError', data: '{"message":"broke"}' },
    ])
  })

  test('faults on a frame beyond the limit before its bytes come', () => {
    const bytes = message('a', 'x'.repeat(200))
    for (const pieces of everySplit(bytes.subarray(0, 20))) {
      const framed = frame(framing, [message('b', '{}'), ...pieces], { maxMessageBytes: 100 })
      expect(framed.messages).toHaveLength(1)
      expect(framed.fault).toMatch('larger than 100 bytes')
    }
    expect(frame(framing, [bytes], { maxMessageBytes: bytes.length }).fault).toBeNull()
  })

  test('faults on a frame shorter than its headers', () => {
    const frameBytes = new Uint8Array(16)
    const view = new DataView(frameBytes.buffer)
    view.setUint32(0, 16)
    view.setUint32(4, 1)
    view.setUint32(8, crc32(frameBytes.subarray(0, 8)))
    expect(frame(framing, [frameBytes]).fault).toMatch('shorter than its headers')
  })

  test('gives the same messages for every split of generated streams', () => {
    const good = fc
      .record({ type: fc.string({ maxLength: 8 }), payload: fc.string({ maxLength: 30 }) })
      .map(({ type, payload }) => message(type, payload))
    const part = fc.oneof({ weight: 9, arbitrary: good }, fc.uint8Array({ maxLength: 20 }))
    expectSplitInvariance(framing, fc.array(part, { maxLength: 5 }).map(concatenate))
  })
})

test('crc32() is the CRC-32 of zlib, in one go or in parts', () => {
  console.log(`fast-check seed ${seed}`)
  expect(crc32(bytesOf('123456789'))).toBe(0xcbf43926)
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
      expect(crc32(first)).toBe(zlibCrc32(first))
      expect(crc32(second, crc32(first))).toBe(zlibCrc32(concatenate([first, second])))
    }),
    { seed },
  )
})
