import type { Fault } from './faults.ts'
import { frameOf } from './frames.ts'
import type { Json } from './json.ts'
import type { Frame } from './wire.ts'

/** What goes out, in order, and how it ends. */
export interface Delivery {
  readonly chunks: readonly Chunk[]
  readonly ending: Ending
}

export interface Chunk {
  readonly bytes: Uint8Array
  /** Tokens that count as generated once this chunk is out. */
  readonly tokens: number
  /** False for the later pieces of a split frame: they follow without a pause. */
  readonly isPaced: boolean
}

/** `close`: a clean end; `reset`: the connection is cut; `stall`: nothing more comes, and no end either. */
export type Ending = 'close' | 'reset' | 'stall'

/** What a fault needs of the wire format that it hurts. */
export interface Hurt {
  corrupt(frame: Frame): Frame
  /** The vendor's in-band error. */
  errorFrames(isFirst: boolean): Frame[]
}

/** Lets `faults` happen to a streamed answer. Pure. */
export function hurtStream(
  frames: readonly Frame[],
  faults: readonly Fault[],
  hurt: Hurt,
): Delivery {
  let kept = frames
  let ending: Ending = 'close'
  for (const fault of faults) {
    switch (fault.kind) {
      case 'stall':
      case 'truncate':
        kept = kept.slice(
          0,
          position(kept, fault.afterEvents, (frame) => frame.mark === 'end'),
        )
        ending = fault.kind === 'stall' ? 'stall' : ending
        break
      case 'errorEvent': {
        const at = position(kept, fault.afterEvents, (frame) => frame.mark !== 'none')
        const before = kept.slice(0, at)
        kept = [...before, ...hurt.errorFrames(before.every((one) => one.kind === 'comment'))]
        break
      }
      case 'malformed': {
        const at = position(kept, fault.afterEvents, (frame) => frame.mark !== 'none')
        kept = kept.map((frame, index) => (index === at ? hurt.corrupt(frame) : frame))
        break
      }
    }
  }
  return cutBytes(chunksOf(kept), faults, ending)
}

/**
 * Lets `faults` happen to a whole answer: an event is half of it, so
 * `afterEvents: 0` lets nothing out and more lets the first half out.
 */
export function hurtJson(
  body: Json,
  tokens: number,
  faults: readonly Fault[],
  errorBody: () => Json,
): Delivery {
  let text = JSON.stringify(body)
  let ending: Ending = 'close'
  for (const fault of faults) {
    switch (fault.kind) {
      case 'stall':
      case 'truncate':
        text = fault.afterEvents === 0 ? '' : firstHalf(text)
        ending = fault.kind === 'stall' ? 'stall' : ending
        break
      case 'errorEvent':
        text = JSON.stringify(errorBody())
        break
      case 'malformed':
        text = `${firstHalf(text)}}`
        break
    }
  }
  return cutBytes(chunksOf([frameOf(text, { tokens })]), faults, ending)
}

function firstHalf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2))
}

/** Index of the frame after `afterEvents` events, but never past the first frame that `isTooLate`. */
function position(
  frames: readonly Frame[],
  afterEvents: number,
  isTooLate: (frame: Frame) => boolean,
): number {
  let events = 0
  for (const [index, frame] of frames.entries()) {
    if (isTooLate(frame)) return index
    if (frame.kind === 'comment') continue
    if (events === afterEvents) return index
    events += 1
  }
  return frames.length
}

function chunksOf(frames: readonly Frame[]): Chunk[] {
  return frames.map(({ bytes, tokens }) => ({ bytes, tokens, isPaced: true }))
}

/** The faults that know bytes only. */
function cutBytes(chunks: readonly Chunk[], faults: readonly Fault[], ending: Ending): Delivery {
  let delivery: Delivery = { chunks, ending }
  for (const fault of faults) {
    if (fault.kind === 'reset')
      delivery = { chunks: upTo(delivery.chunks, fault.afterBytes), ending: 'reset' }
  }
  for (const fault of faults) {
    if (fault.kind === 'split')
      delivery = { ...delivery, chunks: splitChunks(delivery.chunks, fault.bytes) }
  }
  return delivery
}

/** The first `limit` bytes; a chunk that is cut still counts the tokens that were generated for it. */
export function upTo(chunks: readonly Chunk[], limit: number): Chunk[] {
  const kept: Chunk[] = []
  let left = limit
  for (const chunk of chunks) {
    if (left <= 0) break
    kept.push({ ...chunk, bytes: chunk.bytes.subarray(0, left) })
    left -= chunk.bytes.length
  }
  return kept
}

/** Pieces of at most `size` bytes; cuts fall anywhere, also inside a character. */
export function splitChunks(chunks: readonly Chunk[], size: number): Chunk[] {
  return chunks.flatMap((chunk) => {
    const pieces: Chunk[] = []
    for (let at = 0; at < chunk.bytes.length; at += size) {
      const bytes = chunk.bytes.subarray(at, at + size)
      pieces.push({ bytes, tokens: at === 0 ? chunk.tokens : 0, isPaced: at === 0 })
    }
    return pieces
  })
}

/** `bytes` cut into chunks of the given sizes; what is left over is one more chunk. */
export function chunksOfSizes(bytes: Uint8Array, sizes: readonly number[]): Chunk[] {
  const chunks: Chunk[] = []
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    const piece = bytes.subarray(at, at + size)
    if (piece.length > 0) chunks.push({ bytes: piece, tokens: 0, isPaced: true })
    at += size
  }
  return chunks
}
