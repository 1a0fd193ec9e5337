import type { AppContext } from './doors.ts'
import { presentedKey, refuse } from './doors.ts'
import { accessHostOf, giveBackHanded } from './access-host.ts'
import type { Identified } from './edge/access/access.ts'
import { allowedOrigin, allowOrigin, preflight } from './edge/cors.ts'
import type { Isolate } from './edge/isolate.ts'
import { newRequestId } from './edge/request-id.ts'
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
    context.set('requestId', newRequestId())
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
  const enter = (
    context: AppContext,
    isolate: Isolate,
    headers: Headers,
    identified: Identified,
  ) => {
    if (identified.kind === 'refused') return refuse(context, isolate, identified.error)
    context.set('caller', identified.caller)
    const away = runDoor(context, isolate, headers, identified.caller)
    if (context.get('handed') !== undefined) giveBackHanded(context, isolate, identified.caller)
    return away ?? handler(context, isolate)
  }
  return identified(isolateOf, (context, isolate) => {
    const { headers } = context.req.raw
    const key = presentedKey(headers)
    const found = isolate.access.identify(key, accessHostOf(context, isolate))
    return found instanceof Promise
      ? found.then((known) => enter(context, isolate, headers, known))
      : enter(context, isolate, headers, found)
  })
}
