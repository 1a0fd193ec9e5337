import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'

/** Calls that take a ledger back, over HTTP, on a workerd that has no point-in-time recovery. */

let gateway: RunningGateway

beforeAll(async () => {
  gateway = await startGateway({ ledger: true })
  await call('PUT', 'acme', {})
  await call('PUT', 'inside', { residency: 'eu' })
  for (const tenant of ['acme', 'inside'])
    await call('PUT', `${tenant}/budgets`, [
      { scope: 'tenant', period: 'total', limitUsd: '25', mode: 'hard' },
    ])
})
afterAll(() => gateway.close())

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${gateway.url}/admin/v1/tenants/${path}`, {
    method,
    headers: { authorization: `Bearer ${gateway.adminKey}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as unknown }
}

const budgets = async (tenant: string) => (await call('GET', `${tenant}/budgets`)).body

describe.each(['acme', 'inside'])('the ledger of %s', (tenant) => {
  it('has a journal that is not behind for long', async () => {
    await expect
      .poll(() => budgets(tenant), { timeout: 10_000, interval: 100 })
      .toMatchObject({ journal: { pendingChanges: 0, behindMs: 0, forked: false } })
  })

  it('is not rewound where the platform cannot, says so, and goes on', async () => {
    const before = await budgets(tenant)
    const answer = await call('POST', `${tenant}/ledger/rewind`, { toMs: Date.now() })
    expect(answer).toMatchObject({
      status: 501,
      body: {
        error: {
          code: 'not_implemented',
          message: expect.stringContaining('the platform does not go back') as unknown,
        },
      },
    })
    expect(await budgets(tenant)).toEqual(before)
    const put = await call('PUT', `${tenant}/limits`, [
      { scope: 'tenant', kind: 'requests', limit: 10 },
    ])
    expect(put.status).toBe(200)
  })

  it('is not rewound to before its journal began', async () => {
    const answer = await call('POST', `${tenant}/ledger/rewind`, { to: '2026-01-01T00:00:00Z' })
    expect(answer).toMatchObject({ status: 400, body: { error: { param: 'to' } } })
  })

  it('is not restored without a reason, and may be released at any time', async () => {
    expect((await call('POST', `${tenant}/ledger/restore`)).status).toBe(409)
    expect(await call('POST', `${tenant}/ledger/release`)).toEqual({
      status: 200,
      body: { epoch: 1, restoringForMs: 0, uncertain: [] },
    })
  })
})

describe('the log', () => {
  it('has a line of each call, with what became of it', () => {
    const written = gateway.logs.text
    for (const action of ['ledger_rewind', 'ledger_restore', 'ledger_release'])
      expect(written).toContain(`"action":"${action}"`)
    expect(written).not.toContain(gateway.adminKey.slice(-40))
  })
})
