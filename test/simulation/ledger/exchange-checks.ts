import type {
  Answer,
  Ask,
  Exchange,
  ExchangeReply,
} from '../../../durable-objects/tenant-ledger/protocol.ts'
import { invariant } from '../kernel/broken.ts'
import type { LedgerBranch, LedgerBranches } from './branches.ts'
import type { LedgerHost } from './ledger-host.ts'

/** Counts what is about to happen to leases, before it does. */
export function noteStatements(
  { books, state }: LedgerHost,
  { statements }: Exchange,
  branches: LedgerBranches,
): void {
  for (const said of statements) {
    if (said.kind === 'void') {
      const asked = state.tables.asks.get(said.askId)
      if (asked === undefined) branches.reached('void before its ask')
      else if (asked.leaseId !== null) branches.reached('void of a granted hold')
      continue
    }
    if (said.kind === 'book' || said.kind === 'post') continue
    const lease = books.leases.get(said.leaseId)
    if (lease === undefined) continue
    if (said.kind === 'seal' && said.heldNanoUsd > 0) branches.reached('sealed with holds out')
    if (said.kind === 'close') branches.reached('closed')
    if (lease.state === 'closed')
      branches.reached(said.kind === 'close' ? 'close said twice' : 'seal after close')
    if (lease.state !== 'lost') continue
    if (said.kind === 'seal') branches.reached('seal after it was lost')
    if (said.kind === 'close') branches.reached('close after it was lost')
    if (said.lines.length > 0) branches.reached('line after it was lost')
    if (
      said.kind === 'close' &&
      said.spentNanoUsd > lease.limitNanoUsd &&
      lease.refundedNanoUsd > 0
    )
      branches.reached('bounded refund that had been spent')
  }
}

/** I7, I19 and I20: what is granted and denied, by the books as they are after the step. */
export function checkAnswers(
  host: LedgerHost,
  { asks }: Exchange,
  reply: ExchangeReply,
  nowMs: number,
  branches: LedgerBranches,
): void {
  for (const [index, answer] of reply.answers.entries()) {
    const ask = asks[index]
    if (ask === undefined) continue
    if (answer.kind === 'granted') checkSameLease(host, reply, answer, nowMs, branches)
    else branches.reached(`denied: ${answer.reason}` as LedgerBranch)
    // With one ask the books are those the answer was made from; a grant has changed them.
    if (asks.length === 1 && answer.kind === 'denied') checkDenial(host, ask, answer)
    if (answer.kind === 'granted') noteGrant(ask, answer, branches)
  }
}

const grantBranches = {
  grant: 'lease granted',
  hold: 'hold granted',
  advance: 'advance granted',
} as const satisfies Record<Ask['kind'], LedgerBranch>

function noteGrant(
  ask: Ask,
  answer: Extract<Answer, { readonly kind: 'granted' }>,
  branches: LedgerBranches,
): void {
  branches.reached(grantBranches[ask.kind])
  if (answer.isForOne === true) branches.reached('first hold granted')
  if (ask.kind === 'hold' && answer.grantNanoUsd < ask.worstNanoUsd)
    branches.reached('hold granted for a shorter answer')
  invariant(answer.grantNanoUsd >= ask.leastNanoUsd, 'I20 a grant is of use', () => ({
    ask,
    answer,
  }))
}

function checkSameLease(
  { leaseOfAsk, state }: LedgerHost,
  { epoch }: ExchangeReply,
  answer: Extract<Answer, { readonly kind: 'granted' }>,
  nowMs: number,
  branches: LedgerBranches,
): void {
  const { askId, leaseId } = answer
  const known = leaseOfAsk.get(askId)
  // An isolate that stood still may say again what is forgotten: it gets another lease, which nobody waits for.
  const isForgotten = known !== undefined && nowMs - known.atMs >= state.settings.rememberMs
  if (known === undefined || known.epoch !== epoch || isForgotten) {
    leaseOfAsk.set(askId, { epoch, leaseId, atMs: nowMs })
    return
  }
  branches.reached('same ask, same lease')
  invariant(known.leaseId === leaseId, 'I7 the same ask is the same lease', () => answer)
}

/** I19: nobody is told that the budget is gone while what they ask for fits. */
function checkDenial(host: LedgerHost, ask: Ask, answer: Answer): void {
  if (answer.kind !== 'denied') return
  const { books, state } = host
  const rooms = [...books.budgets.values()]
    .filter(({ scope, mode }) => mode === 'hard' && ask.scopes.includes(scope))
    .map((budget) => {
      const current = state.index.current.get(budget.id) ?? ''
      const account = books.accounts.get(current)
      const used = account?.chargedNanoUsd ?? 0
      // The margin after an overrun: at most a tenth of the cap.
      const margin = (account?.overrunNanoUsd ?? 0) > 0 ? Math.ceil(budget.capNanoUsd / 10) : 0
      return { budget, room: budget.capNanoUsd - used - margin }
    })
  const room = Math.min(Infinity, ...rooms.map((each) => each.room))
  const { reason } = answer
  if (reason === 'budget_exceeded' || reason === 'budget_reserved')
    invariant(room < ask.leastNanoUsd, 'I19 denied only when it does not fit', () => ({
      ask,
      answer,
      rooms,
    }))
  // An advance is a guess: it has no right to anything.
  if (reason !== 'use_holds' || ask.kind === 'advance' || answer.limits.length > 0) return
  const isPlenty = rooms.every(
    (each) =>
      each.room >= 8 * ask.leastNanoUsd && each.room >= Math.ceil(each.budget.capNanoUsd / 50),
  )
  invariant(!isPlenty, 'I20 who asks for a slice gets one while there is plenty', () => ({
    ask,
    answer,
    rooms,
  }))
}
