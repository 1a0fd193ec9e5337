import type {
  HostedRun,
  Kept,
  RunComposition,
  RunRecord,
  RunWishes,
  Variables,
} from '../../../durable-objects/run/composition.ts'
import type { RunContext } from '../../../durable-objects/run/protocol.ts'
import { gatewayError, type GatewayError } from '../../canonical/errors.ts'
import { Exchange } from '../../engine/exchange.ts'
import type { PlannedRequest } from '../../engine/plan-request.ts'
import type { RequestRecord } from '../../engine/record.ts'
import { retryHeaders } from '../../engine/retry-headers.ts'
import { dialectOf, notBuilt, pipelineOf, type Pipeline } from '../../pipelines.ts'
import type { Isolate } from '../isolate.ts'
import { logAdmin, logFault, logLine } from '../log.ts'
import { viewOfKept } from '../requests.ts'
import { isResidency, type Residency } from '../residency.ts'
import type { LedgerBook } from '../ledger/ledger-book.ts'
import { ledgerIn } from '../ledger-of.ts'
import { bookWith } from './handed-credit.ts'
import type { Hosted } from './ask-run.ts'
import { callerInside, isolateInside } from './inside.ts'
import { placed, RunPorts } from './run-ports.ts'
import { defaultJobs } from './schema.ts'

type IsolateOf = (variables: Variables) => Isolate

/** What this Worker gives its objects that run requests: the pipeline of the edge, with ports of theirs. */
export function runComposition(isolateOf: IsolateOf): RunComposition {
  return {
    host: (request, context, env, wishes) => host(request, context, env, wishes, isolateOf(env)),
    refuse: (request, context, env, error) =>
      refusal(request, context, isolateOf(env).runtime.version, error),
    viewOf: (record: RunRecord, atMs) =>
      viewOfKept({ line: logLine(record as RequestRecord), atMs }, []),
    peppersOf: (env) => isolateOf(env).peppers,
    webhookOf: (env, { url, secret }) => {
      const value = env[secret]
      return typeof value === 'string' && value !== '' ? { url, secret: value } : null
    },
    maxBodyBytes: (env) => isolateOf(env).runtime.config.limits.maxBodyBytes,
    log: (entry) => {
      if (entry.event === 'run_fault') logFault('run', entry.fault)
      else logAdmin(entry)
    },
  }
}

function host(
  request: Request,
  context: RunContext,
  env: Variables,
  wishes: RunWishes,
  isolate: Isolate,
): HostedRun {
  const { residency, requestId } = context
  const hosted = context.hosted as Hosted
  if (residency !== null && !isResidency(residency))
    throw new Error('a request is to be run in a place that is not known')
  const book = handedBook(hosted, residency, env, wishes)
  const pipeline = pipelineOf(new URL(request.url).pathname)
  if (pipeline === null) {
    const error = noPipeline(new URL(request.url).pathname)
    const answer = refusal(request, context, isolate.runtime.version, error)
    return { answer: Promise.resolve(answer), clientLeft: () => undefined }
  }
  const inside = isolateInside(isolate, residency, book)
  const caller = residency === null ? hosted.caller : callerInside(hosted.caller, residency)
  const isJob = context.mode === 'defer'
  const storesAnswers = isolate.residencies.storesAnswers(hosted.caller)
  const ports = new RunPorts(request, env, hosted, inside, wishes, isJob, storesAnswers)
  const { dialect, operation } = pipeline
  const exchange = new RunExchange(requestId, dialect, caller, operation, hosted.colo, ports)
  exchange.onPlanned = (planned) =>
    wishes.planned(keptOf(planned, pipeline, storesAnswers, context))
  return {
    answer: pipeline.serve(request, caller, exchange),
    clientLeft: () => ports.clientLeft(),
  }
}

/** Taken also where the request is refused: what came with its key goes back then. */
function handedBook(
  { caller: { tenant }, place, handed }: Hosted,
  residency: Residency | null,
  env: Variables,
  wishes: RunWishes,
): LedgerBook | null {
  if (handed === undefined) return null
  return bookWith(handed, tenant, {
    nowMs: Date.now,
    after: (delayMs, then) => {
      const timer = setTimeout(then, delayMs)
      return () => clearTimeout(timer)
    },
    waitUntil: (work) => wishes.waitUntil(work),
    send: (exchange) => ledgerIn(placed(place), env, tenant, residency).exchange(exchange),
  })
}

/** As the edge says it of a path that reads no body. */
function noPipeline(path: string): GatewayError {
  return notBuilt.includes(path)
    ? gatewayError('not_implemented', 501, 'this endpoint is not built yet')
    : gatewayError('invalid_request', 404, 'there is no such endpoint')
}

/** Tells that the route is known: before anything is bought, and after all that can be wrong with a request. */
class RunExchange extends Exchange {
  onPlanned: (planned: PlannedRequest) => void = () => undefined

  override planned(planned: PlannedRequest): void {
    super.planned(planned)
    this.onPlanned(planned)
  }
}

function keptOf(
  { settings, request }: PlannedRequest,
  { operation }: Pipeline,
  storesAnswers: boolean,
  { isOnce }: RunContext,
): Kept {
  const { resumable, jobs = defaultJobs() } = settings
  const mayKeep = storesAnswers && operation === 'chat' && (request.stream || isOnce)
  const { keepForMs, maxBytes, webhook = null } = jobs
  return { stream: mayKeep ? (resumable ?? null) : null, job: { keepForMs, maxBytes, webhook } }
}

function refusal(
  request: Request,
  { requestId }: RunContext,
  config: string,
  error: GatewayError,
): Response {
  const dialect = dialectOf(new URL(request.url).pathname)
  const headers = {
    'content-type': 'application/json',
    'x-switchyard-request-id': requestId,
    [dialect.requestIdHeader]: requestId,
    'x-switchyard-config': config,
    'x-switchyard-attempts': '0',
    ...retryHeaders(error),
  }
  const body = JSON.stringify(dialect.renderError(error, requestId))
  return new Response(body, { status: error.status, headers })
}
