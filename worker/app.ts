import { Hono } from 'hono'
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
import { allowedOrigin, allowOrigin, preflight } from './edge/cors.ts'
import { EdgePorts } from './edge/edge-ports.ts'
import { ledgerOf } from './edge/ledger-of.ts'
import { logFault } from './edge/log.ts'
import { viewOfLines, viewOfRecord } from './edge/requests.ts'
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
import type { AccessHost } from './edge/access/access.ts'
import { Exchange } from './engine/exchange.ts'
import type { RequestRecord } from './engine/record.ts'
import { serve } from './engine/serve.ts'
import { serveCountTokens } from './engine/serve-count-tokens.ts'
import { serveExplain, type BodyReader } from './engine/serve-explain.ts'

/** Endpoints of the public face that later versions build. */
const notBuilt = [
  '/v1/responses',
  '/v1/embeddings',
  '/v1/rerank',
  '/v1/moderations',
  '/v1/images/generations',
  '/v1/audio/speech',
  '/v1/audio/transcriptions',
  '/v1/extract',
  '/v1/jobs/:id',
]

type App = Hono<Environment>
type IsolateOf = (variables: Readonly<Record<string, unknown>>) => Isolate

/** Which URL goes to which dialect, and the checks every request passes, in order. */
export function createApp(isolateOf: IsolateOf): App {
  const app = new Hono<Environment>()
  identify(app, isolateOf)
  app.get('/healthz', (context) =>
    context.json(
      { status: 'ok', config: isolateOf(context.env).runtime.version },
      200,
      plainHeaders(context, isolateOf(context.env)),
    ),
  )
  authenticate(app, isolateOf)
  chatEndpoints(app, isolateOf)
  modelEndpoints(app, isolateOf)
  requestEndpoints(app, isolateOf)
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
  for (const path of [...notBuilt, '/admin/v1/*']) {
    app.all(path, (context) =>
      refuse(
        context,
        isolateOf(context.env),
        gatewayError('not_implemented', 501, 'this endpoint is not built yet'),
      ),
    )
  }
  faults(app, isolateOf)
  return app
}

/** A request id for everything, and CORS where the configuration asks for it. */
function identify(app: App, isolateOf: IsolateOf): void {
  app.use(async (context, next) => {
    context.set('requestId', `req_${crypto.randomUUID().replaceAll('-', '')}`)
    const { config } = isolateOf(context.env).runtime
    const origin = allowedOrigin(context.req.raw.headers, config.cors.origins)
    if (origin !== null && context.req.method === 'OPTIONS') return preflight(origin)
    await next()
    if (origin !== null) allowOrigin(context.res.headers, origin)
    return undefined
  })
}

/** Keys before bodies: nothing behind these paths is read for a caller that is not known. */
function authenticate(app: App, isolateOf: IsolateOf): void {
  app.use('/v1/*', async (context, next) => {
    const isolate = isolateOf(context.env)
    const key = presentedKey(context.req.raw.headers)
    const found = isolate.access.identify(key, accessHostOf(context, isolate))
    const identified = found instanceof Promise ? await found : found
    if (identified.kind === 'refused') return refuse(context, isolate, identified.error)
    context.set('caller', identified.caller)
    return next()
  })
  app.use('/admin/v1/*', async (context, next) => {
    const isolate = isolateOf(context.env)
    const key = presentedKey(context.req.raw.headers)
    const stored = key === null ? null : isolate.adminKeys.find(key)
    if (stored === null) {
      const message = 'no admin key that is known: use "Authorization: Bearer KEY"'
      return refuse(context, isolate, gatewayError('unauthorized', 401, message))
    }
    context.set('adminKeyId', stored.id)
    return next()
  })
}

function accessHostOf({ env, req, executionCtx }: AppContext, { ledger }: Isolate): AccessHost {
  return {
    nowMs: Date.now,
    waitUntil: (work) => executionCtx.waitUntil(work),
    killVersionOf: (tenant) => ledger?.killVersionOf(tenant) ?? -1,
    open: async (tenant, key) => {
      const askedAtMs = Date.now()
      const opened = await ledgerOf(req.raw, env)(tenant).open({ key })
      if (opened.kind === 'verified') ledger?.sawKillVersion(tenant, opened.killVersion, askedAtMs)
      return opened
    },
  }
}

