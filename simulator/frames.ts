import type { Json } from './json.ts'
import type { Frame } from './wire.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

type FrameMore = Partial<Pick<Frame, 'kind' | 'mark' | 'tokens'>>

export function frameOf(bytes: Uint8Array | string, more: FrameMore = {}): Frame {
  return {
    bytes: typeof bytes === 'string' ? encoder.encode(bytes) : bytes,
    kind: more.kind ?? 'event',
    mark: more.mark ?? 'none',
    tokens: more.tokens ?? 0,
  }
}

/** One server-sent event without a name. */
export function dataFrame(data: Json, more: FrameMore = {}): Frame {
  return frameOf(`data: ${JSON.stringify(data)}\n\n`, more)
}

/** One named server-sent event. */
export function eventFrame(event: string, data: Json, more: FrameMore = {}): Frame {
  return frameOf(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`, more)
}

export function doneFrame(): Frame {
  return frameOf('data: [DONE]\n\n', { mark: 'end' })
}

export function commentFrame(text: string): Frame {
  return frameOf(`: ${text}\n\n`, { kind: 'comment' })
}

/** Cuts the JSON of a text frame in half; its line ends stay, so that only the JSON is broken. */
export function corruptText(frame: Frame): Frame {
  const text = decoder.decode(frame.bytes)
  const start = text.indexOf('{')
  const end = text.trimEnd().length
  if (start < 0) return frame
  const half = start + Math.max(1, Math.floor((end - start) / 2))
  return { ...frame, bytes: encoder.encode(text.slice(0, half) + text.slice(end)) }
}

/** Base-36, so that ids keep to letters and digits. */
export function idOf(prefix: string, sequence: number, index: number, digits: number): string {
  return prefix + (sequence * 64 + index).toString(36).padStart(digits, '0')
}
