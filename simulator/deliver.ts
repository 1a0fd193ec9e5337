import type { Delivery } from './apply-faults.ts'
import type { Pace } from './state.ts'

/** Longest that a silent answer is held, ms; the caller should be gone long before. */
const silenceMs = 3_600_000

/**
 * Pause between the last byte and a cut, ms. The runtime (and the proxy that
 * `wrangler dev` puts before it) drops what it has not passed on when a body
 * breaks: without it headers and bytes are lost, and the caller sees a 500.
 */
const beforeResetMs = 50

/** Watches one call: whether the caller is still there, and what has gone out. */
export interface Watch {
  /** Resolves when the caller has hung up. */
  readonly gone: Promise<void>
  readonly isGone: () => boolean
  sent(bytes: number, tokens: number): void
  /** The caller cancelled the body. */
  hungUp(): void
  /** Nothing more will happen. */
  finished(): void
}

/** Waits, but no longer than the caller does. A wait of 0 does not yield. */
export async function pause(ms: number, watch: Watch): Promise<void> {
  if (ms > 0 && !watch.isGone()) await Promise.race([scheduler.wait(ms), watch.gone])
}

/**
 * Never answers. The pending timer matters: a Worker that waits for nothing is
 * ended by the runtime with a 500 ("code had hung").
 */
export async function silence(watch: Watch): Promise<void> {
  while (!watch.isGone()) await pause(silenceMs, watch)
}

/** Writes a delivery at its pace; `reset` breaks the connection (seen by Node as ECONNRESET). */
export function bodyOf(delivery: Delivery, pace: Pace, watch: Watch): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = delivery.chunks[next]
        const isPaced = chunk?.isPaced === true && next > 0
        await pause(isPaced ? pace.perChunkMs : 0, watch)
        if (watch.isGone()) return
        next += 1
        if (chunk !== undefined) {
          controller.enqueue(chunk.bytes)
          watch.sent(chunk.bytes.length, chunk.tokens)
          return
        }
        if (delivery.ending === 'stall') await silence(watch)
        if (delivery.ending === 'reset') await pause(beforeResetMs, watch)
        if (watch.isGone()) return
        watch.finished()
        if (delivery.ending === 'reset') controller.error(new Error('simulated connection reset'))
        else if (delivery.ending === 'close') controller.close()
      },
      cancel() {
        watch.hungUp()
      },
    },
    { highWaterMark: 0 },
  )
}
