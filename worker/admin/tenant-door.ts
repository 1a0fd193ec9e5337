import type { Context, Env, Hono } from 'hono'
import { isTenantId, tenantRule } from '../../durable-objects/tenant-ledger/access/names.ts'
import type { TenantLedgerStub } from '../../durable-objects/tenant-ledger/stub.ts'
import { invalidRequest, type GatewayError } from '../canonical/errors.ts'
import type { Residencies } from '../edge/residency.ts'
import type { Secrets } from './mint.ts'
import { ledgerAway, notFound } from './problem.ts'

/** What the calls about tenants take from the app they are mounted in. */
export interface TenantDependencies<E extends Env> {
  /** Where it is now: inside the jurisdiction that the tenant is pinned to. */
  ledgerOf(context: Context<E>, tenantId: string): TenantLedgerStub | Promise<TenantLedgerStub>
  /** The one outside of any jurisdiction, which knows whether the tenant is pinned. */
  outsideOf(context: Context<E>, tenantId: string): TenantLedgerStub
  residenciesOf(context: Context<E>): Residencies
  /** The configuration names it: it is there before anybody puts it. */
  isConfigured(context: Context<E>, tenantId: string): boolean
  secretsOf(context: Context<E>): Secrets
  /** The admin key itself, as it was sent. */
  adminKeyOf(context: Context<E>): string
  /** What an operator has to know beside every answer; null: nothing. */
  warningOf(context: Context<E>): string | null
  callerOf(context: Context<E>): { readonly requestId: string; readonly adminKeyId: string }
  answer(context: Context<E>, body: object): Response
  refuse(context: Context<E>, error: GatewayError): Response
  log(entry: LedgerAudit): void
}

/** One line for each write: who did what to which tenant, and whether it was done. No secret has a field in it. */
export interface LedgerAudit {
  readonly event: 'ledger_admin'
  readonly requestId: string
  readonly adminKeyId: string
  readonly tenant: string
  readonly action: string
  /** What of the tenant: a scope, the id of a key, a lease and its amount, how many budgets. */
  readonly subject: string | null
  /** `unknown`: the ledger did not answer; its own log has what it did. */
  readonly outcome: 'done' | 'refused' | 'unknown'
}

/** One call about one tenant. */
export interface TenantCall {
  readonly tenantId: string
  /** For the log of the ledger. */
  readonly actor: string
  readonly requestId: string
  readonly request: Request
  readonly query: Readonly<Record<string, string>>
  /** Of the path, beside the tenant. */
  readonly params: Readonly<Record<string, string>>
  readonly secrets: Secrets
  /** Only to derive from: never logged. */
  readonly adminKey: string
  readonly nowMs: number
  /** Throws `LedgerAway` when the ledger does not answer. */
  ask<Reply>(work: (ledger: TenantLedgerStub) => Promise<Reply>): Promise<Reply>
  /** The same of the ledger outside of any jurisdiction. */
  askOutside<Reply>(work: (ledger: TenantLedgerStub) => Promise<Reply>): Promise<Reply>
  readonly residencies: Residencies
}

export interface CsvFile {
  /** Without its ending. */
  readonly name: string
  readonly body: string | ReadableStream<Uint8Array>
}

export type Outcome =
  | { readonly kind: 'answer'; readonly body: object; readonly subject?: string }
  | { readonly kind: 'csv'; readonly file: CsvFile }
  | { readonly kind: 'refused'; readonly error: GatewayError; readonly subject?: string }

export interface TenantRoute {
  readonly method: 'get' | 'put' | 'post' | 'delete'
  /** Behind `/admin/v1/tenants/:tenant`. */
  readonly path: string
  /** What the log says of it; null for what only reads. */
  readonly action: string | null
  /** Also for a tenant that nobody has put and no configuration names. */
  readonly creates?: true
  handle(call: TenantCall): Promise<Outcome>
}

export function answered(body: object, subject?: string): Outcome {
  return { kind: 'answer', body, ...(subject === undefined ? {} : { subject }) }
}

export function refused(error: GatewayError, subject?: string): Outcome {
  return { kind: 'refused', error, ...(subject === undefined ? {} : { subject }) }
}

export class LedgerAway extends Error {}

/** An object that does not answer within this is not waited for, ms. A statement of a large tenant takes seconds. */
const answerWithinMs = 30_000

