import { HonoBase as Hono } from 'hono/hono-base'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import type { LineRow } from '../durable-objects/tenant-ledger/rows.ts'
import type { TenantLedgerStub } from '../durable-objects/tenant-ledger/stub.ts'
import { mountAdmin, type AdminEnvironment } from './admin/mount.ts'
import { gatewayError } from './canonical/errors.ts'
import type { Dialect } from './dialects/dialect.ts'
import { openAiChat } from './dialects/openai-chat/index.ts'
import {
  anthropicMessages,
  parseCountTokens,
  renderCountTokens,
} from './dialects/anthropic-messages/index.ts'
import type { Isolate } from './edge/isolate.ts'
import { EdgePorts } from './edge/edge-ports.ts'
import { ledgerOf } from './edge/ledger-of.ts'
import { logFault } from './edge/log.ts'
import { viewOfKept, viewOfLines, withLines } from './edge/requests.ts'
import { listModels } from './edge/models.ts'
import { unhonouredHeaders } from './edge/unhonoured-headers.ts'
import {
  type AppContext,
  coloOf,
  type Environment,
  errorDialect,
  plainHeaders,
  presentedKey,
  refuse,
} from './doors.ts'
import { nameSpaceOf } from './edge/access/name-space.ts'
import { guarded, type Handler, identified, type IsolateOf } from './guard.ts'
import { Exchange } from './engine/exchange.ts'
import type { RequestRecord } from './engine/record.ts'
import { serve } from './engine/serve.ts'
import { serveCountTokens } from './engine/serve-count-tokens.ts'
import { serveExplain } from './engine/serve-explain.ts'
import { bodyReaderOf, notBuilt } from './pipelines.ts'
import { job, recordOf } from './run-door.ts'

type App = Hono<Environment>

/** Which URL goes to which dialect, and the checks every request passes, in order (`guard`). */
export function createApp(isolateOf: IsolateOf): App {
  // What Hono itself chooses for these paths; the two routers beside it are 1 kB of a bundle, compressed.
  const app = new Hono<Environment>({ router: new RegExpRouter() })
  app.get(
    '/healthz',
    identified(isolateOf, (context, isolate) =>
      context.json(
        { status: 'ok', config: isolate.runtime.version },
        200,
        plainHeaders(context, isolate),
      ),
    ),
  )
  chatEndpoints(app, isolateOf)
  modelEndpoints(app, isolateOf)
  requestEndpoints(app, isolateOf)
  adminEndpoints(app, isolateOf)
  for (const path of notBuilt) app.all(path, guarded(isolateOf, notBuiltYet))
  faults(app, isolateOf)
  return app
}

const notBuiltYet: Handler = (context, isolate) =>
  refuse(context, isolate, gatewayError('not_implemented', 501, 'this endpoint is not built yet'))

/** The admin plane: rarely called, so its checks are middleware like anybody's. */
function adminEndpoints(app: App, isolateOf: IsolateOf): void {
  app.use('/admin/v1/*', async (context, next) =>
    identified(isolateOf, async (_context, isolate) => {
      const key = presentedKey(context.req.raw.headers)
      const stored = key === null ? null : isolate.adminKeys.find(key)
      if (stored === null) {
        const message = 'no admin key that is known: use "Authorization: Bearer KEY"'
        return refuse(context, isolate, gatewayError('unauthorized', 401, message))
      }
      context.set('adminKeyId', stored.id)
      await next()
      return context.res
    })(context),
  )
  mountAdmin(app as unknown as Hono<AdminEnvironment>, {
    isolateOf,
    answer: (context, body) =>
      context.json(
        body,
        200,
        plainHeaders(context as unknown as AppContext, isolateOf(context.env)),
      ),
    refuse: (context, error) =>
      refuse(context as unknown as AppContext, isolateOf(context.env), error),
  })
  app.all('/admin/v1/*', (context) => notBuiltYet(context, isolateOf(context.env)))
}

function exchangeFor(
  context: AppContext,
  isolate: Isolate,
  dialect: Dialect,
  operation: RequestRecord['operation'],
): Exchange {
  const request = context.req.raw
  const ports = new EdgePorts(
    { request, bindings: context.env, context: context.executionCtx },
    isolate,
  )
  const exchange = new Exchange(
    context.get('requestId'),
    dialect,
    context.get('caller'),
    operation,
    coloOf(request),
    ports,
  )
  const ignored = unhonouredHeaders(
    request.headers,
    isolate.ledger !== null,
    isolate.runtime.policies.reads !== null,
    context.get('asksForLater') === true,
  )
  if (ignored.length > 0) exchange.warn(`not honoured here: ${ignored.join(', ')}`)
  return exchange
}

