/**
 * An isolate's side of the tenant ledger: the credit that it may spend by itself, and what it owes the ledger to
 * know. Functions of one plain `HolderState`, with time as an argument and messages as data; nothing in here waits,
 * so a check and the setting aside that follows from it are one step.
 *
 * A request: `admit`, or else `askForHold`, send, `takeReply`, `claim` (`giveUp` when it stops waiting); then the
 * call; then `settle`, once, whatever happened. Beside that `outgoing` says what to send, and every reply goes to
 * `takeReply`.
 */
export { type AdvanceAsks, askInAdvance, giveUpAdvance, takeAdvance } from './advance.ts'
export {
  admit,
  admitWhileAway,
  askAgain,
  askForHold,
  claim,
  giveBack,
  giveUp,
  isAnswered,
} from './admit.ts'
export { defaultHolderSettings, type HolderSettings } from './holder-settings.ts'
export {
  type HeldLease,
  type HolderState,
  knownSet,
  newHolder,
  type ScopeSet,
  setKeyOf,
  type Ticket,
  type Want,
} from './holder-state.ts'
export { isFull, outgoing } from './outgoing.ts'
export { dueInMs } from './statements.ts'
export { sawKillVersion, takeReply } from './replies.ts'
export { type AttemptFacts, bookAway, isClean, type Outcome, settle } from './settle.ts'
