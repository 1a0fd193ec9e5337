import type { KeepJob, RunRecord } from './composition.ts'

/** Header of an answer as it is sent again. */
export interface AnswerHead {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** A webhook that is to be told of the end of a job. */
export interface Notice {
  readonly webhook: NonNullable<KeepJob['webhook']>
  readonly tries: number
  /** Epoch ms; null: not ended yet, told, or given up. */
  readonly dueAtMs: number | null
}

/** What is known of a request beside its answer. Plain JSON; stored sealed. */
export interface RunHead {
  readonly runId: string
  readonly isJob: boolean
  /** `lost`: the object went away while it ran. */
  readonly state: 'running' | 'ended' | 'lost'
  /** Of path and body, where a retry may come. */
  readonly digest: string | null
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  readonly keepForMs: number
  readonly answer: AnswerHead | null
  readonly record: RunRecord | null
  /** There was an answer, and it was larger than what is kept. */
  readonly isTooLarge: boolean
  readonly notice: Notice | null
  /** Nothing is kept but the record: no answer that a retry may have. Absent: there may be one. */
  readonly isRecordOnly?: true
}

/** When nothing of it is there any more, epoch ms. */
export function expiresAtMs({ endedAtMs, startedAtMs, keepForMs }: RunHead): number {
  return (endedAtMs ?? startedAtMs) + keepForMs
}

/** Statuses that say "try again", as for idempotency keys: such an answer is no answer to keep. */
const passing = new Set([408, 409, 425, 429])

/** Whether a retry with the same idempotency key, or a client that comes back, is given this answer. */
export function isWorthKeeping({ status, ending }: RunRecord): boolean {
  return ending === 'finished' && status < 500 && !passing.has(status)
}

export function jobStatus({
  state,
  record,
  isTooLarge,
}: RunHead): 'running' | 'completed' | 'failed' {
  if (state === 'running') return 'running'
  const isGood = state === 'ended' && record?.ending === 'finished' && record.status < 400
  return isGood && !isTooLarge ? 'completed' : 'failed'
}

/** `GET /v1/jobs/{id}`. `body`: the answer; null while there is none. */
export function jobView(head: RunHead, body: string | null, request: object | null): object {
  const type = head.answer?.headers.find(([name]) => name === 'content-type')?.[1] ?? null
  const isJson = type?.startsWith('application/json') === true
  return {
    id: head.runId,
    object: 'job',
    status: jobStatus(head),
    created: Math.floor(head.startedAtMs / 1000),
    ended: head.endedAtMs === null ? null : Math.floor(head.endedAtMs / 1000),
    expires: head.endedAtMs === null ? null : Math.floor(expiresAtMs(head) / 1000),
    error: errorOf(head),
    response:
      head.answer === null || body === null
        ? null
        : {
            status: head.answer.status,
            content_type: type,
            body: isJson ? (JSON.parse(body) as unknown) : body,
          },
    request,
  }
}

function errorOf({ state, isTooLarge }: RunHead): object | null {
  if (state === 'lost')
    return {
      code: 'upstream_interrupted',
      message: 'the object that ran it went away; it may have been charged, and is not run again',
    }
  if (isTooLarge) return { code: 'body_too_large', message: 'the answer is larger than is kept' }
  return null
}

/** Nothing of what was asked or answered: a webhook leaves the jurisdiction. */
export function noticePayload(head: RunHead): object {
  return {
    type: `job.${jobStatus(head)}`,
    timestamp: new Date(head.endedAtMs ?? head.startedAtMs).toISOString(),
    data: { id: head.runId, status: jobStatus(head), location: `/v1/jobs/${head.runId}` },
  }
}

/** After the first, the second try, ...; then it is given up, ms. */
const noticeAfterMs = [10_000, 60_000, 600_000, 3_600_000] as const

/** A request that was written down as running, and nothing runs. */
export function lostRun(head: RunHead, nowMs: number): RunHead {
  const notice = head.notice === null ? null : { ...head.notice, dueAtMs: nowMs }
  return { ...head, state: 'lost', endedAtMs: nowMs, notice }
}

/** A notice that its receiver took, or did not. */
export function noticed(notice: Notice, taken: boolean, nowMs: number): Notice {
  const delay = noticeAfterMs[notice.tries]
  const dueAtMs = taken || delay === undefined ? null : nowMs + delay
  return { ...notice, tries: notice.tries + 1, dueAtMs }
}
