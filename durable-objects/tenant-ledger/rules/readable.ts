import { isNanoUsd } from '../money.ts'
import type { Ask, AttemptLine, Statement, Units } from '../protocol.ts'

/** Whatever turns into money or control flow is checked where it comes in, whoever sent it. */

function isCount(value: unknown): value is number {
  return isNanoUsd(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 512
}

export function isReadableUnits(units: Units): boolean {
  return isCount(units.requests) && isCount(units.tokens) && isCount(units.slots)
}

function isReadableLine({ number, amountNanoUsd, worstNanoUsd }: AttemptLine): boolean {
  return isCount(number) && number > 0 && isNanoUsd(amountNanoUsd) && isNanoUsd(worstNanoUsd)
}

export function isReadableStatement(statement: Statement): boolean {
  switch (statement.kind) {
    case 'void':
      return isName(statement.askId)
    case 'book':
      return (
        isName(statement.askId) && statement.scopes.every(isName) && isReadableLine(statement.line)
      )
    case 'post':
      return isName(statement.leaseId) && isReadableLine(statement.line)
    case 'report':
    case 'seal':
    case 'close':
      return (
        isName(statement.leaseId) &&
        isCount(statement.sequence) &&
        isNanoUsd(statement.spentNanoUsd) &&
        isNanoUsd(statement.heldNanoUsd) &&
        (statement.kind !== 'close' || statement.heldNanoUsd === 0) &&
        statement.lines.every(isReadableLine) &&
        (statement.adopt === undefined || isNanoUsd(statement.adopt.grantNanoUsd))
      )
  }
}

export function isReadableAsk(ask: Ask, maxScopes: number): boolean {
  if (!isName(ask.askId) || ask.scopes.length > maxScopes || !ask.scopes.every(isName)) return false
  switch (ask.kind) {
    case 'grant':
      return isNanoUsd(ask.wantNanoUsd) && isNanoUsd(ask.leastNanoUsd) && isReadableUnits(ask.units)
    case 'advance':
      return (
        isNanoUsd(ask.wantNanoUsd) &&
        isNanoUsd(ask.softNanoUsd) &&
        isNanoUsd(ask.leastNanoUsd) &&
        isCount(ask.tokens) &&
        (ask.once === undefined || isNanoUsd(ask.once.nanoUsd))
      )
    case 'hold':
      return (
        isNanoUsd(ask.worstNanoUsd) &&
        isNanoUsd(ask.leastNanoUsd) &&
        ask.leastNanoUsd <= ask.worstNanoUsd &&
        isCount(ask.tokens)
      )
  }
}
