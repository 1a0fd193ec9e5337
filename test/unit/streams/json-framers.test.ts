import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  bytesOf,
  everySplit,
  expectSplitInvariance,
  frame,
  frameText,
  streamsOf,
} from '../../support/framing.ts'

function dataOf(framed: ReturnType<typeof frame>): string[] {
  return framed.messages.map((message) => message.data)
}

describe('JsonLinesFramer', () => {
  const stream = '\uFEFF{"a":"ž😀"}\r\n\r\n  \n{"b":"x\uFEFF"}\n{"last":true}'

  test('reads LF and CRLF, ignores blank lines, and needs no end of the last line', () => {
    for (const pieces of everySplit(bytesOf(stream))) {
      const framed = frame('json-lines', pieces)
      expect(dataOf(framed)).toEqual(['{"a":"ž😀"}', '{"b":"x\uFEFF"}', '{"last":true}'])
      expect(framed.fault).toBeNull()
    }
  })

  test('gives the same lines for every split of generated streams', () => {
    expectSplitInvariance(
      'json-lines',
      streamsOf(['\n', '\r\n', '\r', '{"a":1}', ' ', '\uFEFF', 'é😀']),
    )
  })

  test('faults on a line beyond the limit, with or without its end, and stays silent', () => {
    for (const large of ['x'.repeat(11), `${'x'.repeat(11)}\n1\n`]) {
      for (const pieces of everySplit(bytesOf(`0\n${large}`))) {
        const framed = frame('json-lines', pieces, { maxMessageBytes: 10 })
        expect(dataOf(framed)).toEqual(['0'])
        expect(framed.fault).toMatch('larger than 10 bytes')
      }
    }
    expect(frameText('json-lines', 'x'.repeat(10), { maxMessageBytes: 10 }).fault).toBeNull()
  })
})

describe('JsonArrayFramer', () => {
  const elements = [
    '{"text":"a ] } , [ \\" \\\\","n":[1,{"m":[]}]}',
    '"a, \\"]\\" \\\\"',
    '-1.5e3',
    'null',
    '[[],{}]',
    '{"ž":"😀"}',
  ]

  test.each(['[%]', '\uFEFF [\n%\n]\r\n', ' [ % ] '])(
    'cuts %j at its top-level commas',
    (around) => {
      for (const separator of [',', ',\n', '\r\n,\r\n ']) {
        const text = around.replace('%', () => elements.join(separator))
        for (const pieces of everySplit(bytesOf(text))) {
          const framed = frame('json-array', pieces)
          expect(dataOf(framed)).toEqual(elements)
          expect(framed.fault).toBeNull()
        }
      }
    },
  )

  test('hands an element over before the comma behind it comes', () => {
    expect(dataOf(frameText('json-array', '[{"a":1}'))).toEqual(['{"a":1}'])
    expect(dataOf(frameText('json-array', '[1'))).toEqual([])
  })

  test('reads a recorded Gemini stream', () => {
    const bytes = readFileSync('test/fixtures/streams/gemini-array-tool-call.json')
    const whole: unknown = JSON.parse(bytes.toString())
    for (const pieces of everySplit(bytes)) {
      const framed = frame('json-array', pieces)
      expect(dataOf(framed).map((data) => JSON.parse(data) as unknown)).toEqual(whole)
      expect(framed.fault).toBeNull()
    }
  })

  test('gives the same elements for every split of generated streams', () => {
    const pieces = [
      '[',
      ']',
      '{',
      '}',
      ',',
      ',\n',
      '"',
      '\\',
      '\\"',
      '1',
      'null',
      '{"a":"b"}',
      ' ',
      '\uFEFF',
    ]
    expectSplitInvariance('json-array', streamsOf(pieces))
    expectSplitInvariance(
      'json-array',
      streamsOf([...pieces, '{"a":[1,"]"]},', '"x",']).map((bytes) =>
        Uint8Array.of(0x5b, ...bytes),
      ),
    )
  })

  test.each([
    ['', [], 'not closed'],
    ['[', [], 'not closed'],
    ['[{"a":1},', ['{"a":1}'], 'not closed'],
    ['[{"a":1},{"b":', ['{"a":1}'], 'not closed'],
    ['[{"a":1}', ['{"a":1}'], 'not closed'],
    ['[1] x', ['1'], 'after the array'],
    ['{"error":1}', [], 'not a JSON array'],
    ['[1 2]', ['1'], 'no comma'],
    ['[1,]', ['1'], 'missing'],
    ['[,1]', [], 'missing'],
  ])('faults on %j', (text, data, reason) => {
    for (const pieces of everySplit(bytesOf(text))) {
      const framed = frame('json-array', pieces)
      expect(dataOf(framed)).toEqual(data)
      expect(framed.fault).toMatch(reason)
    }
  })

  test('accepts an empty array', () => {
    expect(frameText('json-array', ' [ ] ')).toEqual({ messages: [], fault: null })
  })

  test('faults on an element beyond the limit, not on a long array or much white space', () => {
    const limits = { maxMessageBytes: 10 }
    for (const pieces of everySplit(bytesOf(`["ok","${'x'.repeat(9)}",1]`))) {
      const framed = frame('json-array', pieces, limits)
      expect(dataOf(framed)).toEqual(['"ok"'])
      expect(framed.fault).toMatch('larger than 10 bytes')
    }
    const fine = `[${' '.repeat(50)}${'"xxxxxxxx",'.repeat(9)}1]`
    expect(frameText('json-array', fine, limits).fault).toBeNull()
  })
})
