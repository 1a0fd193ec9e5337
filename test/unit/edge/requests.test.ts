import { describe, expect, it } from 'vitest'
import { nanoUsd } from '../../../durable-objects/tenant-ledger/money.ts'
import type { LineRow } from '../../../durable-objects/tenant-ledger/rows.ts'
import { logLine } from '../../../worker/edge/log.ts'
import {
  RecentRequests,
  viewOfKept,
  viewOfLines,
  withLines,
} from '../../../worker/edge/requests.ts'
import type { DecisionRecord } from '../../../worker/engine/decision.ts'
import type { RequestRecord } from '../../../worker/engine/record.ts'
import { line } from '../tenant-ledger/support.ts'

const record: RequestRecord = {
  requestId: 'req_1',
  tenant: 'acme',
  keyId: 'k',
  dialect: 'openai-chat',
  operation: 'chat',
  stream: false,
  requestedModel: 'chat',
  route: 'chat',
  target: 'm@b',
  provider: 'b',
  model: 'm',
  region: 'eu',
  attempts: [
    { target: 'm@a', outcome: 'server_error', durationMs: 3, status: 500 },
    { target: 'm@b', outcome: 'ok', durationMs: 9, firstTokenMs: 5 },
  ],
  ending: 'finished',
  status: 200,
  usage: { inputTokens: 10, outputTokens: 2 },
  costNanoUsd: 1500,
  durationMs: 20,
  reason: 'tier 2; m@a failed before (server_error)',
  configVersion: 'v1',
  colo: null,
}

/** As it is read back. */
function kept(of: RequestRecord) {
  const recent = new RecentRequests()
  recent.keep(of.requestId, JSON.stringify(logLine(of)), 7000)
  const found = recent.find(of.requestId, 'acme')
  if (found === null) throw new Error('it was not kept')
  return found
}

function row(number: number, amount: number, target: string): LineRow {
  const attempt = {
    ...line(number, amount),
    attemptId: `req_1.${number}`,
    requestId: 'req_1',
    target,
  }
  return {
    id: `l${number}`,
    leaseId: '1.1',
    kind: 'attempt',
    accounts: [],
    amountNanoUsd: nanoUsd(amount),
    basis: 'exact',
    attempt,
    atMs: 5000,
  } as unknown as LineRow
}

describe('GET /v1/requests/{id}', () => {
  it('tells tokens, cost, attempts and reason at once, from the isolate that served it', () => {
    expect(viewOfKept(kept(record), [])).toMatchObject({
      id: 'req_1',
      created: 7,
      usage: { input_tokens: 10, output_tokens: 2, reasoning_tokens: null },
      cost_usd: '0.0000015',
      attempts: [
        { target: 'm@a', outcome: 'server_error', status: 500, cost_usd: null },
        { target: 'm@b', outcome: 'ok', first_token_ms: 5, cost_usd: null },
      ],
      reason: 'tier 2; m@a failed before (server_error)',
    })
  })

  it('knows no usage where the provider told none', () => {
    const { usage: _usage, costNanoUsd: _cost, ...untold } = record
    expect(viewOfKept(kept(untold), [])).toMatchObject({ usage: null, cost_usd: null })
  })

  it('tells what every attempt was charged when its lines are written: also those that failed', () => {
    const view = viewOfKept(kept(record), [row(2, 1500, 'm@b'), row(1, 400, 'm@a')])
    expect([view.cost_usd, ...view.attempts.map(({ cost_usd: cost }) => cost)]).toEqual([
      '0.0000019',
      '0.0000004',
      '0.0000015',
    ])
  })

  it('is made of the ledger lines alone where another isolate served it', () => {
    expect(viewOfLines('req_1', [row(2, 1500, 'm@b'), row(1, 400, 'm@a')])).toMatchObject({
      provider: 'b',
      cost_usd: '0.0000019',
      attempts: [{ target: 'm@a' }, { target: 'm@b', basis: 'exact' }],
    })
    expect(viewOfLines('req_1', [])).toBeNull()
  })

  it('says of a call that it went on with an answer of another, wherever it is asked', () => {
    const continues = { from: 'm@a', because: 'truncated', mode: 'prefill' } as const
    const [first, second] = record.attempts
    const attempts = [first, { ...second, continues }] as RequestRecord['attempts']
    const here = viewOfKept(kept({ ...record, attempts }), [])
    expect(here.attempts.map((one) => one.continues)).toEqual([null, continues])
    const [before, after] = [row(1, 400, 'm@a'), row(2, 1500, 'm@b')]
    const told = { ...after, attempt: { ...after.attempt, continues } } as LineRow
    const elsewhere = viewOfLines('req_1', [told, before])
    expect(elsewhere?.attempts.map((one) => one.continues)).toEqual([null, continues])
    expect(withLines(here, [before, told]).attempts[1]).toMatchObject({ continues, basis: 'exact' })
  })

  it('is what the object that ran it tells, with the money of its ledger lines', () => {
    const decision = { v: 1, names: ['chat'] } as unknown as DecisionRecord
    const known = viewOfKept(kept({ ...record, decision }), [])
    expect(withLines(known, [])).toEqual(known)
    expect(withLines(known, [row(1, 400, 'm@a')])).toMatchObject({
      cost_usd: '0.0000015',
      attempts: [
        { cost_usd: '0.0000004', basis: 'exact' },
        { cost_usd: null, basis: null },
      ],
    })
    expect(withLines(known, [row(2, 1500, 'm@b'), row(1, 400, 'm@a')])).toMatchObject({
      cost_usd: '0.0000019',
      region: 'eu',
      decision: { names: ['chat'] },
      attempts: [{ cost_usd: '0.0000004' }, { cost_usd: '0.0000015' }],
    })
  })

  it('tells the decision as it was logged, and null where it was not', () => {
    const decision = { v: 1, names: ['chat'] } as unknown as DecisionRecord
    expect(viewOfKept(kept({ ...record, decision }), []).decision).toEqual(decision)
    expect(viewOfKept(kept(record), []).decision).toBeNull()
  })

  it('does not remember a line over 64 kB, and none in its place', () => {
    const recent = new RecentRequests()
    const keep = (requestId: string, reason: string) =>
      recent.keep(requestId, JSON.stringify(logLine({ ...record, requestId, reason })), 1)
    keep('short', 'tier 1')
    keep('long', 'x'.repeat(65_536))
    expect(recent.find('long', 'acme')).toBeNull()
    expect(recent.find('short', 'acme')).not.toBeNull()
  })

  it('answers only the tenant whose request it was, and remembers so many', () => {
    const recent = new RecentRequests()
    const keep = (requestId: string) =>
      recent.keep(requestId, JSON.stringify(logLine({ ...record, requestId })), 1)
    keep('req_1')
    expect(recent.find('req_1', 'acme')).toMatchObject({
      line: { 'switchyard.target': 'm@b' },
      atMs: 1,
    })
    expect(recent.find('req_1', 'other')).toBeNull()
    for (let n = 0; n < 512; n++) keep(`r${n}`)
    expect(recent.find('req_1', 'acme')).toBeNull()
    expect(recent.find('r0', 'acme')).not.toBeNull()
  })
})
