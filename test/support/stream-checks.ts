import { describe, expect, test } from 'vitest'
import { type CanonicalEvent, isTerminal } from '../../worker/canonical/events.ts'
import type { ProviderAdapter } from '../../worker/providers/adapter.ts'
import { decodeStream, recorded } from './recorded-exchange.ts'

/** Feeds messages' data without framing, as the engine does: nothing after a terminal event. */
export function feed(
  adapter: ProviderAdapter,
  ...data: readonly (object | string)[]
): CanonicalEvent[] {
  const decoder = adapter.createDecoder()
  const out: CanonicalEvent[] = []
  for (const one of data) {
    if (out.some(isTerminal)) break
    decoder.decode({ event: '', data: typeof one === 'string' ? one : JSON.stringify(one) }, out)
  }
  if (!out.some(isTerminal)) decoder.end(out)
  return out
}

/** What holds for every decoder, shown on recorded streams. */
export function checkStreams(adapter: ProviderAdapter, folders: readonly string[]): void {
  describe.each(folders)(`${adapter.id} %s`, (folder) => {
    const { bytes, text } = recorded(adapter.id, folder)
    test('gives the same events byte by byte and in odd pieces', () => {
      const whole = decodeStream(adapter, bytes)
      for (const pieceBytes of [1, 3, 7, 64, 1000])
        expect(decodeStream(adapter, bytes, pieceBytes)).toEqual(whole)
    })

    test('ends in exactly one terminal event wherever it is cut', () => {
      const step = Math.max(1, Math.floor(bytes.length / 60))
      for (let length = 0; length <= bytes.length; length += step) {
        const events = decodeStream(adapter, bytes.subarray(0, length))
        expect(events.filter(isTerminal)).toHaveLength(1)
        expect(events.findIndex(isTerminal)).toBe(events.length - 1)
      }
    })

    test('is truncated without its last third, never finished', () => {
      const cut = text.slice(0, Math.floor((text.length * 2) / 3))
      const events = decodeStream(adapter, new TextEncoder().encode(cut))
      expect(events.at(-1)?.type).toBe('failure')
    })
  })

  test(`${adapter.id} decoders never throw and name what they cannot read`, () => {
    for (const garbage of ['{', 'null', '[]', '"x"', '12', '{"candidates":"x"', '\u0000'])
      expect(feed(adapter, garbage).at(-1)).toMatchObject({
        type: 'failure',
        failure: { class: 'malformed' },
      })
    for (const body of [null, 3, 'x', [], [null], {}, { choices: {} }, { message: 1 }])
      expect(adapter.decodeResponse(body).filter(isTerminal)).toHaveLength(1)
    for (const body of [
      '',
      '<html>',
      '[]',
      'null',
      '{"error":null}',
      '{"error":[1]}',
      '{"errors":[null]}',
    ])
      expect(adapter.decodeFailure(500, new Map(), body).class).toBe('server_error')
  })
}
