import { EventLog, type LogReader } from './event-log.ts'
import { EventSplitter } from './event-splitter.ts'
import type { HostedRun, Keep, Kept, RunRecord } from './composition.ts'
import type { AnswerHead, RunHead } from './kept-run.ts'
import { headersOf } from './run-answers.ts'

/** What is decided of a request before anything is bought. */
export type Decision =
  | { readonly kind: 'kept'; readonly keep: Keep; readonly job: Kept['job'] | null }
  /** Its answer goes with its client, or it was refused. */
  | { readonly kind: 'passing' }

/** A request while it runs. */
export class LiveRun {
  readonly startedAtMs: number
  readonly digest: string | null
  readonly decided: Promise<Decision>
  /** Of a request that is kept: as soon as its answer begins. */
  readonly begun: Promise<AnswerHead>
  readonly recorded: Promise<RunRecord>
  hosted: HostedRun | null = null
  decision: Decision | null = null
  answer: AnswerHead | null = null
  log: EventLog | null = null
  /** Of the client that it was begun for: there before the answer is, so that nothing of it can be gone by then. */
  firstReader: LogReader | null = null
  record: RunRecord | null = null
  /** For how long the record may be asked for where nothing else is kept; null: not at all. */
  keepRecordForMs: number | null = null
  /** From its start until what is kept of it is written; a response where nothing is. */
  owned: Promise<Response | null> = Promise.resolve(null)
  /** Of a job: written down, and so promised. What it comes to is written behind that. */
  promised: Promise<void> = Promise.resolve()
  #decide: (decision: Decision) => void = () => undefined
  #begin: (head: AnswerHead) => void = () => undefined
  #tell: (record: RunRecord) => void = () => undefined

  constructor(startedAtMs: number, digest: string | null) {
    this.startedAtMs = startedAtMs
    this.digest = digest
    this.decided = new Promise((resolve) => {
      this.#decide = resolve
    })
    this.begun = new Promise((resolve) => {
      this.#begin = resolve
    })
    this.recorded = new Promise((resolve) => {
      this.#tell = resolve
    })
  }

  /** The first word counts. */
  decide(decision: Decision): void {
    if (this.decision !== null) return
    this.decision = decision
    if (decision.kind === 'kept') this.log = new EventLog(decision.keep.maxBytes)
    this.#decide(decision)
  }

  tell(record: RunRecord, keepForMs: number | null = null): void {
    this.record ??= record
    this.keepRecordForMs ??= keepForMs
    this.#tell(this.record)
  }

  /** Reads an answer to its end into the log, whoever else reads. */
  async carry(answer: Response, runId: string, log: EventLog): Promise<void> {
    this.answer = { status: answer.status, headers: [...answer.headers] }
    this.#begin(this.answer)
    const isStream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true
    try {
      if (isStream) await readEvents(answer, runId, log)
      else log.append(new Uint8Array(await answer.arrayBuffer()))
      log.close('whole')
    } catch {
      log.close('broken')
    }
  }
}

/** What is known of a request while it runs, as it would be written down. */
export function headOf(live: LiveRun, runId: string): RunHead {
  const { decision, digest, startedAtMs, answer, record } = live
  const kept = decision?.kind === 'kept' ? decision : null
  const webhook = kept?.job?.webhook ?? null
  return {
    runId,
    isJob: (kept?.job ?? null) !== null,
    state: 'running',
    digest,
    startedAtMs,
    endedAtMs: null,
    keepForMs: kept?.keep.keepForMs ?? 0,
    answer,
    record,
    isTooLarge: false,
    notice: webhook === null ? null : { webhook, tries: 0, dueAtMs: null },
  }
}

/** As it is written down where nothing but the record is kept; null where that is not either. */
export function recordOnly(live: LiveRun, runId: string, endedAtMs: number): RunHead | null {
  const { keepRecordForMs: keepForMs, record } = live
  if (keepForMs === null || record === null) return null
  const head = { ...headOf(live, runId), isJob: false, answer: null, notice: null }
  return { ...head, state: 'ended', endedAtMs, keepForMs, isRecordOnly: true }
}

async function readEvents({ body }: Response, runId: string, log: EventLog): Promise<void> {
  if (body === null) return
  const splitter = new EventSplitter(runId)
  const reader = (body as ReadableStream<Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    for (const frame of splitter.push(value)) log.append(frame)
  }
  const rest = splitter.end()
  if (rest !== null) log.append(rest)
}

/**
 * The answer of a request that runs, for one reader of it, who was there before this waits: nothing goes meanwhile. Null:
 * there is none, or it is not kept.
 */
export async function answerTo(
  reader: LogReader | null,
  { begun: beginning, owned }: LiveRun,
  left: () => void,
): Promise<Response | null> {
  if (reader === null) return null
  const begun = await Promise.race([beginning, owned])
  if (begun === null || begun instanceof Response) {
    reader.leave()
    return null
  }
  const { status, headers } = begun
  return new Response(bodyOf(reader, left), { status, headers: headersOf(headers) })
}

/** A body that gives what a reader has yet to read, and what comes. `left` is called once, when it is read no more. */
export function bodyOf(reader: LogReader, left: () => void): ReadableStream<Uint8Array> {
  const leave = () => {
    reader.leave()
    left()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reader.next()
        if (typeof next !== 'string') {
          for (const frame of next) controller.enqueue(frame)
          return
        }
        leave()
        if (next === 'whole') controller.close()
        else controller.error(new Error('the answer broke off'))
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  )
}
