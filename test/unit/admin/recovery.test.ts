import { beforeEach, describe, expect, it } from 'vitest'
import type { RewindRefusal } from '../../../durable-objects/tenant-ledger/rpc.ts'
import { budgetRow, type FakeLedger, TestAdmin } from './support.ts'

let admin: TestAdmin
let ledger: FakeLedger

beforeEach(async () => {
  admin = new TestAdmin()
  ledger = admin.ledger
  await admin.call('PUT', 'acme', {})
  ledger.configured = { budgets: [budgetRow()], limits: [], actor: 'admin' }
  admin.audits.length = 0
  ledger.asked.length = 0
})

const errorOf = ({ status, body }: { status: number; body: unknown }) => {
  const { error } = body as { error: { code: string; param: string | null; message: string } }
  return [status, error.code, error.param, error.message] as const
}
const post = (what: string, body?: unknown, headers?: Record<string, string>) =>
  admin.call('POST', `acme/ledger/${what}`, body, headers)
const forked = { pendingChanges: 0, behindMs: 0, isForked: true }
const to = '2025-11-25T13:00:00+01:00'

describe('GET /budgets', () => {
  it('tells how far the journal is behind, and null where there is none', async () => {
    expect((await admin.call('GET', 'acme/budgets')).body).toMatchObject({ journal: null })
    ledger.journal = { pendingChanges: 7, behindMs: 4000, isForked: false }
    expect((await admin.call('GET', 'acme/budgets')).body).toMatchObject({
      journal: { pendingChanges: 7, behindMs: 4000, forked: false },
    })
    ledger.journal = forked
    expect((await admin.call('PUT', 'acme/budgets', [])).body).toMatchObject({
      journal: { forked: true },
    })
    // An object of the version before does not say.
    ledger.journal = { pendingChanges: 0, behindMs: 0 }
    expect((await admin.call('GET', 'acme/budgets')).body).toMatchObject({
      journal: { forked: false },
    })
  })
})

describe('POST /ledger/rewind', () => {
  const atMs = Date.UTC(2025, 10, 25, 12)

  it.each([{ to }, { toMs: atMs }])('takes the ledger back: %j', async (body) => {
    const answer = await post('rewind', body)
    expect([answer.status, answer.body]).toEqual([200, { rewoundTo: '2025-11-25T12:00:00.000Z' }])
    expect(ledger.rewindCalls).toEqual([{ atMs, actor: 'admin:Admin001' }])
    expect(admin.audits).toMatchObject([
      { action: 'ledger_rewind', subject: 'to 2025-11-25T12:00:00.000Z', outcome: 'done' },
    ])
  })

  it('keeps no idempotency key in the ledger: it would be taken back with it', async () => {
    await post('rewind', { to }, { 'idempotency-key': 'w-1' })
    await post('rewind', { to }, { 'idempotency-key': 'w-1' })
    expect(ledger.rewindCalls).toHaveLength(2)
    expect(ledger.runs.size).toBe(0)
  })

  it.each([
    [{}, 'to', 'give one of to and toMs'],
    [{ to, toMs: atMs }, 'to', 'give one of to and toMs'],
    [{ to: '2025-11-25' }, 'to', 'RFC 3339'],
    [{ to: '2025-11-25T12:00:00' }, 'to', 'RFC 3339'],
    [{ toMs: 1.5 }, 'toMs', 'toMs: '],
    [{ toMs: -1 }, 'toMs', 'toMs: '],
    [{ toMs: '1' }, 'toMs', 'toMs: '],
    [{ toMs: 9e15 }, 'toMs', 'lies in the past'],
    [{ to: '2999-01-01T00:00:00Z' }, 'to', 'lies in the past'],
    [{ to: '1969-01-01T00:00:00Z' }, 'to', 'after 1970'],
    [{ to, when: 1 }, 'when', 'is no field that is known here'],
  ])('names what of %j breaks which rule, and asks no ledger', async (body, param, message) => {
    const [status, code, named, text] = errorOf(await post('rewind', body))
    expect([status, code, named]).toEqual([400, 'invalid_request', param])
    expect(text).toContain(message)
    expect(ledger.asked).not.toContain('rewind')
  })

  it.each<[RewindRefusal | undefined, number, string, string | null]>([
    ['out_of_window', 400, 'invalid_request', 'to'],
    ['no_journal', 409, 'invalid_request', null],
    ['other_history', 409, 'invalid_request', null],
    [undefined, 409, 'invalid_request', null],
    ['journal_away', 503, 'ledger_unavailable', null],
    ['no_recovery', 501, 'not_implemented', null],
  ])('says of %s what it is', async (reason, status, code, param) => {
    ledger.rewound = { refused: 'the reason', ...(reason !== undefined && { code: reason }) }
    const answer = await post('rewind', { to })
    expect(errorOf(answer).slice(0, 3)).toEqual([status, code, param])
    expect(errorOf(answer)[3]).toContain('the reason')
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '5' : null)
  })

  it('names the field that was given when the ledger refuses the time', async () => {
    ledger.rewound = { refused: 'between', code: 'out_of_window' }
    expect(errorOf(await post('rewind', { toMs: atMs }))[2]).toBe('toMs')
    expect(admin.audits).toMatchObject([{ action: 'ledger_rewind', outcome: 'refused' }])
  })
})

