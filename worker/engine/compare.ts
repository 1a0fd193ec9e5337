import type { CanonicalEvent } from '../canonical/events.ts'
import type { CanonicalRequest } from '../canonical/request.ts'
import { usageOf } from './call-seen.ts'
import type { Outcome } from './exchange.ts'
import { OutputCheck } from './output-check.ts'
import type { RequestRecord } from './record.ts'
import type { Shadow } from './shadow.ts'
import type { ShadowAnswer } from './shadow-call.ts'
import type { ComparedAnswer, ShadowRecord } from './shadow-port.ts'

/** The answer that the caller got and that of the shadow, side by side. */
export function compared(
  of: Pick<ShadowRecord, 'requestId' | 'tenant' | 'route'>,
  record: RequestRecord,
  { broken }: Outcome,
  { step, request }: Pick<Shadow, 'step' | 'request'>,
  shadow: ShadowAnswer,
): ShadowRecord {
  const hasForm = OutputCheck.of(request) !== null
  const answer = told(record, hasForm && broken !== true, hasForm)
  const beside = seen(step.target, shadow, request)
  const isKnown = answer.finish !== null && beside.finish !== null
  return {
    ...of,
    outcome: shadow.outcome,
    answer,
    shadow: beside,
    sameFinish: isKnown ? answer.finish === beside.finish : null,
    lengthRatio: ratioOf(beside.outputTokens, answer.outputTokens),
  }
}

function told(record: RequestRecord, isWellFormed: boolean, hasForm: boolean): ComparedAnswer {
  return {
    target: record.target ?? '',
    finish: record.finishReasons?.join(',') ?? null,
    outputTokens: record.usage?.outputTokens ?? null,
    isWellFormed: hasForm ? isWellFormed : null,
    costNanoUsd: record.costNanoUsd ?? null,
    firstTokenMs: record.stream ? (record.firstTokenMs ?? null) : null,
    durationMs: record.durationMs,
  }
}

function seen(
  target: string,
  { outcome, events, isBroken, costNanoUsd, firstTokenMs, durationMs }: ShadowAnswer,
  request: CanonicalRequest,
): ComparedAnswer {
  const hasForm = outcome === 'ok' && OutputCheck.of(request) !== null
  return {
    target,
    finish: finishOf(events),
    outputTokens: usageOf(events)?.outputTokens ?? null,
    isWellFormed: hasForm ? !isBroken : null,
    costNanoUsd,
    firstTokenMs,
    durationMs,
  }
}

function finishOf(events: readonly CanonicalEvent[]): string | null {
  const last = events.at(-1)
  return last?.type === 'finish' ? last.choices.map(({ reason }) => reason).join(',') : null
}

function ratioOf(shadow: number | null, answer: number | null): number | null {
  return shadow === null || answer === null || answer === 0 ? null : shadow / answer
}
