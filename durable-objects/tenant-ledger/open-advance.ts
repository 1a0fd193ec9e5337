import { mergeTags, scopesOf } from './access/scopes.ts'
import type { KeyProfile } from './access/verify.ts'
import { advanceOf, isKept } from './core/habits.ts'
import type { LedgerEffect } from './ledger.ts'
import { oneNanoUsd } from './money.ts'
import type { Exchange, ScopeId } from './protocol.ts'
import type { Advance, AdvanceCall, OpenReply } from './rpc.ts'
import type { LedgerState } from './state.ts'

/** Beyond this nobody is told which routes money is kept by, and has to ask. */
const mostRoutes = 64

const routePrefix = 'route:'

/**
 * What an isolate asks for with a key that it sees first: credit for the request that brought the key. Its route is in
 * a body that nobody has read, so the one that the key used last is guessed, which matters only where money is kept by
 * routes. Null where none is to be had: a pinned tenant's requests are held elsewhere, one by one.
 */
export function advanceExchange(
  { index, tables }: LedgerState,
  profile: KeyProfile,
  { holder, askId, wantNanoUsd, softNanoUsd, tokens, tags }: AdvanceCall,
): Exchange | null {
  if (profile.residency !== null) return null
  const habit = tables.habits.get(profile.keyId)
  const routes = keptRoutes(index)
  const route = routes.length === 0 ? null : (habit?.route ?? onlyRouteOf(profile))
  const ask = {
    kind: 'advance',
    askId,
    scopes: scopesOf(profile, route, mergeTags(profile.grant.tags, tags)),
    wantNanoUsd: advanceOf(habit, wantNanoUsd),
    softNanoUsd: advanceOf(habit, softNanoUsd),
    leastNanoUsd: oneNanoUsd,
    tokens,
  } as const
  return { holder, statements: [], asks: [ask] }
}

function onlyRouteOf({ grant: { routes } }: KeyProfile): string | null {
  const [first, second] = routes ?? []
  return first !== undefined && second === undefined ? first : null
}

function keptRoutes({ budgets, limits }: LedgerState['index']): readonly string[] {
  return [...new Set([...budgets.keys(), ...limits.keys()])].flatMap((scope) =>
    scope.startsWith(routePrefix) ? [scope.slice(routePrefix.length)] : [],
  )
}

/** The reply of `open`, with what came of the exchange. */
export function withAdvance(
  state: LedgerState,
  reply: OpenReply,
  exchange: Exchange,
  effects: readonly LedgerEffect[],
): OpenReply {
  const told = effects.find((effect) => effect.kind === 'reply')
  const answer = told?.kind === 'reply' ? told.reply.answers[0] : undefined
  if (reply.kind === 'rejected' || answer === undefined) return reply
  const scopes: readonly ScopeId[] = exchange.asks[0]?.scopes ?? []
  const routes = keptRoutes(state.index)
  const advance: Advance = {
    scopes,
    kept: scopes.filter((scope) => isKept(state, scope)),
    routes: routes.length > mostRoutes ? null : routes,
    answer,
  }
  return { ...reply, advance }
}
