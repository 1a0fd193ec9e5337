import type { CanonicalEvent } from '../canonical/events.ts'
import type { WireMessage } from './framer.ts'

/**
 * One provider's state machine for one streamed answer.
 *
 * It appends to `out` and never throws: what it cannot read becomes a
 * `failure` event of class `malformed`. It may assume that nothing is fed
 * after it emitted a terminal event.
 */
export interface EventDecoder {
  decode(message: WireMessage, out: CanonicalEvent[]): void
  /** The stream has ended. Emits `finish` if the end mark was seen, else `failure` of class `truncated`. */
  end(out: CanonicalEvent[]): void
  /** The model has said why it stops, although the end mark has not come: nothing of its answer is missing. */
  readonly hasFinish?: boolean
}
