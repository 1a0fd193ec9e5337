import { AwsEventStreamFramer } from './aws-event-stream-framer.ts'
import { type Framer, type Framing, maxMessageBytes } from './framer.ts'
import { JsonArrayFramer } from './json-array-framer.ts'
import { JsonLinesFramer } from './json-lines-framer.ts'
import { SseFramer } from './sse-framer.ts'

export interface FramerLimits {
  /** Largest message, bytes; `maxMessageBytes` when absent. Framers of text count UTF-16 code units, which are never more. */
  readonly maxMessageBytes?: number
}

/** A framer for one stream that is cut into messages in the way of `framing`. */
export function createFramer(framing: Framing, limits: FramerLimits = {}): Framer {
  const maxBytes = limits.maxMessageBytes ?? maxMessageBytes
  switch (framing) {
    case 'sse':
      return new SseFramer(maxBytes)
    case 'json-lines':
      return new JsonLinesFramer(maxBytes)
    case 'json-array':
      return new JsonArrayFramer(maxBytes)
    case 'aws-event-stream':
      return new AwsEventStreamFramer(maxBytes)
  }
}
