import { describe, expect, it } from 'vitest'
import { createFramer } from '../../../worker/streams/create-framer.ts'
import type { Framing } from '../../../worker/streams/framer.ts'
import { bytesOf } from '../../support/framing.ts'

/** The beginning of a message that never ends. */
const endless: readonly (readonly [Framing, string, string])[] = [
  ['sse', 'data: ', 'x'],
  ['sse', ': ', 'comment'],
  ['sse', '', 'data: x\n'],
  ['json-lines', '{"a":"', 'x'],
  ['json-array', '[{"a":"', 'x'],
]

describe('a message that never ends', () => {
  it.each(endless)('is a fault while it still comes (%s, %j then %j)', (framing, head, more) => {
    const framer = createFramer(framing, { maxMessageBytes: 1000 })
    const sink = () => undefined
    framer.push(bytesOf(head), sink)
    let pushes = 0
    while (framer.push(bytesOf(more), sink) === null && pushes < 5000) pushes += 1
    expect(pushes).toBeLessThanOrEqual(1000)
  })

  it('is a fault as soon as a frame of the AWS event stream says how long it is', () => {
    const framer = createFramer('aws-event-stream', { maxMessageBytes: 1000 })
    // Length 4 GiB - 1, headers 0, and the checksum of these eight bytes.
    const prelude = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0)
    const fault = framer.push(prelude, () => undefined)
    expect(fault).not.toBeNull()
  })
})
