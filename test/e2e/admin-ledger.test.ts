import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nanoUsdOfText } from '../../durable-objects/tenant-ledger/access/key-request.ts'
import { ask, type Question } from '../support/ask-gateway.ts'
import { pool } from '../support/pool.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'

/** An operator and a tenant, over HTTP, on workerd: what is spent is what the ledger says, to the nano-USD. */

interface Budget {
  readonly id: string
  readonly spentUsd: string
  readonly heldUsd: string
  readonly lostUsd: string
}

interface Line {
  readonly kind: string
  readonly requestId: string
  readonly keyId: string
  readonly tags: Readonly<Record<string, string>>
  readonly costUsd: string
}

interface Page {
  readonly data: readonly Line[]
  readonly nextCursor: string | null
}

let gateway: RunningGateway
let validate: Ajv2020
let key = { id: '', key: '' }

beforeAll(async () => {
  gateway = await startGateway({ ledger: true })
  const document = await json<object>('GET', '/openapi.json')
  validate = new Ajv2020({ strict: false, formats: { 'date-time': true } })
  validate.addSchema({ $id: 'document', ...document })
  await json('PUT', '/tenants/acme', { tags: { customer: 'acme' } })
  await json('PUT', '/tenants/acme/limits', [{ scope: 'tenant', kind: 'requests', limit: 10_000 }])
  await json('PUT', '/tenants/acme/budgets', [
    { scope: 'tenant', period: 'total', limitUsd: '25', mode: 'hard' },
    { scope: 'tenant', period: 'month', limitUsd: '20', mode: 'soft', failOpenUsd: '0.10' },
    { scope: 'tag:feature=search', period: 'total', limitUsd: '10', mode: 'hard' },
  ])
  key = await json('POST', '/tenants/acme/keys', { name: 'e2e', operations: ['chat'] })
})
afterAll(() => gateway.close())

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  return fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${gateway.adminKey}`, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function json<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await call(method, path, body)
  const text = await response.text()
  expect([response.status, path], text).toEqual([200, path])
  return JSON.parse(text) as Answer
}

const chat = (more: Partial<Question> = {}, text = key.key) =>
  ask(
    { url: gateway.url, key: text },
    {
      dialect: 'openai',
      model: 'chat',
      headers: { 'x-switchyard-tags': 'feature=search' },
      ...more,
    },
  )

const nano = (usd: string) => nanoUsdOfText(usd) ?? Number.NaN
const sum = (all: readonly { readonly costUsd: string }[]) =>
  all.reduce((total, { costUsd }) => total + nano(costUsd), 0)

async function allLines(limit: number): Promise<readonly Line[]> {
  const lines: Line[] = []
  let cursor = ''
  for (;;) {
    const page = await json<Page>('GET', `/tenants/acme/ledger?limit=${limit}${cursor}`)
    lines.push(...page.data)
    if (page.nextCursor === null) return lines
    cursor = `&cursor=${page.nextCursor}`
  }
}

const budgets = async () => (await json<{ data: Budget[] }>('GET', '/tenants/acme/budgets')).data

describe('a tenant that was made over the admin plane', () => {
  const requests = 24

  it('is served with its key, and what it spent is in its ledger, line by line', async () => {
    await pool(Array.from({ length: requests }), 4, async (_item, index) => {
      const more = {
        dialect: index % 2 === 0 ? ('openai' as const) : ('anthropic' as const),
        stream: index % 3 === 0,
        prompt: `hello ${'there '.repeat(index)}`,
      }
      expect((await chat(more)).status).toBe(200)
    })
    await expect
      .poll(async () => (await allLines(7)).length, { timeout: 20_000, interval: 300 })
      .toBe(requests)
    const lines = await allLines(7)
    expect(new Set(lines.map(({ requestId }) => requestId)).size).toBe(requests)
    expect(new Set(lines.map(({ keyId }) => keyId))).toEqual(new Set([key.id]))
    expect(lines[0]?.tags).toEqual({ customer: 'acme', feature: 'search' })
    expect(sum(lines)).toBeGreaterThan(0)
  })

  it('has budgets whose spentUsd is the sum of the lines', async () => {
    const lines = await allLines(500)
    const all = await budgets()
    expect(all.map(({ id }) => id)).toEqual([
      'month/tenant',
      'total/tag:feature=search',
      'total/tenant',
    ])
    for (const { spentUsd, lostUsd } of all)
      expect([nano(spentUsd), lostUsd]).toEqual([sum(lines), '0.00'])
  })

  it.each(['target', 'route', 'key', 'tag:feature', 'tag:none'])(
    'has a statement by %s of the same sum',
    async (by) => {
      const month = new Date().toISOString().slice(0, 7)
      const path = `/tenants/acme/statement?period=${month}&by=${by}`
      const statement = await json<{ groups: { costUsd: string }[]; totalUsd: string }>('GET', path)
      const lines = await allLines(500)
      expect([sum(statement.groups), nano(statement.totalUsd)]).toEqual([sum(lines), sum(lines)])
    },
  )

  it('has the same lines as CSV', async () => {
    const response = await call('GET', '/tenants/acme/ledger', undefined, { accept: 'text/csv' })
    expect(response.headers.get('content-type')).toContain('text/csv')
    const [head = '', ...lines] = (await response.text()).trimEnd().split('\r\n')
    const at = head.split(',').indexOf('costUsd')
    const rows = lines.map((line) => ({ costUsd: line.split(',')[at] ?? '' }))
    expect([rows.length, sum(rows)]).toEqual([requests, sum(await allLines(500))])
  })

  it('keeps what was spent when its budgets and limits are put anew', async () => {
    const before = await budgets()
    await json('PUT', '/tenants/acme/limits', [{ scope: 'tenant', kind: 'concurrency', limit: 50 }])
    const limits = await json<{ data: { kind: string }[] }>('GET', '/tenants/acme/limits')
    expect(limits.data.map(({ kind }) => kind)).toEqual(['concurrency'])
    const after = await budgets()
    expect(after.map(({ id, spentUsd }) => [id, spentUsd])).toEqual(
      before.map(({ id, spentUsd }) => [id, spentUsd]),
    )
    await json('PUT', '/tenants/acme/budgets', [
      { scope: 'tenant', period: 'total', limitUsd: '30', mode: 'soft' },
    ])
    const [left] = await budgets()
    expect(left).toMatchObject({ id: 'total/tenant', limitUsd: '30.00', mode: 'soft' })
    expect(left?.spentUsd).toBe(before.find(({ id }) => id === 'total/tenant')?.spentUsd)
    expect((await json<{ data: object[] }>('GET', '/tenants/acme/limits')).data).toHaveLength(1)
  })
})

describe('what an operator stops', () => {
  it('a frozen tenant is granted nothing, and is served again when it is thawed', async () => {
    await json('POST', '/tenants/acme/freeze', {})
    await expect
      .poll(async () => (await chat()).status, { timeout: 20_000, interval: 300 })
      .toBe(402)
    expect(await json('GET', '/tenants/acme')).toMatchObject({ frozen: ['tenant'] })
    await json('POST', '/tenants/acme/thaw', {})
    await expect
      .poll(async () => (await chat()).status, { timeout: 20_000, interval: 300 })
      .toBe(200)
  })

  it('a rotated key is good, and so is the old one for its overlap', async () => {
    const old = key.key
    const path = `/tenants/acme/keys/${key.id}/rotate`
    key = await json('POST', path, { overlapMs: 60_000 })
    expect((await chat()).status).toBe(200)
    expect((await chat({}, old)).status).toBe(200)
  })

  it('a revoked key is granted nothing at once, and told so within 30 s', async () => {
    expect(await json('DELETE', `/tenants/acme/keys/${key.id}`)).toMatchObject({
      status: 'revoked',
    })
    expect(await json('DELETE', `/tenants/acme/keys/${key.id}`)).toMatchObject({
      status: 'revoked',
    })
    await expect
      .poll(async () => (await chat()).error?.code, { timeout: 35_000, interval: 500 })
      .toBe('key_revoked')
  }, 40_000)
})

describe('the admin plane', () => {
  it('answers what its document says', async () => {
    const answers = [
      ['Tenant', '/tenants/acme'],
      ['BudgetList', '/tenants/acme/budgets'],
      ['LimitList', '/tenants/acme/limits'],
      ['KeyList', '/tenants/acme/keys'],
      ['LineList', '/tenants/acme/ledger'],
      ['Statement', '/tenants/acme/statement?period=2026-11'],
    ] as const
    for (const [schema, path] of answers) {
      const check = validate.getSchema(`document#/components/schemas/${schema}`)
      check?.(await json('GET', path))
      expect([schema, check?.errors]).toEqual([schema, null])
    }
  })

  it('is closed to a key of a tenant, and tells nothing', async () => {
    for (const path of ['/tenants/demo', '/tenants/demo/keys', '/openapi.json']) {
      const response = await fetch(`${gateway.url}/admin/v1${path}`, {
        headers: { authorization: `Bearer ${gateway.key}` },
      })
      expect(response.status).toBe(401)
    }
  })

  it('knows the tenants of the configuration, and no others', async () => {
    expect(await json('GET', '/tenants/demo')).toMatchObject({ id: 'demo', changedAt: null })
    expect((await call('GET', '/tenants/nobody/budgets')).status).toBe(404)
    expect((await call('GET', '/tenants/admin-x')).status).toBe(400)
  })

  it('pins a tenant for good', async () => {
    expect(await json('PUT', '/tenants/pinned', { residency: 'eu' })).toMatchObject({
      id: 'pinned',
      residency: 'eu',
    })
    const response = await call('PUT', '/tenants/pinned', { residency: 'us' })
    expect([response.status, await response.json()]).toMatchObject([
      409,
      { error: { code: 'invalid_request', param: 'residency' } },
    ])
    expect(await json('GET', '/tenants/pinned')).toMatchObject({ residency: 'eu' })
  })

  it('left a line of each write in the log, and no key in any', () => {
    const written = gateway.logs.text
    for (const action of [
      'tenant_put',
      'budgets_put',
      'key_create',
      'key_rotate',
      'key_revoke',
      'freeze',
    ])
      expect(written).toContain(`"action":"${action}"`)
    expect(written).not.toContain(key.key.slice(-40))
    expect(written).not.toContain(gateway.adminKey.slice(-40))
    expect(gateway.logs.faults).toEqual([])
  })
})
