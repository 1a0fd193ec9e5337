import type { HandedCredit } from './edge/run/handed-credit.ts'
import type { Context } from 'hono'
import type { GatewayError } from './canonical/errors.ts'
import type { Dialect } from './dialects/dialect.ts'
import { anthropicMessages } from './dialects/anthropic-messages/index.ts'
import { openAiChat } from './dialects/openai-chat/index.ts'
import type { Isolate } from './edge/isolate.ts'
import { logRefusal } from './edge/log.ts'
import type { Caller } from './engine/caller.ts'
import { retryHeaders } from './engine/retry-headers.ts'

export interface Environment {
  Bindings: Readonly<Record<string, unknown>>
  Variables: {
    requestId: string
    caller: Caller
    adminKeyId: string
    /** It asks for an answer later, and gets one now. */
    asksForLater: true | undefined
    /** Of a pinned tenant's first request, until the object that runs it is given it. */
    handed: HandedCredit | undefined
  }
}

export type AppContext = Context<Environment>

/** Errors are told in the dialect of the path, and that of OpenAI elsewhere. */
export function errorDialect(context: AppContext): Dialect {
  return context.req.path.startsWith('/v1/messages') ? anthropicMessages : openAiChat
}

/** `Authorization: Bearer KEY`, or `x-api-key: KEY` as Anthropic's clients send it. */
export function presentedKey(headers: Headers): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  return bearer ?? headers.get('x-api-key')
}

export function refuse(context: AppContext, isolate: Isolate, error: GatewayError): Response {
  const requestId = context.get('requestId')
  const caller = context.get('caller') as Caller | undefined
  logRefusal({
    requestId,
    tenant: caller?.tenant ?? null,
    keyId: caller?.keyId ?? null,
    method: context.req.method,
    status: error.status,
    errorCode: error.code,
    // What is wrong with a key is told in words of ours alone; other errors may quote.
    ...(error.status === 401 ? { reason: error.message } : {}),
    configVersion: isolate.runtime.version,
    colo: coloOf(context.req.raw),
  })
  return new Response(JSON.stringify(errorDialect(context).renderError(error, requestId)), {
    status: error.status,
    headers: {
      'content-type': 'application/json',
      ...plainHeaders(context, isolate),
      ...retryHeaders(error),
    },
  })
}

export function plainHeaders(context: AppContext, isolate: Isolate): Record<string, string> {
  return {
    'x-switchyard-request-id': context.get('requestId'),
    [errorDialect(context).requestIdHeader]: context.get('requestId'),
    'x-switchyard-config': isolate.runtime.version,
    'x-switchyard-attempts': '0',
    'server-timing': 'policy;dur=0, admit;dur=0',
  }
}

export function coloOf(request: Request): string | null {
  const colo = (request as { cf?: { colo?: unknown } }).cf?.colo
  return typeof colo === 'string' ? colo : null
}
