import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventSplitter } from '../../../durable-objects/run/event-splitter.ts'

const runId = `req_${'0'.repeat(32)}`
const utf8 = new TextEncoder()

function split(pieces: readonly string[] | readonly Uint8Array[]): string[] {
  const splitter = new EventSplitter(runId)
  const frames = pieces.flatMap((piece) =>
    splitter.push(typeof piece === 'string' ? utf8.encode(piece) : piece),
  )
  const rest = splitter.end()
  const all = rest === null ? frames : [...frames, rest]
  return all.map((frame) => new TextDecoder().decode(frame))
}

describe('a stream of events', () => {
  it('is cut into its events, each with an id before its empty line', () => {
    expect(split(['data: a\n\nevent: x\ndata: b\n\n'])).toEqual([
      `data: a\nid: ${runId}.1\n\n`,
      `event: x\ndata: b\nid: ${runId}.2\n\n`,
    ])
  })

  it('keeps the line ends of its provider', () => {
    expect(split(['data: a\r\n\r\ndata: b\r\n\r\n'])).toEqual([
      `data: a\r\nid: ${runId}.1\r\n\r\n`,
      `data: b\r\nid: ${runId}.2\r\n\r\n`,
    ])
  })

  it('gives a comment no id, and no empty line: a client would take it for an event', () => {
    expect(split([': heartbeat\n\ndata: a\n\n: cost-usd 0.1\n\n'])).toEqual([
      ': heartbeat\n',
      `data: a\nid: ${runId}.2\n\n`,
      ': cost-usd 0.1\n',
    ])
  })

  it('leaves out empty lines between events', () => {
    expect(split(['\n\ndata: a\n\n\n\n'])).toEqual([`data: a\nid: ${runId}.1\n\n`])
  })

  it('gives what was cut off at the end as it came, without an id', () => {
    expect(split(['data: a\n\ndata: b'])).toEqual([`data: a\nid: ${runId}.1\n\n`, 'data: b'])
  })

  it('comes to the same wherever its bytes are cut', () => {
    const lines = fc.constantFrom(
      'data: ü☃\n\n',
      ': c\n\n',
      'data: x\r\n\r\n',
      'event: e\ndata: {}\n\n',
    )
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 8 }), fc.array(fc.nat(40)), (events, sizes) => {
        const bytes = utf8.encode(events.join(''))
        const pieces: Uint8Array[] = []
        let at = 0
        for (const size of sizes) {
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        pieces.push(bytes.subarray(at))
        expect(split(pieces)).toEqual(split([bytes]))
      }),
    )
  })
})
