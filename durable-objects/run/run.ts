import { DurableObject } from 'cloudflare:workers'
import { gatewayError, type GatewayError } from '../../worker/canonical/errors.ts'
import type { RunComposition, RunWishes, Variables } from './composition.ts'
import { EventLog, type LogReader } from './event-log.ts'
import { expiresAtMs, isWorthKeeping, jobView, type RunHead } from './kept-run.ts'
import { answerTo, bodyOf, type Decision, headOf, LiveRun, recordOnly } from './live-run.ts'
import { readRunName, runObjectName } from './place.ts'
import { readContext, type RunContext } from './protocol.ts'
import { digestOf, readBytes, withBody } from './request-bytes.ts'
import {
  accepted,
  decisionOf,
  goneAnswer,
  headersOf,
  notHere,
  otherRequest,
} from './run-answers.ts'
import { RunKeeper } from './run-keeper.ts'

type Kept = Extract<Decision, { kind: 'kept' }>

/** The class that a Worker exports: `export class Run extends runClass(composition) {}`. */
export function runClass(composition: RunComposition) {
  return class extends RunObject {
    constructor(ctx: DurableObjectState, env: Variables) {
      super(ctx, env, composition)
    }
  }
}

/**
 * Runs one request, and owns what comes of it: one object a request, because concurrent ones in one object would share
 * its six connections and its single thread.
 *
 * Nothing is stored while a stream runs: the memory of the object is what others join. At its end the answer is written
 * once, sealed. A job is written down before it is promised, so that one whose object went away is told to be lost, and
 * never run a second time.
 */
export class RunObject extends DurableObject<Variables> {
  readonly #composition: RunComposition
  readonly #residency: string | null
  readonly #name: string
  readonly #keeper: RunKeeper
  #live: LiveRun | null = null
  /** What this object knows of the last request that ran here and is not kept. */
  #last: { readonly live: LiveRun; readonly endedAtMs: number } | null = null

  constructor(ctx: DurableObjectState, env: Variables, composition: RunComposition) {
    super(ctx, env)
    const { name, residency } = readRunName(ctx.id.name ?? '', ctx.id.jurisdiction)
    this.#composition = composition
    this.#name = name
    this.#residency = residency
    this.#keeper = new RunKeeper(ctx, env, composition, name)
  }

  override async fetch(request: Request): Promise<Response> {
    const context = readContext(request.headers)
    // Asked from the wrong place, or for another's: nothing is read.
    if (context.residency !== this.#residency)
      throw new Error('a request was sent to an object outside of its jurisdiction')
    if (runObjectName(context.tenant, context.runId) !== this.#name)
      throw new Error('a request was sent to the object of another')
    try {
      return await this.#answer(request, context)
    } catch (fault) {
      this.#composition.log({ event: 'run_fault', fault })
      const message = `something went wrong here; request id ${context.requestId}`
      return this.#refuse(request, context, gatewayError('internal', 500, message))
    }
  }

  #answer(request: Request, context: RunContext): Promise<Response> {
    switch (context.mode) {
      case 'serve':
      case 'defer':
        return this.#serve(request, context)
      case 'attach':
        return this.#attachTo(request, context)
      case 'job':
      case 'record':
        return this.#tellOf(request, context)
    }
  }

  /** Runs it, or joins the one that runs or ran under the same idempotency key. */
  async #serve(request: Request, context: RunContext): Promise<Response> {
    if (!context.isOnce) return this.#start(request, context, null)
    const most = this.#composition.maxBodyBytes(this.env)
    const bytes = await readBytes(request, most)
    // Too large, or cut off: the pipeline says so.
    if (bytes === null) {
      const error = gatewayError('body_too_large', 413, `the body is larger than ${most} bytes`)
      return this.#refuse(request, context, error)
    }
    const digest = digestOf(request, bytes)
    await this.#keeper.load()
    // Between these questions and `#start` nothing is awaited: of two that come at once one is the first.
    for (let live = this.#live; live !== null; live = this.#live) {
      const { kind } = await live.decided
      if (kind === 'kept') return this.#joinLive(request, context, live, digest)
      if (this.#live === live) break
    }
    const head = this.#live === null ? this.#keeper.kept() : null
    return head === null
      ? this.#start(withBody(request, bytes), context, digest)
      : this.#joinStored(request, context, head, digest)
  }

  async #joinLive(
    request: Request,
    context: RunContext,
    live: LiveRun,
    digest: string,
  ): Promise<Response> {
    if (live.digest !== digest) return this.#refuse(request, context, otherRequest)
    const head = headOf(live, context.runId)
    if (context.mode === 'defer' && head.isJob) return accepted(context.runId, head)
    return this.#replay(request, context, await this.#attachLive(live, live.log?.reader(0)))
  }

