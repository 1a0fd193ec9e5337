import { describe, expect, test, vi } from 'vitest'
import { createFramer } from '../../../worker/streams/create-framer.ts'
import type { Framing } from '../../../worker/streams/framer.ts'
import { encodeAwsEventStreamMessage } from '../../support/aws-event-stream.ts'
import { bytesOf } from '../../support/framing.ts'

/** One message of about `size` bytes in each way of framing. */
const messages: Readonly<Record<Framing, (size: number) => Uint8Array>> = {
  sse: (size) => bytesOf(`data: ${'y'.repeat(size)}\n\n`),
  'json-lines': (size) => bytesOf(`"${'y'.repeat(size)}"\n`),
  'json-array': (size) => bytesOf(`[{"a":"${'y'.repeat(size)}"}]`),
  'aws-event-stream': (size) =>
    encodeAwsEventStreamMessage({ ':event-type': 'x' }, bytesOf('y'.repeat(size))),
}

type Method = (...values: never[]) => unknown

/**
 * Replaces methods by ones that count how much they go through, and puts them
 * back. Counting work and not time: the machine may be busy.
 */
function countWork(run: () => void): number {
  let work = 0
  const spies: { mockRestore(): void }[] = []
  function watch<Name extends string>(
    owner: Record<Name, Method>,
    name: Name,
    measure: (self: { readonly length: number }, values: unknown[], result: unknown) => number,
  ): void {
    const original = owner[name]
    const spy = vi.spyOn(owner as Record<string, Method>, name)
    spy.mockImplementation(function (this: { readonly length: number }, ...values: unknown[]) {
      const result = original.apply(this, values as never[])
      work += measure(this, values, result)
      return result
    })
    spies.push(spy)
  }
  const lengthOf = (value: unknown): number => (value as { readonly length: number }).length
  watch(Array.prototype as never, 'join', (_, __, text) => lengthOf(text))
  watch(String.prototype as never, 'indexOf', (self) => self.length)
  watch(String.prototype as never, 'charCodeAt', () => 1)
  watch(String.prototype as never, 'slice', (_, __, text) => lengthOf(text))
  watch(Uint8Array.prototype as never, 'set', (_, [bytes]) => lengthOf(bytes))
  watch(TextDecoder.prototype as never, 'decode', (_, [bytes]) => lengthOf(bytes ?? ''))
  try {
    run()
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  return work
}

function workOf(framing: Framing, size: number, pieceBytes: number): number {
  const bytes = messages[framing](size)
  const framer = createFramer(framing)
  let seen = 0
  const work = countWork(() => {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      framer.push(bytes.subarray(at, at + pieceBytes), (message) => {
        seen += message.data.length
      })
    }
  })
  expect(seen).toBeGreaterThanOrEqual(size)
  return work
}

describe.each(Object.keys(messages) as Framing[])('%s', (framing) => {
  test.each([1, 7, 1400])(
    'work grows with the bytes, not with their square, in pieces of %i',
    (pieceBytes) => {
      const once = workOf(framing, 30_000, pieceBytes)
      const twice = workOf(framing, 60_000, pieceBytes)
      expect(once).toBeGreaterThan(30_000)
      expect(once).toBeLessThan(30_000 * 14)
      expect(twice / once).toBeLessThan(2.2)
    },
  )
})
