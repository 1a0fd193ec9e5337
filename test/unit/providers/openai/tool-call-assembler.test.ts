import { describe, expect, test } from 'vitest'
import { collect } from '../../../../worker/canonical/response.ts'
import { adapterOf } from '../../../../worker/providers/index.ts'
import type { CanonicalEvent } from '../../../../worker/canonical/events.ts'

/** The calls of a stream whose chunks carry these `tool_calls`. */
function callsOf(...chunks: readonly (readonly object[])[]) {
  const decoder = adapterOf('openai-compatible')?.createDecoder()
  if (decoder === undefined) throw new Error('no adapter')
  const events: CanonicalEvent[] = []
  for (const calls of chunks) {
    const chunk = { id: 'chatcmpl-A1b2', choices: [{ index: 0, delta: { tool_calls: calls } }] }
    decoder.decode({ event: '', data: JSON.stringify(chunk) }, events)
  }
  decoder.decode({ event: '', data: '[DONE]' }, events)
  const collected = collect(events)
  if (!collected.ok) throw new Error('no answer')
  return collected.response.choices[0]?.content.flatMap((block) =>
    block.type === 'toolCall' ? [[block.id, block.name, block.arguments]] : [],
  )
}

const whole = { name: 'add', arguments: '{"a":1}' }

describe('ToolCallAssembler', () => {
  test('puts fragments of one index together', () => {
    expect(
      callsOf(
        [{ index: 0, id: 'a', function: { name: 'add', arguments: '' } }],
        [{ index: 0, function: { arguments: '{"a"' } }],
        [{ index: 0, function: { arguments: ':1}' } }],
      ),
    ).toEqual([['a', 'add', '{"a":1}']])
  })

  test('keeps interleaved calls apart', () => {
    expect(
      callsOf(
        [
          { index: 0, id: 'a', function: { name: 'add', arguments: '{' } },
          { index: 1, id: 'b', function: { name: 'sub', arguments: '{' } },
        ],
        [
          { index: 1, function: { arguments: '"b":1}' } },
          { index: 0, function: { arguments: '}' } },
        ],
      ),
    ).toEqual([
      ['a', 'add', '{}'],
      ['b', 'sub', '{"b":1}'],
    ])
  })

  test('takes another id under the same index for another call', () => {
    expect(
      callsOf([{ index: 0, id: 'a', function: whole }], [{ index: 0, id: 'b', function: whole }]),
    ).toEqual([
      ['a', 'add', '{"a":1}'],
      ['b', 'add', '{"a":1}'],
    ])
  })

  test('does so also when the call before has no arguments yet', () => {
    expect(
      callsOf(
        [{ index: 0, id: 'a', function: { name: 'now', arguments: '' } }],
        [{ index: 0, id: 'b', function: { name: 'add', arguments: '' } }],
        [{ index: 0, function: { arguments: '{}' } }],
      ),
    ).toEqual([
      ['a', 'now', ''],
      ['b', 'add', '{}'],
    ])
  })

  test('does not take a repeated id and name for another call', () => {
    expect(
      callsOf(
        [{ index: 0, id: 'a', function: { name: 'add', arguments: '{"a"' } }],
        [{ index: 0, id: 'a', function: { name: 'add', arguments: ':1}' } }],
      ),
    ).toEqual([['a', 'add', '{"a":1}']])
  })

  test('tells calls apart by id where no index comes', () => {
    expect(
      callsOf([
        { id: 'a', function: whole },
        { id: 'b', function: whole },
      ]),
    ).toHaveLength(2)
  })

  test('tells whole calls apart where neither id nor index comes, and invents ids', () => {
    expect(
      callsOf([{ function: whole }], [{ function: { name: 'sub', arguments: '{}' } }]),
    ).toEqual([
      ['call_chatcmplA1b2_0', 'add', '{"a":1}'],
      ['call_chatcmplA1b2_1', 'sub', '{}'],
    ])
  })

  test.each([
    ['in pieces', 'get_', 'weather'],
    ['growing', 'get_', 'get_weather'],
    ['twice', 'get_weather', 'get_weather'],
  ])('reads a name that comes %s', (_, first, second) => {
    expect(
      callsOf(
        [{ index: 0, id: 'a', function: { name: first } }],
        [{ index: 0, function: { name: second } }],
        [{ index: 0, function: { arguments: '{}' } }],
      ),
    ).toEqual([['a', 'get_weather', '{}']])
  })

  test('writes arguments that come as an object as JSON', () => {
    expect(
      callsOf([{ index: 0, id: 'a', function: { name: 'add', arguments: { a: 1 } } }]),
    ).toEqual([['a', 'add', '{"a":1}']])
  })

  test('announces a call without arguments at the end', () => {
    expect(callsOf([{ index: 0, id: 'a', function: { name: 'now' } }])).toEqual([['a', 'now', '']])
  })
})
