/**
 * The money of one tenant: what may be spent, by whom, and what was. Pure: time is an argument, rows that change are
 * effects. Safety needs no clock: a lease is charged in full when it is granted, and only its holder's word, or
 * proof, makes that less (`reliability.md` 3).
 */
import { configure, kill, reconcile, restored, revive } from './core/admin.ts'
import { answerAsk } from './core/ask.ts'
import { expire, nextWakeMs, sweep } from './core/expire.ts'
import { release } from './core/release.ts'
import { takeStatement } from './core/statements.ts'
import { changesOf, newTurn, type Turn, undo } from './core/turn.ts'
import type { LedgerEffect, LedgerEvent } from './events.ts'
import type { Acknowledgement, Exchange, ExchangeReply } from './protocol.ts'
import { type LedgerState, metaOf } from './state.ts'

export type { AlertCode, LedgerEffect, LedgerEvent } from './events.ts'
export type { LedgerState } from './state.ts'
export { emptyLedger, loadLedger, rowsOf } from './state.ts'

export interface Step {
  readonly state: LedgerState
  readonly effects: readonly LedgerEffect[]
}

/**
 * Takes in one event. The state belongs to the caller and is changed in place: go on with the returned one. When it
 * throws, nothing has changed. A `write` comes first: store it before anything else is told to anybody.
 */
export function step(state: LedgerState, event: LedgerEvent, nowMs: number): Step {
  const turn = newTurn(state, nowMs)
  let answer: LedgerEffect | null
  try {
    answer = take(turn, event)
  } catch (error) {
    undo(turn)
    throw error
  }
  const changes = changesOf(turn)
  const effects: LedgerEffect[] = changes.length > 0 ? [{ kind: 'write', changes }] : []
  effects.push(...turn.effects)
  wake(state, event, effects, nowMs)
  if (answer !== null) effects.push(answer)
  return { state, effects }
}

function take(turn: Turn, event: LedgerEvent): LedgerEffect | null {
  switch (event.kind) {
    case 'exchange':
      return { kind: 'reply', reply: takeExchange(turn, event.exchange) }
    case 'tick':
      expire(turn)
      sweep(turn)
      return null
    case 'configure':
      return refusal(configure(turn, event))
    case 'kill':
      kill(turn, event)
      return null
    case 'revive':
      return refusal(revive(turn, event))
    case 'restored':
      return refusal(restored(turn, event))
    case 'release':
      return refusal(release(turn, event))
    case 'reconcile':
      return refusal(reconcile(turn, event))
  }
}

function refusal(reason: string | null): LedgerEffect | null {
  return reason === null ? null : { kind: 'refused', reason }
}

/** Statements first: what comes back may be what the ask needs. */
function takeExchange(turn: Turn, exchange: Exchange): ExchangeReply {
  const { settings } = turn.state
  const statements = exchange.statements.slice(0, settings.maxStatements)
  const acknowledgements: Acknowledgement[] = []
  for (const statement of statements) {
    const acknowledgement = takeStatement(turn, exchange.holder, statement)
    if (acknowledgement !== null) acknowledgements.push(acknowledgement)
  }
  const answers = exchange.asks
    .slice(0, settings.maxAsks)
    .map((ask) => answerAsk(turn, exchange.holder, ask))
  const { epoch, killVersion } = metaOf(turn.state)
  const noted = statements.flatMap((said) => ('askId' in said ? [said.askId] : []))
  return { epoch, killVersion, acknowledgements, noted, answers }
}

/** Asks to be woken when the next lease is due, if that is earlier than what was asked for. */
function wake(
  state: LedgerState,
  event: LedgerEvent,
  effects: LedgerEffect[],
  nowMs: number,
): void {
  if (event.kind === 'tick') state.wakeAtMs = Infinity
  const atMs = nextWakeMs(state, nowMs)
  if (atMs >= state.wakeAtMs) return
  state.wakeAtMs = atMs
  effects.push({ kind: 'wake', atMs })
}