function chatEndpoints(app: App, isolateOf: IsolateOf): void {
  const exchangeFor = (
    context: AppContext,
    dialect: Dialect,
    operation: RequestRecord['operation'],
  ) => {
    const edgeRequest = {
      request: context.req.raw,
      bindings: context.env,
      context: context.executionCtx,
    }
    const ports = new EdgePorts(edgeRequest, isolateOf(context.env))
    const exchange = new Exchange(
      context.get('requestId'),
      dialect,
      context.get('caller'),
      operation,
      coloOf(context.req.raw),
      ports,
    )
    const ignored = unhonouredHeaders(
      context.req.raw.headers,
      isolateOf(context.env).ledger !== null,
    )
    if (ignored.length > 0) exchange.warn(`not honoured here: ${ignored.join(', ')}`)
    return exchange
  }
  const chat = (dialect: Dialect) => (context: AppContext) => {
    const exchange = exchangeFor(context, dialect, 'chat')
    return toTheEnd(
      context,
      exchange,
      serve(context.req.raw, dialect, context.get('caller'), exchange),
    )
  }

  app.post('/v1/chat/completions', chat(openAiChat))
  app.post('/v1/messages', chat(anthropicMessages))
  app.post('/v1/messages/count_tokens', (context) => {
    const exchange = exchangeFor(context, anthropicMessages, 'count_tokens')
    const counting = { parse: parseCountTokens, render: renderCountTokens }
    return toTheEnd(
      context,
      exchange,
      serveCountTokens(context.req.raw, counting, context.get('caller'), exchange),
    )
  })
  app.post('/v1/explain', (context) =>
    serveExplain(
      context.req.raw,
      bodyReaderOf,
      context.get('caller'),
      exchangeFor(context, openAiChat, 'explain'),
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
  else clientGone.addEventListener('abort', stay)
  return answer
}

function modelEndpoints(app: App, isolateOf: IsolateOf): void {
  app.get('/v1/models', (context) => {
    const isolate = isolateOf(context.env)
    const data = listModels(isolate.runtime, nameSpaceOf(isolate.runtime, context.get('caller')))
    return context.json({ object: 'list', data }, 200, plainHeaders(context, isolate))
  })
  app.get('/v1/models/:id{.+}', (context) => {
    const isolate = isolateOf(context.env)
    const id = context.req.param('id')
    const entry = listModels(
      isolate.runtime,
      nameSpaceOf(isolate.runtime, context.get('caller')),
    ).find((model) => model.id === id)
    if (entry !== undefined) return context.json(entry, 200, plainHeaders(context, isolate))
    return refuse(
      context,
      isolate,
      gatewayError('unknown_model', 404, 'no route, target or model has this id', {
        param: 'model',
      }),
    )
  })
}

/** What became of a request of the caller's own tenant. */
function requestEndpoints(app: App, isolateOf: IsolateOf): void {
  app.get('/v1/requests/:id', async (context) => {
    const isolate = isolateOf(context.env)
    const id = context.req.param('id')
    const { tenant } = context.get('caller')
    const recent = isolate.recent.find(id, tenant)
    const ledger = isolate.ledger === null ? null : ledgerOf(context.req.raw, context.env)(tenant)
    const lines = ledger === null ? [] : await linesOf(id, ledger, recent !== null)
    const view =
      recent === null ? viewOfLines(id, lines) : viewOfRecord(recent.record, recent.atMs, lines)
    if (view !== null) return context.json(view, 200, plainHeaders(context, isolate))
    return refuse(
      context,
      isolate,
      gatewayError('invalid_request', 404, 'no request of this tenant has this id', {
        param: 'id',
      }),
    )
  })
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

function faults(app: App, isolateOf: IsolateOf): void {
  app.notFound((context) =>
    refuse(
      context,
      isolateOf(context.env),
      gatewayError('invalid_request', 404, 'there is no such endpoint'),
    ),
  )
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

function bodyReaderOf(path: string): BodyReader | null {
  if (path === '/v1/chat/completions') return openAiChat.parse
  if (path === '/v1/messages') return anthropicMessages.parse
  if (path === '/v1/messages/count_tokens') return parseCountTokens
  return notBuilt.includes(path) ? 'not-built' : null
}
