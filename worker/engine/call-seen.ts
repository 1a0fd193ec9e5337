import type { CanonicalEvent } from '../canonical/events.ts'
import type { Failure, FailureClass } from '../canonical/failure.ts'
import { mergeUsage, type Usage } from '../canonical/usage.ts'
import type { CallSeen } from './money-port.ts'
import type { AttemptRecord } from './record.ts'

/** A provider's own word that it will not answer: with an error status, no provider documents a bill for one. */
const declined: ReadonlySet<FailureClass> = new Set([
  'overloaded',
  'rate_limited',
  'quota_exhausted',
  'server_error',
  'auth',
  'bad_request',
  'context_length',
  'content_policy',
])

/**
 * Statuses that Cloudflare's network gives for an origin that took the request and then said nothing of it: 520, and
 * 524 for one that was still at work. 521 to 523, 525, 526 and 530 are of connections that never stood
 * (developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors, read 2026-11-26).
 */
const unansweredStatuses: ReadonlySet<number> = new Set([520, 524])

/** What a call that failed before its first meaningful token may be billed for. */
export function seenOfFailure(
  failure: Failure,
  status: number | null,
  isStream: boolean,
  usage?: Usage,
): CallSeen {
  return {
    ending: endingOfFailure(failure, status, isStream),
    receivedBytes: 0,
    usage,
    outcome: failure.class,
    ...(status !== null && { status }),
  }
}

/** What came of a call that answered, when nothing more is read of it. */
export function seenOfAnswer(
  events: readonly CanonicalEvent[],
  ending: 'complete' | 'aborted',
): CallSeen {
  const usage = usageOf(events)
  return {
    ending,
    usage,
    // Where the provider counts, and has come to its end, nobody else has to.
    receivedBytes: ending === 'complete' && usage !== undefined ? 0 : generatedBytes(events),
    servedModel: servedModelOf(events),
  }
}

/** Whether a call may have cost something: all but those that a provider declined by its status. */
export function mayBeBilled({ outcome, status }: AttemptRecord): boolean {
  return outcome === 'ok' || !declined.has(outcome) || (status !== undefined && isSuccess(status))
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299
}

function endingOfFailure(
  { class: what }: Failure,
  status: number | null,
  isStream: boolean,
): CallSeen['ending'] {
  if (status !== null && unansweredStatuses.has(status)) return 'unknown'
  if (status !== null && !isSuccess(status)) return 'rejected'
  // An error inside a 200 is of a call that had begun: nobody says that it is free.
  // An unstreamed answer may have been made whole before the connection was given up.
  const brokenOff = what === 'timeout' || what === 'cancelled' || what === 'connect'
  return brokenOff && isStream ? 'aborted' : 'unknown'
}

/** UTF-8 bytes of what these events say a model made: no token is shorter than one. */
export function generatedBytes(events: readonly CanonicalEvent[]): number {
  let bytes = 0
  for (const event of events) bytes += bytesIn(event)
  return bytes
}

function bytesIn(event: CanonicalEvent): number {
  switch (event.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
    case 'toolCallArguments':
      return utf8Bytes(event.text)
    case 'toolCallStart':
      return utf8Bytes(event.name)
    default:
      return 0
  }
}

/** A half of a pair counts two: the whole has four. */
function utf8Bytes(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7ff && (code < 0xd800 || code > 0xdfff)) bytes += 2
    else if (code > 0x7f) bytes += 1
  }
  return bytes
}

export function usageOf(events: readonly CanonicalEvent[]): Usage | undefined {
  let usage: Usage | undefined
  for (const event of events) if (event.type === 'usage') usage = mergeUsage(usage, event.usage)
  return usage
}

export function servedModelOf(events: readonly CanonicalEvent[]): string | undefined {
  for (const event of events) if (event.type === 'start') return event.model
  return undefined
}
