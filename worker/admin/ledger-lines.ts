import type { AttemptLine, Basis, LeaseId } from '../../durable-objects/tenant-ledger/protocol.ts'
import type { LineRow } from '../../durable-objects/tenant-ledger/rows.ts'
import type { Usage } from '../canonical/usage.ts'
import { type Cell, csvLine } from './csv.ts'
import { timeOf, usdOf } from './usd.ts'

/** One line of the ledger, as an operator reads it. */
export interface LedgerLine {
  readonly id: string
  /** When the ledger wrote it. */
  readonly at: string
  /** `lost`: charged, and nobody knows for what. `found`: takes as much of that back. Both are of no request. */
  readonly kind: LineRow['kind']
  readonly requestId: string | null
  readonly attemptId: string | null
  readonly leaseId: LeaseId
  /** The target, where it was named past all routes. */
  readonly route: string | null
  readonly target: string | null
  readonly servedModel: string | null
  readonly keyId: string | null
  readonly tags: Readonly<Record<string, string>>
  /** Tokens by class, and searches; what the provider did not say is not there. */
  readonly usage: TokenCounts
  readonly priceVersion: string | null
  /** Below zero where it takes back: costs add up to what is charged. */
  readonly costUsd: string
  readonly basis: Basis
}

type TokenCounts = Omit<Usage, 'providerCostUsd'>

export function ledgerLine(row: LineRow): LedgerLine {
  const { id, kind, leaseId, attempt, basis, atMs, amountNanoUsd } = row
  const of = <Field extends keyof AttemptLine>(field: Field) => attempt?.[field] ?? null
  return {
    id,
    at: timeOf(atMs),
    kind,
    requestId: of('requestId'),
    attemptId: of('attemptId'),
    leaseId,
    route: of('route'),
    target: of('target'),
    servedModel: of('servedModel'),
    keyId: of('keyId'),
    tags: attempt?.tags ?? {},
    usage: countsOf(attempt?.usage ?? {}),
    priceVersion: of('priceVersion'),
    costUsd: usdOf(kind === 'found' ? -amountNanoUsd : amountNanoUsd),
    basis,
  }
}

/** A cost that the provider says itself is a float, and not what is charged. */
function countsOf({ providerCostUsd: _told, ...counts }: Usage): TokenCounts {
  return counts
}

/** The classes of tokens that have a column. */
export const tokenClasses = [
  'inputTokens',
  'outputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'cacheWrite1hTokens',
  'reasoningTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'imageInputTokens',
  'imageOutputTokens',
  'webSearchRequests',
] as const satisfies readonly (keyof Usage)[]

export const lineColumns = [
  'id',
  'at',
  'kind',
  'requestId',
  'attemptId',
  'leaseId',
  'route',
  'target',
  'servedModel',
  'keyId',
  'tags',
  ...tokenClasses,
  'priceVersion',
  'costUsd',
  'basis',
] as const

export function linesHeader(): string {
  return csvLine(lineColumns)
}

export function csvOfLine(line: LedgerLine): string {
  return csvLine(
    lineColumns.map((column): Cell => {
      switch (column) {
        case 'tags':
          return tagsText(line.tags)
        case 'costUsd':
          return { amount: line.costUsd }
        default:
          return isTokenClass(column) ? (line.usage[column] ?? null) : line[column]
      }
    }),
  )
}

/** `feature=search;team=a`: neither sign is in a name or a value. */
function tagsText(tags: LedgerLine['tags']): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(';')
}

function isTokenClass(column: string): column is (typeof tokenClasses)[number] {
  return (tokenClasses as readonly string[]).includes(column)
}
