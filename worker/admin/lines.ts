import type { LinesReply } from '../../durable-objects/tenant-ledger/rpc.ts'
import { maxPageLines } from '../../durable-objects/tenant-ledger/border.ts'
import { invalidRequest } from '../canonical/errors.ts'
import { csvOfLine, ledgerLine, linesHeader } from './ledger-lines.ts'
import { readLedgerQuery, readStatementQuery, type Span } from './ledger-query.ts'
import { csvOfStatement, statementOf } from './statement.ts'
import {
  answered,
  refused,
  type Outcome,
  type TenantCall,
  type TenantRoute,
} from './tenant-door.ts'

export const lineRoutes: readonly TenantRoute[] = [
  { method: 'get', path: '/ledger', action: null, handle: listLines },
  { method: 'get', path: '/statement', action: null, handle: statement },
]

async function listLines(call: TenantCall): Promise<Outcome> {
  const { query, request, nowMs } = call
  const read = readLedgerQuery(query, request.headers.get('accept'), nowMs)
  if (read.kind === 'invalid')
    return refused(invalidRequest(`${read.param}: ${read.rule}`, read.param))
  const { fromMs, toMs, cursor, limit, csv } = read.ask
  if (csv) {
    // The first page is there before anything is answered, so that a ledger that is away is told as that.
    const first = await pageAfter(call, read.ask, null)
    const name = `ledger-${call.tenantId}`
    return { kind: 'csv', file: { name, body: allLines(call, read.ask, first) } }
  }
  const page = await call.ask((ledger) => ledger.lines({ fromMs, toMs, cursor, limit }))
  const { nextCursor } = page
  return answered({ object: 'list', data: page.lines.map(ledgerLine), nextCursor })
}

function pageAfter(
  call: TenantCall,
  { fromMs, toMs }: Span,
  cursor: string | null,
): Promise<LinesReply> {
  return call.ask((ledger) => ledger.lines({ fromMs, toMs, cursor, limit: maxPageLines }))
}

/** Pages are asked for as they are taken. When one cannot be had the stream breaks off: a part is not taken for all. */
function allLines(call: TenantCall, span: Span, first: LinesReply): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let page: LinesReply | null = first
  let header = linesHeader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (page === null) return controller.close()
      const text = page.lines.map((row) => csvOfLine(ledgerLine(row))).join('')
      controller.enqueue(encoder.encode(header + text))
      header = ''
      const { nextCursor }: LinesReply = page
      page = nextCursor === null ? null : await pageAfter(call, span, nextCursor)
    },
  })
}

async function statement(call: TenantCall): Promise<Outcome> {
  const { query, request, tenantId } = call
  const read = readStatementQuery(query, request.headers.get('accept'))
  if (read.kind === 'invalid')
    return refused(invalidRequest(`${read.param}: ${read.rule}`, read.param))
  const { fromMs, toMs, by, period, csv } = read.ask
  const totals = await call.ask((ledger) => ledger.lineTotals({ fromMs, toMs, by }))
  const made = statementOf(tenantId, read.ask, totals)
  if (!csv) return answered(made)
  const name = `statement-${tenantId}-${period}`
  return { kind: 'csv', file: { name, body: csvOfStatement(made) } }
}
