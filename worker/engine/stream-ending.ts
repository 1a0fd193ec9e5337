import type { OutputCheck } from './output-check.ts'
import { failure } from '../canonical/failure.ts'
import type { OpenStream } from './open-stream.ts'
import { servedModelOf } from './call-seen.ts'
import type { CarryEnding } from './carry.ts'
import type { Attendance } from './health-port.ts'
import type { CallSeen } from './money-port.ts'

/** Tells how a stream ended to whoever watches its target. */
export function attend(
  attendance: Attendance,
  ending: CarryEnding,
  durationMs: number,
  costNanoUsd: number | null,
  check: OutputCheck | null = null,
): void {
  if (ending.kind === 'finished')
    return attendance.finished({
      broken: ending.broken === true,
      costNanoUsd,
      usage: ending.usage,
      elapsedMs: durationMs,
      soundness: check?.soundness ?? undefined,
    })
  attendance.failed(
    ending.kind === 'failed' && ending.failure !== undefined
      ? ending.failure
      : failure('cancelled', 'the client has gone'),
    durationMs,
  )
}

/**
 * A stream that broke off by itself may have been made, and be billed, to its end. One that came to its end has, also
 * where the client did not stay for it.
 */
export function seenOfStream(
  ending: CarryEnding,
  { events }: Pick<OpenStream, 'events'>,
): CallSeen {
  const { kind, usage, receivedBytes, choices, failure: broken } = ending
  const isWhole = choices !== undefined && broken === undefined
  const isOurs = kind === 'client_gone' || broken?.class === 'timeout'
  const endingOfCall = isWhole ? 'complete' : isOurs ? 'aborted' : 'unknown'
  return { ending: endingOfCall, usage, receivedBytes, servedModel: servedModelOf(events) }
}

export function outcomeOf(
  ending: CarryEnding,
): 'ok' | NonNullable<CarryEnding['failure']>['class'] {
  if (ending.kind === 'client_gone') return 'cancelled'
  return ending.failure?.class ?? 'ok'
}