  async #joinStored(
    request: Request,
    context: RunContext,
    head: RunHead,
    digest: string,
  ): Promise<Response> {
    if (head.digest !== digest) return this.#refuse(request, context, otherRequest)
    if (context.mode === 'defer' && head.isJob) return accepted(context.runId, head)
    return this.#replay(request, context, await this.#attachStored(head, 0))
  }

  #replay(request: Request, context: RunContext, answer: Response | null): Response {
    if (answer === null) return this.#refuse(request, context, goneAnswer)
    answer.headers.set('idempotency-replayed', 'true')
    return answer
  }

  async #start(request: Request, context: RunContext, digest: string | null): Promise<Response> {
    const live = new LiveRun(this.#keeper.nowMs(), digest)
    // Beside one that is kept nothing of the second is: it has another way to end (`claimOnce`).
    const isOnly = this.#live === null
    if (isOnly) this.#live = live
    const { host } = this.#composition
    live.hosted = host(request, context, this.env, this.#wishesFor(live, context, isOnly))
    const leave = () => {
      if (live.decision?.kind === 'kept') this.#keeper.stay()
      else live.hosted?.clientLeft()
    }
    if (request.signal.aborted) leave()
    else request.signal.addEventListener('abort', leave)
    const owned = this.#own(live, live.hosted.answer, context)
    live.owned = owned
    // The work outlives the call: a client that leaves ends it nowhere but where it is told so.
    this.ctx.waitUntil(owned.catch(() => undefined))
    const decision = await Promise.race([live.decided, owned])
    if (decision instanceof Response) return decision
    if (decision?.kind === 'kept' && context.mode === 'defer') {
      await live.promised
      return accepted(context.runId, headOf(live, context.runId))
    }
    if (decision?.kind === 'kept') {
      const answer = await this.#attachLive(live, live.firstReader)
      if (answer !== null) return answer
    }
    const answer = await owned
    if (answer === null) throw new Error('a request came to nothing')
    return answer
  }

  #wishesFor(live: LiveRun, context: RunContext, isOnly: boolean): RunWishes {
    return {
      planned: (kept) => {
        live.decide(isOnly ? decisionOf(kept, context.mode) : { kind: 'passing' })
        if (context.mode === 'serve') live.firstReader = live.log?.reader(0) ?? null
        if (isOnly && context.mode === 'defer') live.promised = this.#promise(live, context)
      },
      recorded: (record, keepForMs) => {
        live.tell(record, keepForMs)
        if (keepForMs !== undefined) this.ctx.waitUntil(this.#remember(live, context))
      },
      waitUntil: (work) => this.ctx.waitUntil(work),
    }
  }

  /** The record alone, where the answer is not kept. Behind the answer: nobody waits for it. */
  async #remember(live: LiveRun, context: RunContext): Promise<void> {
    const { kind } = await live.decided
    if (kind === 'passing') await this.#writeRecord(live, context)
  }

  async #writeRecord(live: LiveRun, { runId }: RunContext): Promise<void> {
    const head = recordOnly(live, runId, this.#keeper.nowMs())
    if (head !== null) await this.#keeper.remember(head)
  }

  /** The whole life of a request. A response: it is not kept, and its client reads it itself. */
  async #own(
    live: LiveRun,
    answering: Promise<Response>,
    context: RunContext,
  ): Promise<Response | null> {
    try {
      const answer = await answering
      live.decide({ kind: 'passing' })
      const { decision, log } = live
      if (decision?.kind !== 'kept' || log === null) {
        if (this.#live === live) this.#live = null
        this.#last = { live, endedAtMs: this.#keeper.nowMs() }
        return answer
      }
      await live.carry(answer, context.runId, log)
      await live.recorded
      await this.#keep(live, decision, log, context)
      return null
    } catch (fault) {
      live.decide({ kind: 'passing' })
      live.log?.close('broken')
      if (this.#live === live) this.#live = null
      throw fault
    }
  }

  /** At its end: written down, where it is worth it. Until then nobody who comes finds less than all of it. */
  async #keep(live: LiveRun, { job }: Kept, log: EventLog, context: RunContext): Promise<void> {
    const endedAtMs = this.#keeper.nowMs()
    const head: RunHead = {
      ...headOf(live, context.runId),
      state: 'ended',
      endedAtMs,
      isTooLarge: !log.isWhole,
    }
    const { notice } = head
    const dueAtMs = notice === null ? expiresAtMs(head) : endedAtMs
    const isKept =
      job !== null || (log.isWhole && live.record !== null && isWorthKeeping(live.record))
    if (isKept) {
      await live.promised
      const told = { ...head, notice: notice && { ...notice, dueAtMs: endedAtMs } }
      await this.#keeper.write(told, log.isWhole && log.end === 'whole' ? log.frames : [])
      await this.#keeper.ring(dueAtMs)
    } else await this.#writeRecord(live, context)
    this.#last = { live, endedAtMs }
    if (this.#live === live) this.#live = null
  }

  /** A job is promised once it is written down; what it comes to is written behind that. */
  async #promise(live: LiveRun, context: RunContext): Promise<void> {
    await this.#keeper.write(headOf(live, context.runId), null)
    await this.#keeper.watch()
  }

  async #attachTo(request: Request, context: RunContext): Promise<Response> {
    const { after } = context
    await this.#keeper.load()
    const live = this.#live
    const isLive = live !== null && (await live.decided).kind === 'kept'
    const head = isLive ? null : this.#keeper.kept()
    if (!isLive && head === null) return this.#refuse(request, context, notHere)
    const answer = isLive
      ? await this.#attachLive(live, live.log?.reader(after))
      : head === null
        ? null
        : await this.#attachStored(head, after)
    return answer ?? this.#refuse(request, context, goneAnswer)
  }

  /** Null: some of it is not there any more. */
  #attachLive(live: LiveRun, reader: LogReader | null | undefined): Promise<Response | null> {
    return answerTo(reader ?? null, live, () => this.#left(live))
  }

  async #attachStored(head: RunHead, after: number): Promise<Response | null> {
    const { answer, state, isTooLarge } = head
    if (state !== 'ended' || answer === null || isTooLarge) return null
    const log = new EventLog(Infinity)
    for (const frame of await this.#keeper.frames()) log.append(frame)
    log.close('whole')
    const reader = log.reader(after)
    const body = reader === null ? null : bodyOf(reader, () => undefined)
    return new Response(body, { status: answer.status, headers: headersOf(answer.headers) })
  }

  #left(live: LiveRun): void {
    const { log } = live
    if (this.#live === live && log?.readers === 0 && log.end === null) this.#keeper.stay()
  }

  async #tellOf(request: Request, context: RunContext): Promise<Response> {
    const { mode } = context
    await this.#keeper.load()
    const known = await this.#known(context)
    if (known === null || (mode === 'job' && !known.head.isJob))
      return this.#refuse(request, context, notHere)
    const { head, frames } = known
    const { record, endedAtMs, startedAtMs } = head
    const request_ =
      record === null ? null : this.#composition.viewOf(record, endedAtMs ?? startedAtMs)
    if (mode === 'record')
      return request_ === null ? this.#refuse(request, context, notHere) : Response.json(request_)
    const pieces = head.state === 'ended' && !head.isTooLarge ? await frames() : []
    const body = pieces.length === 0 ? null : await new Blob([...pieces]).text()
    return Response.json(jobView(head, body, request_))
  }

  async #known(context: RunContext) {
    const live = this.#live
    if (live !== null && (await live.decided).kind === 'kept')
      return { head: headOf(live, context.runId), frames: async () => [] }
    const head = this.#keeper.remembered()
    if (head !== null)
      return { head, frames: async () => (head.isRecordOnly ? [] : this.#keeper.frames()) }
    if (this.#last === null) return null
    const { live: last, endedAtMs } = this.#last
    return { head: { ...headOf(last, context.runId), endedAtMs }, frames: async () => [] }
  }

  override async alarm(): Promise<void> {
    const live = this.#live
    if (live !== null) {
      await this.#keeper.wait(live.owned)
      if (this.#live === live) await this.#keeper.watch()
      return
    }
    await this.#keeper.load()
    await this.#keeper.tick()
  }

  #refuse(request: Request, context: RunContext, error: GatewayError): Response {
    return this.#composition.refuse(request, context, this.env, error)
  }
}
