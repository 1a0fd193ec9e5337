import { sha256 } from '@noble/hashes/sha2.js'
import type { AlertCode, LedgerEffect } from './events.ts'
import { type NanoUsd, zeroNanoUsd } from './money.ts'

export type JournalAlertCode =
  /** It has taken nothing for minutes: what is written meanwhile would be lost with a rollback. */
  | 'journal_behind'
  /** It does not know what it had acknowledged. It begins anew. */
  | 'journal_lost'
  /** It knows another history: the ledger was rolled back, and had written on before it could ask. */
  | 'journal_forked'

/** What a person is told of: what the core alerts of, thresholds, and a database that was rolled back. */
export type LedgerAlertCode = AlertCode | 'threshold' | 'rolled_back' | JournalAlertCode

/** Alerts of one subject are added up, so that a thousand lost leases are two messages. */
export interface LedgerAlert {
  readonly subject: string
  readonly code: LedgerAlertCode
  readonly atMs: number
  readonly count: number
  readonly amountNanoUsd: NanoUsd
  /** Of the first. */
  readonly about: Readonly<Record<string, string | number | null>>
}

/** What a receiver reads, as Standard Webhooks has it: type, time, data. No prompt and no key has a field in it. */
export interface LedgerMessage {
  /** The same also when it is sent again: receivers know by it what they have. */
  readonly id: string
  readonly payload: {
    readonly type: `ledger.${LedgerAlertCode}`
    readonly timestamp: string
    readonly data: Readonly<Record<string, string | number | null>>
  }
}

export interface AlertSource {
  readonly tenantId: string
  readonly jurisdiction: string | null
}

/** What is to be told of an effect; null for most. */
export function alertOfEffect(effect: LedgerEffect, atMs: number): LedgerAlert | null {
  if (effect.kind === 'alert') {
    const { code, leaseId, amountNanoUsd, detail } = effect
    return newAlert(code, code, atMs, amountNanoUsd, { leaseId, detail })
  }
  if (effect.kind === 'threshold') {
    const { budgetId, accountId, basisPoints, action, spentNanoUsd, capNanoUsd } = effect
    const about = { budgetId, accountId, basisPoints, action, capNanoUsd }
    return newAlert(`threshold ${accountId} ${basisPoints}`, 'threshold', atMs, spentNanoUsd, about)
  }
  return null
}

export function alertOfRollback(epoch: number, atMs: number): LedgerAlert {
  return newAlert('rolled_back', 'rolled_back', atMs, zeroNanoUsd, { epoch })
}

export function journalAlert(code: JournalAlertCode, atMs: number): LedgerAlert {
  return newAlert(code, code, atMs, zeroNanoUsd, {})
}

function newAlert(
  subject: string,
  code: LedgerAlertCode,
  atMs: number,
  amountNanoUsd: NanoUsd,
  about: LedgerAlert['about'],
): LedgerAlert {
  return { subject, code, atMs, count: 1, amountNanoUsd, about }
}

export function messageOf(
  { subject, code, atMs, count, amountNanoUsd, about }: LedgerAlert,
  serial: number,
  { tenantId, jurisdiction }: AlertSource,
): LedgerMessage {
  return {
    id: `alert_${digest([tenantId, jurisdiction, subject, serial, atMs])}`,
    payload: {
      type: `ledger.${code}`,
      timestamp: new Date(atMs).toISOString(),
      data: { tenant: tenantId, jurisdiction, count, amountNanoUsd, ...about },
    },
  }
}

/** Short, of letters and digits: an id of Standard Webhooks is a part of a signed text that dots divide. */
function digest(parts: readonly unknown[]): string {
  const bytes = sha256(new TextEncoder().encode(JSON.stringify(parts))).subarray(0, 12)
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
