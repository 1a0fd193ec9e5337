import { describe, expect, it } from 'vitest'
import { chunksOfSizes, hurtJson, hurtStream } from '../../../simulator/apply-faults.ts'
import type { Fault } from '../../../simulator/faults.ts'
import { commentFrame, corruptText, dataFrame, doneFrame } from '../../../simulator/frames.ts'

const frames = [
  commentFrame('hello'),
  dataFrame({ at: 1 }, { tokens: 1 }),
  dataFrame({ at: 2 }, { tokens: 1 }),
  dataFrame({ finish: true }, { mark: 'finish' }),
  doneFrame(),
]
const hurt = { corrupt: corruptText, errorFrames: () => [dataFrame({ error: 'x' })] }
const stream = (...faults: Fault[]) => {
  const { chunks, ending } = hurtStream(frames, faults, hurt)
  const tokens = chunks.reduce((sum, chunk) => sum + chunk.tokens, 0)
  return {
    text: chunks.map((chunk) => new TextDecoder().decode(chunk.bytes)).join(''),
    ending,
    tokens,
  }
}
const whole = stream().text

describe('hurtStream()', () => {
  it('changes nothing without a fault', () => {
    expect(stream()).toEqual({ text: whole, ending: 'close', tokens: 2 })
  })

  it('truncates after so many events, comments aside, and never lets the end mark through', () => {
    expect(stream({ kind: 'truncate', afterEvents: 1 })).toEqual({
      text: ': hello\n\ndata: {"at":1}\n\n',
      ending: 'close',
      tokens: 1,
    })
    expect(stream({ kind: 'truncate', afterEvents: 99 }).text).toBe(
      whole.replace('data: [DONE]\n\n', ''),
    )
    expect(stream({ kind: 'truncate', afterEvents: 0 }).text).toBe(': hello\n\n')
  })

  it('stalls at the same place, without an end', () => {
    expect(stream({ kind: 'stall', afterEvents: 1 })).toMatchObject({ ending: 'stall', tokens: 1 })
  })

  it('puts the error event in and lets nothing follow, not even a finish before it', () => {
    expect(stream({ kind: 'errorEvent', afterEvents: 99 }).text).toBe(
      ': hello\n\ndata: {"at":1}\n\ndata: {"at":2}\n\ndata: {"error":"x"}\n\n',
    )
  })

  it('breaks the JSON of one event and goes on', () => {
    expect(stream({ kind: 'malformed', afterEvents: 1 }).text).toBe(
      whole.replace('{"at":2}', '{"at'),
    )
  })

  it('cuts after so many bytes, inside an event too', () => {
    expect(stream({ kind: 'reset', afterBytes: 12 })).toEqual({
      text: whole.slice(0, 12),
      ending: 'reset',
      tokens: 1,
    })
    expect(stream({ kind: 'reset', afterBytes: 0 })).toEqual({
      text: '',
      ending: 'reset',
      tokens: 0,
    })
  })

  it('splits without a change, together with another fault', () => {
    const { chunks, ending } = hurtStream(
      frames,
      [
        { kind: 'split', bytes: 5 },
        { kind: 'reset', afterBytes: 12 },
      ],
      hurt,
    )
    expect(chunks.map((chunk) => chunk.bytes.length)).toEqual([5, 4, 3])
    expect(ending).toBe('reset')
  })
})

describe('hurtJson()', () => {
  const json = (fault: Fault) => {
    const { chunks, ending } = hurtJson({ answer: 'yes' }, 3, [fault], () => ({ error: 'x' }))
    return { text: chunks.map((chunk) => new TextDecoder().decode(chunk.bytes)).join(''), ending }
  }

  it('lets half of it out, or nothing', () => {
    expect(json({ kind: 'truncate', afterEvents: 1 })).toEqual({
      text: '{"answer',
      ending: 'close',
    })
    expect(json({ kind: 'stall', afterEvents: 0 })).toEqual({ text: '', ending: 'stall' })
  })

  it('replaces it by the error', () => {
    expect(json({ kind: 'errorEvent', afterEvents: 1 }).text).toBe('{"error":"x"}')
  })
})

describe('chunksOfSizes()', () => {
  it('cuts the given sizes and sends what is left as one more', () => {
    const sizes = (given: number[]) =>
      chunksOfSizes(new Uint8Array(10), given).map((chunk) => chunk.bytes.length)
    expect(sizes([])).toEqual([10])
    expect(sizes([3, 3])).toEqual([3, 3, 4])
    expect(sizes([8, 8, 8])).toEqual([8, 2])
  })
})
