import * as fc from 'fast-check'
import { createFramer, type FramerLimits } from '../../worker/streams/create-framer.ts'
import type { Framing, WireMessage } from '../../worker/streams/framer.ts'

/** Everything a framer says about a stream: its messages, and whether it ended in a fault. */
export interface Framed {
  readonly messages: readonly WireMessage[]
  readonly fault: string | null
}

const utf8 = new TextEncoder()

export function bytesOf(text: string): Uint8Array {
  return utf8.encode(text)
}

/** Frames `pieces` one by one. */
export function frame(
  framing: Framing,
  pieces: Iterable<Uint8Array>,
  limits: FramerLimits = {},
): Framed {
  const framer = createFramer(framing, limits)
  const messages: WireMessage[] = []
  const sink = (message: WireMessage): void => void messages.push(message)
  for (const piece of pieces) framer.push(piece, sink)
  return { messages, fault: framer.end(sink)?.reason ?? null }
}

/** Data of the messages of a whole text, and of the same text byte by byte. */
export function frameText(framing: Framing, text: string, limits: FramerLimits = {}): Framed {
  return frame(framing, [bytesOf(text)], limits)
}

/** Cuts at the given offsets; equal offsets give empty pieces. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const sorted = offsets.map((offset) => offset % (bytes.length + 1)).sort((a, b) => a - b)
  const pieces: Uint8Array[] = []
  let at = 0
  for (const offset of sorted) {
    pieces.push(bytes.slice(at, offset))
    at = offset
  }
  pieces.push(bytes.slice(at))
  return pieces
}

/** One piece per byte, with an empty one between. */
export function everyByte(bytes: Uint8Array): Uint8Array[] {
  return [...bytes].flatMap((byte) => [Uint8Array.of(byte), new Uint8Array(0)])
}

/** Every cut into two, and byte by byte. */
export function everySplit(bytes: Uint8Array): Uint8Array[][] {
  const splits = Array.from({ length: bytes.length + 1 }, (_, offset) => cutAt(bytes, [offset]))
  return [...splits, everyByte(bytes)]
}

export const seed = Number(process.env.SEED ?? 20261120)

/** Checks that no cut of any of these streams changes what the framer says. */
export function expectSplitInvariance(framing: Framing, streams: fc.Arbitrary<Uint8Array>): void {
  console.log(`${framing}: fast-check seed ${seed}`)
  fc.assert(
    fc.property(
      streams,
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.option(fc.integer({ min: 1, max: 80 }), { nil: null }),
      (bytes, offsets, limit) => {
        const limits = limit === null ? {} : { maxMessageBytes: limit }
        const whole = JSON.stringify(frame(framing, [bytes], limits))
        for (const pieces of [cutAt(bytes, offsets), everyByte(bytes)]) {
          const cut = JSON.stringify(frame(framing, pieces, limits))
          if (cut !== whole) throw new Error(`limit ${limit}\nwhole ${whole}\ncut   ${cut}`)
        }
      },
    ),
    { seed, numRuns: 1500 },
  )
}

/** Streams put together from pieces that matter to the format, with stray bytes between. */
export function streamsOf(pieces: readonly string[]): fc.Arbitrary<Uint8Array> {
  const fragment = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...pieces).map(bytesOf) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }).map(bytesOf) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(...brokenUtf8).map((bytes) => Uint8Array.from(bytes)) },
  )
  return fc.array(fragment, { maxLength: 24 }).map(concatenate)
}

/** Cut, overlong, surrogate and out of range: where decoders differ. */
const brokenUtf8 = [
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x98],
  [0xc3],
  [0xe0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88],
  [0x80, 0xbf],
  [0xef, 0xbb],
  [0xef, 0xbb, 0xbf],
]

export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
