import { StreamDecoder } from '../streams/stream-decoder.ts'
import { AttemptControl } from './attempt-control.ts'
import { BodyReader } from './body-reader.ts'
import type { Answer } from './run-result.ts'
import type { Ports } from './ports.ts'
import type { Target } from '../edge/runtime.ts'

/** A whole answer for a client that reads a stream: everything is there, and its end with it. */
export function wholeAsStream(
  answer: Extract<Answer, { kind: 'whole' }>,
  { provider: { adapter } }: Target,
  ports: Ports,
): Extract<Answer, { kind: 'stream' }> {
  const { events, unhonoured, changed } = answer
  const eventDecoder = adapter.createDecoder()
  const decoder = new StreamDecoder(adapter.framing, eventDecoder)
  const reader = new BodyReader(
    new ReadableStream<Uint8Array>({ start: (controller) => controller.close() }),
  )
  const control = new AttemptControl(ports)
  return {
    kind: 'stream',
    stream: { control, events, decoder, eventDecoder, source: { kind: 'translate', reader } },
    unhonoured,
    changed,
  }
}