export function mountTenantRoutes<E extends Env>(
  app: Hono<E>,
  deps: TenantDependencies<E>,
  routes: readonly TenantRoute[],
): void {
  for (const route of routes)
    app.on(route.method.toUpperCase(), `/admin/v1/tenants/:tenant${route.path}`, (context) =>
      serve(context, deps, route),
    )
}

async function serve<E extends Env>(
  context: Context<E>,
  deps: TenantDependencies<E>,
  route: TenantRoute,
): Promise<Response> {
  const call = callOf(context, deps)
  const outcome = await outcomeOf(call, route, deps.isConfigured(context, call.tenantId))
  if (route.action !== null) {
    const { requestId, adminKeyId } = deps.callerOf(context)
    const subject = (outcome.kind === 'csv' ? undefined : outcome.subject) ?? null
    const audit = { requestId, adminKeyId, tenant: call.tenantId, action: route.action, subject }
    deps.log({ event: 'ledger_admin', ...audit, outcome: outcomeWord(outcome) })
  }
  const warning = deps.warningOf(context)
  const response = responseOf(context, deps, outcome)
  if (warning !== null) response.headers.set('x-switchyard-warning', warning)
  return response
}

function responseOf<E extends Env>(
  context: Context<E>,
  deps: TenantDependencies<E>,
  outcome: Outcome,
): Response {
  switch (outcome.kind) {
    case 'answer':
      return deps.answer(context, outcome.body)
    case 'csv':
      return csvAnswer(deps.answer(context, {}), outcome.file)
    case 'refused':
      return withRetryAfter(deps.refuse(context, outcome.error), outcome.error)
  }
}

/** Hono types parameters by the path's text, which a generic app does not have. */
function callOf<E extends Env>(context: Context<E>, deps: TenantDependencies<E>): TenantCall {
  const params = context.req.param() as Readonly<Record<string, string>>
  const tenantId = params['tenant'] ?? ''
  const { requestId, adminKeyId } = deps.callerOf(context)
  return {
    tenantId,
    actor: `admin:${adminKeyId}`,
    requestId,
    request: context.req.raw,
    query: context.req.query(),
    params,
    secrets: deps.secretsOf(context),
    adminKey: deps.adminKeyOf(context),
    nowMs: Date.now(),
    ask: (work) => inTime(async () => work(await deps.ledgerOf(context, tenantId))),
    askOutside: (work) => inTime(() => work(deps.outsideOf(context, tenantId))),
    residencies: deps.residenciesOf(context),
  }
}

async function outcomeOf(
  call: TenantCall,
  { action, creates, handle }: TenantRoute,
  isConfigured: boolean,
): Promise<Outcome> {
  if (!isTenantId(call.tenantId)) return refused(invalidRequest(`tenant: ${tenantRule}`, 'tenant'))
  try {
    // An empty ledger takes every budget, and enforces it on nobody: a slip in a name has to be told.
    if (creates !== true && !isConfigured && (await call.ask((one) => one.tenant())) === null)
      return refused(notFound('no such tenant: PUT it first', 'tenant'))
    return await handle(call)
  } catch (fault) {
    if (fault instanceof LedgerAway) return refused(ledgerAway(action !== null))
    throw fault
  }
}

function outcomeWord(outcome: Outcome): LedgerAudit['outcome'] {
  if (outcome.kind !== 'refused') return 'done'
  return outcome.error.code === 'ledger_unavailable' ? 'unknown' : 'refused'
}

/** A `RangeError` of the object is about what we sent: a fault of ours, and not that it is away. */
async function inTime<Reply>(work: () => Promise<Reply>): Promise<Reply> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), answerWithinMs)
  })
  try {
    return await Promise.race([work(), late])
  } catch (cause) {
    if (cause instanceof RangeError) throw cause
    throw new LedgerAway('the ledger did not answer', { cause })
  } finally {
    clearTimeout(timer)
  }
}

function csvAnswer(plain: Response, { name, body }: CsvFile): Response {
  const headers = new Headers(plain.headers)
  headers.delete('content-length')
  headers.set('content-type', 'text/csv; charset=utf-8; header=present')
  headers.set('content-disposition', `attachment; filename="${name}.csv"`)
  headers.set('cache-control', 'no-store')
  return new Response(body, { headers })
}

function withRetryAfter(response: Response, { retryAfterMs }: GatewayError): Response {
  if (retryAfterMs !== undefined)
    response.headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  return response
}