describe('POST /ledger/restore', () => {
  it('begins the journal of a forked ledger anew, and says what is stopped', async () => {
    ledger.journal = forked
    const answer = await post('restore')
    expect([answer.status, answer.body]).toEqual([
      200,
      { epoch: 2, restoringForMs: 960_000, uncertain: ['day/tenant'] },
    ])
    expect(admin.audits).toMatchObject([
      { action: 'ledger_restore', subject: 'incomplete', outcome: 'done' },
    ])
  })

  it('stops nothing where somebody vouches that nothing is missing', async () => {
    ledger.journal = forked
    const { body } = await post('restore', { complete: true })
    expect(body).toEqual({ epoch: 2, restoringForMs: 0, uncertain: [] })
    expect(admin.audits).toMatchObject([{ subject: 'complete' }])
  })

  it('is also for a ledger without a journal', async () => {
    expect((await post('restore', {})).body).toMatchObject({ epoch: 2 })
  })

  it('leaves alone a ledger whose journal has its history', async () => {
    ledger.journal = { ...forked, isForked: false }
    const [status, code, , message] = errorOf(await post('restore'))
    expect([status, code, message]).toEqual([
      409,
      'invalid_request',
      'the journal has the history of this ledger: there is nothing to restore',
    ])
    expect(ledger.asked).not.toContain('restore')
    expect(admin.audits).toMatchObject([{ action: 'ledger_restore', outcome: 'refused' }])
  })

  it('is done once under an idempotency key', async () => {
    const again = { 'idempotency-key': 's-1' }
    const one = await post('restore', {}, again)
    const two = await post('restore', {}, again)
    expect([two.status, two.text]).toEqual([200, one.text])
    expect(ledger.asked.filter((name) => name === 'restore')).toHaveLength(1)
    expect((await post('restore', { complete: true }, again)).status).toBe(409)
  })

  it.each([
    [{ complete: 'yes' }, 'complete'],
    [{ journal: [] }, 'journal'],
  ])('names what of %j breaks which rule', async (body, param) => {
    expect(errorOf(await post('restore', body)).slice(0, 3)).toEqual([
      400,
      'invalid_request',
      param,
    ])
    expect(ledger.epoch).toBe(1)
  })
})

describe('POST /ledger/release', () => {
  it('lets hard budgets grant again', async () => {
    await post('restore')
    expect((await post('release')).body).toEqual({ epoch: 2, restoringForMs: 0, uncertain: [] })
    expect(admin.audits.at(-1)).toMatchObject({ action: 'ledger_release', outcome: 'done' })
    expect(ledger.releaseCalls.map(({ billed }) => billed)).toEqual([[]])
    expect(errorOf(await post('release', { scope: 'tenant' })).slice(0, 3)).toEqual([
      400,
      'invalid_request',
      'scope',
    ])
  })

  it('hands on what providers billed, exactly', async () => {
    await post('restore')
    const { budgets } = await ledger.stub.budgets()
    const [{ budgetId, startsAtMs } = { budgetId: '', startsAtMs: 0 }] = budgets
    expect((await post('release', { billedUsd: { [budgetId]: '12.000000001' } })).status).toBe(200)
    expect(ledger.releaseCalls).toMatchObject([
      { billed: [{ budgetId, startsAtMs, amountNanoUsd: 12_000_000_001 }] },
    ])
  })

  it.each([
    [{ 'day/other': '1' }, 'billedUsd.day/other'],
    [{ 'day/tenant': '1e3' }, 'billedUsd.day/tenant'],
  ])('takes no bills %j', async (billedUsd, param) => {
    await post('restore')
    const answer = errorOf(await post('release', { billedUsd }))
    expect(answer.slice(0, 3)).toEqual([400, 'invalid_request', param])
    expect(ledger.releaseCalls).toEqual([])
  })

  it('takes no bill of a budget that is certain', async () => {
    const answer = errorOf(await post('release', { billedUsd: { 'day/tenant': '1' } }))
    expect(answer.slice(0, 3)).toEqual([400, 'invalid_request', 'billedUsd.day/tenant'])
  })

  it('says why it cannot be yet', async () => {
    await post('restore')
    ledger.releaseRefused = 'what was granted before the restore can be spent for 959 s more'
    expect(errorOf(await post('release'))).toEqual([
      409,
      'invalid_request',
      null,
      ledger.releaseRefused,
    ])
  })
})