function chatEndpoints(app: App, isolateOf: IsolateOf): void {
  const chat = (dialect: Dialect) =>
    guarded(isolateOf, (context, isolate) => {
      const exchange = exchangeFor(context, isolate, dialect, 'chat')
      return toTheEnd(
        context,
        exchange,
        serve(context.req.raw, dialect, context.get('caller'), exchange),
      )
    })
  app.post('/v1/chat/completions', chat(openAiChat))
  app.post('/v1/messages', chat(anthropicMessages))
  const counting = { parse: parseCountTokens, render: renderCountTokens }
  app.post(
    '/v1/messages/count_tokens',
    guarded(isolateOf, (context, isolate) => {
      const exchange = exchangeFor(context, isolate, anthropicMessages, 'count_tokens')
      return toTheEnd(
        context,
        exchange,
        serveCountTokens(context.req.raw, counting, context.get('caller'), exchange),
      )
    }),
  )
  app.post(
    '/v1/explain',
    guarded(isolateOf, (context, isolate) =>
      serveExplain(
        context.req.raw,
        bodyReaderOf,
        context.get('caller'),
        exchangeFor(context, isolate, openAiChat, 'explain'),
      ),
    ),
  )
}

/**
 * A client that leaves ends the work for its request, except what is waited for: the record still has to be written.
 * Waited for from that moment on, because every request would pay some 20 us for it in advance.
 */
function toTheEnd(
  context: AppContext,
  { ports: { clientGone } }: Exchange,
  answer: Promise<Response>,
): Promise<Response> {
  const stay = () => context.executionCtx.waitUntil(answer.catch(() => undefined))
  if (clientGone.aborted) stay()
  // Taken away with its record (`EdgePorts.log`): a promise less for each answer.
  else clientGone.addEventListener('abort', stay)
  return answer
}

function modelEndpoints(app: App, isolateOf: IsolateOf): void {
  const listed = (context: AppContext, { runtime }: Isolate) =>
    listModels(runtime, nameSpaceOf(runtime, context.get('caller')))
  app.get(
    '/v1/models',
    guarded(isolateOf, (context, isolate) => {
      const answer = { object: 'list', data: listed(context, isolate) }
      return context.json(answer, 200, plainHeaders(context, isolate))
    }),
  )
  app.get(
    '/v1/models/:id{.+}',
    guarded(isolateOf, (context, isolate) => {
      const id = context.req.param('id')
      const entry = listed(context, isolate).find((model) => model.id === id)
      if (entry !== undefined) return context.json(entry, 200, plainHeaders(context, isolate))
      const message = 'no route, target or model has this id'
      return refuse(
        context,
        isolate,
        gatewayError('unknown_model', 404, message, { param: 'model' }),
      )
    }),
  )
}

/** What became of a request of the caller's own tenant. */
function requestEndpoints(app: App, isolateOf: IsolateOf): void {
  app.get('/v1/jobs/:id', guarded(isolateOf, job))
  app.get(
    '/v1/requests/:id',
    guarded(isolateOf, async (context, isolate) => {
      const id = context.req.param('id') ?? ''
      const { tenant } = context.get('caller')
      const recent = isolate.recent.find(id, tenant)
      const ledger =
        isolate.ledger === null
          ? null
          : ledgerOf(context.req.raw, context.env, isolate.residencies)(tenant)
      const lines = ledger === null ? [] : await linesOf(id, ledger, recent !== null)
      const known = recent === null ? await recordOf(context, isolate, id, lines.length > 0) : null
      const view =
        recent !== null
          ? viewOfKept(recent, lines)
          : known === null
            ? viewOfLines(id, lines)
            : withLines(known, lines)
      if (view !== null) return context.json(view, 200, plainHeaders(context, isolate))
      const message = 'no request of this tenant has this id'
      return refuse(
        context,
        isolate,
        gatewayError('invalid_request', 404, message, { param: 'id' }),
      )
    }),
  )
}

/** Where the record is at hand, a ledger that is away only leaves the money out. */
async function linesOf(
  requestId: string,
  ledger: TenantLedgerStub,
  isKnown: boolean,
): Promise<readonly LineRow[]> {
  try {
    return await ledger.requestLines({ requestId })
  } catch (fault) {
    if (isKnown) return []
    throw fault
  }
}

/** What no endpoint takes: still behind a key where the plane asks for one, so that paths tell nothing. */
function faults(app: App, isolateOf: IsolateOf): void {
  const unknown: Handler = (context, isolate) =>
    refuse(context, isolate, gatewayError('invalid_request', 404, 'there is no such endpoint'))
  const outside = identified(isolateOf, unknown)
  const inside = guarded(isolateOf, unknown)
  app.notFound((context) => (context.req.path.startsWith('/v1/') ? inside : outside)(context))
  app.onError((fault, context) => {
    const requestId = context.get('requestId') ?? 'req_unknown'
    logFault(requestId, fault)
    const error = gatewayError(
      'internal',
      500,
      `something went wrong here; request id ${requestId}`,
    )
    const dialect = errorDialect(context)
    // Nothing that needs the configuration: it may be what is broken.
    return new Response(JSON.stringify(dialect.renderError(error, requestId)), {
      status: 500,
      headers: {
        'content-type': 'application/json',
        'x-switchyard-request-id': requestId,
        [dialect.requestIdHeader]: requestId,
        'x-switchyard-attempts': '0',
        // The clients' SDKs would send it again twice.
        'x-should-retry': 'false',
      },
    })
  })
}
