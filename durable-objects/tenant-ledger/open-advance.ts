import { mergeTags, scopesOf } from './access/scopes.ts'
import type { KeyProfile } from './access/verify.ts'
import { advanceOf, isKept, onceOf } from './core/habits.ts'
import type { LedgerEffect } from './ledger.ts'
import { oneNanoUsd } from './money.ts'
import type { Advance, AdvanceAnswer, AdvanceCall } from './advance-call.ts'
import type { Exchange } from './protocol.ts'
import type { OpenReply } from './rpc.ts'
import type { LedgerState } from './state.ts'

/** Beyond this nobody is told which routes money is kept by, and has to ask. */
const mostRoutes = 64

const routePrefix = 'route:'

/**
 * What an isolate asks for with a key that it sees first: credit for the request that brought the key. Its route is in
 * a body that nobody has read, which matters only where money is kept by routes: there the one that the key used last
 * is guessed, and beside it a slice is asked for of each other that the key may use, where these are few. Null where
 * none is to be had: a pinned tenant's money is held where its requests run.
 */
export function advanceExchange(
  { index, tables }: LedgerState,
  profile: KeyProfile,
  call: AdvanceCall,
): Exchange | null {
  if (profile.residency !== null && call.isHandedOn !== true) return null
  const { holder, askId, wantNanoUsd, softNanoUsd, tokens, mayHold, moreAskIds = [] } = call
  const habit = tables.habits.get(profile.keyId)
  const [route, ...others] = guessedRoutes(keptRoutes(index), profile, habit?.route ?? null)
  const tags = mergeTags(profile.grant.tags, call.tags)
  const advanceFor = (id: string, guess: string | null) =>
    ({
      kind: 'advance',
      askId: id,
      scopes: scopesOf(profile, guess, tags),
      wantNanoUsd: advanceOf(habit, wantNanoUsd),
      softNanoUsd: advanceOf(habit, softNanoUsd),
      leastNanoUsd: oneNanoUsd,
      tokens,
    }) as const
  const once = mayHold === true && { once: onceOf(habit, wantNanoUsd) }
  const first = { ...advanceFor(askId, route), ...once }
  const isFew = others.length <= moreAskIds.length
  const rest = isFew ? moreAskIds.slice(0, others.length) : []
  const more = rest.map((id, at) => advanceFor(id, others[at] ?? null))
  return { holder, statements: [], asks: [first, ...more] }
}

type Routes = readonly [string | null, ...(string | null)[]]

/** The likeliest first. Null: one that no money is kept by. */
function guessedRoutes(
  kept: readonly string[],
  { grant: { routes, models } }: KeyProfile,
  last: string | null,
): Routes {
  if (kept.length === 0) return [null]
  const all = routes === null ? kept : kept.filter((route) => routes.includes(route))
  const mayBeOther = routes === null || models !== null || routes.length > all.length
  const only = routes?.length === 1 || !mayBeOther ? (all[0] ?? null) : null
  const first = last !== null && all.includes(last) ? last : only
  const others: (string | null)[] = all.filter((route) => route !== first)
  if (mayBeOther && first !== null) others.unshift(null)
  return [first, ...others]
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
  if (reply.kind === 'rejected' || told?.kind !== 'reply') return reply
  const [first, ...more] = told.reply.answers.map((answer, at): AdvanceAnswer => {
    const scopes = exchange.asks[at]?.scopes ?? []
    return { scopes, kept: scopes.filter((scope) => isKept(state, scope)), answer }
  })
  if (first === undefined) return reply
  const routes = keptRoutes(state.index)
  const few = routes.length > mostRoutes ? null : routes
  const advance: Advance = { ...first, routes: few, ...(more.length > 0 && { more }) }
  return { ...reply, advance }
}
