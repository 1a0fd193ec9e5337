import { joined } from './joined.ts'

/**
 * Frames as they are stored: several in one block, each behind its length, because a row written costs a dollar per
 * million whatever its size, and holds at most 2 MB (developers.cloudflare.com/durable-objects/platform/limits, read
 * 2026-11-20). A frame that is larger than a block is in pieces: the sign of its length says that it goes on.
 */

const blockBytes = 1_000_000
const lengthBytes = 4
/** Set in the length of a piece whose frame goes on in the next block. */
const goesOn = 0x8000_0000

export function* blocksOf(frames: readonly Uint8Array[]): Generator<Uint8Array<ArrayBuffer>> {
  let pieces: { readonly bytes: Uint8Array; readonly isOpen: boolean }[] = []
  let room = blockBytes
  for (const frame of frames) {
    let rest = frame
    for (;;) {
      if (room <= lengthBytes) {
        yield blockOf(pieces)
        pieces = []
        room = blockBytes
      }
      const bytes = rest.subarray(0, room - lengthBytes)
      rest = rest.subarray(bytes.length)
      pieces.push({ bytes, isOpen: rest.length > 0 })
      room -= lengthBytes + bytes.length
      if (rest.length === 0) break
    }
  }
  if (pieces.length > 0) yield blockOf(pieces)
}

function blockOf(pieces: readonly { readonly bytes: Uint8Array; readonly isOpen: boolean }[]) {
  const size = pieces.reduce((sum, { bytes }) => sum + lengthBytes + bytes.length, 0)
  const block = new Uint8Array(size)
  const view = new DataView(block.buffer)
  let at = 0
  for (const { bytes, isOpen } of pieces) {
    view.setUint32(at, isOpen ? bytes.length + goesOn : bytes.length)
    block.set(bytes, at + lengthBytes)
    at += lengthBytes + bytes.length
  }
  return block
}

export function framesOf(blocks: Iterable<Uint8Array>): Uint8Array[] {
  const frames: Uint8Array[] = []
  let open: Uint8Array[] = []
  for (const block of blocks) {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
    for (let at = 0; at < block.length;) {
      const length = view.getUint32(at)
      const isOpen = length >= goesOn
      const size = isOpen ? length - goesOn : length
      const bytes = block.subarray(at + lengthBytes, at + lengthBytes + size)
      at += lengthBytes + size
      open.push(bytes)
      if (isOpen) continue
      frames.push(joined(open))
      open = []
    }
  }
  return frames
}
