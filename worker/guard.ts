import type { AppContext } from './doors.ts'
import { presentedKey, refuse } from './doors.ts'
import type { AccessHost, Identified } from './edge/access/access.ts'
import { addressOf, isWithinLimit } from './edge/access/junk-shield.ts'
import { allowedOrigin, allowOrigin, preflight } from './edge/cors.ts'
import type { Isolate } from './edge/isolate.ts'
import { firstCreditOf, mayCost } from './edge/ledger/first-credit.ts'
import { openKey } from './edge/ledger/open-key.ts'
import { ledgerOf } from './edge/ledger-of.ts'
import { runDoor } from './run-door.ts'

export type IsolateOf = (variables: Readonly<Record<string, unknown>>) => Isolate

/** Answers a request that has passed the checks in front of it. */
export type Handler = (context: AppContext, isolate: Isolate) => Response | Promise<Response>

type Entry = (context: AppContext) => Response | Promise<Response>

/**
 * A request id for everything, and CORS where the configuration asks for it. A
 * function around each handler and not middleware: Hono answers a path with one
 * handler without composing a chain for it.
 */
export function identified(isolateOf: IsolateOf, handler: Handler): Entry {
  return (context) => {
    context.set('requestId', `req_${crypto.randomUUID().replaceAll('-', '')}`)
    const isolate = isolateOf(context.env)
    const { origins } = isolate.runtime.config.cors
    if (origins.length === 0) return handler(context, isolate)
    return acrossOrigins(context, isolate, origins, handler)
  }
}

async function acrossOrigins(
  context: AppContext,
  isolate: Isolate,
  origins: readonly string[],
  handler: Handler,
): Promise<Response> {
  const origin = allowedOrigin(context.req.raw.headers, origins)
  if (origin === null) return handler(context, isolate)
  if (context.req.method === 'OPTIONS') return preflight(origin)
  const given = await handler(context, isolate)
  // Made anew: headers of an answer that came over a binding cannot be set.
  const answer = new Response(given.body, given)
  allowOrigin(answer.headers, origin)
  return answer
}

/** Keys before bodies: nothing of a request is read for a caller that is not known. */
export function guarded(isolateOf: IsolateOf, handler: Handler): Entry {
  const enter = (context: AppContext, isolate: Isolate, identified: Identified) => {
    if (identified.kind === 'refused') return refuse(context, isolate, identified.error)
    context.set('caller', identified.caller)
    return runDoor(context, isolate, identified.caller) ?? handler(context, isolate)
  }
  return identified(isolateOf, (context, isolate) => {
    const key = presentedKey(context.req.raw.headers)
    const found = isolate.access.identify(key, accessHostOf(context, isolate))
    return found instanceof Promise
      ? found.then((known) => enter(context, isolate, known))
      : enter(context, isolate, found)
  })
}

function accessHostOf(
  { env, req, executionCtx }: AppContext,
  { ledger, runtime, residencies }: Isolate,
): AccessHost {
  return {
    nowMs: Date.now,
    waitUntil: (work) => executionCtx.waitUntil(work),
    addressOf: () => addressOf(req.raw),
    isWithinLimit: (address) => isWithinLimit(env, address),
    killVersionOf: (tenant) => ledger?.killVersionOf(tenant) ?? -1,
    isDeclared: (tenant) => residencies.declared(tenant) !== null,
    open: async (tenant, key, isAwaited) => {
      const stub = ledgerOf(req.raw, env, residencies)(tenant)
      if (ledger === null) return stub.open({ key })
      // A pinned tenant's money is asked for inside of its jurisdiction.
      const isSpender = isAwaited && residencies.of(tenant) === null && mayCost(req.raw)
      const first = isSpender ? () => firstCreditOf(req.raw, runtime) : null
      return openKey(ledger, tenant, key, first, {
        nowMs: Date.now,
        after: (delayMs, then) => {
          const timer = setTimeout(then, delayMs)
          return () => clearTimeout(timer)
        },
        waitUntil: (work) => executionCtx.waitUntil(work),
        open: (call) => stub.open(call),
        send: (exchange) => ledgerOf(req.raw, env, residencies)(tenant).exchange(exchange),
      })
    },
  }
}
