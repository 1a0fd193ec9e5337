import { beforeEach, describe, expect, it } from 'vitest'
import { parseKey } from '../../../worker/edge/access/key-format.ts'
import { budgetRow, FakeLedger, lineRow, n, TestAdmin } from './support.ts'

let admin: TestAdmin
let ledger: FakeLedger

beforeEach(async () => {
  admin = new TestAdmin()
  ledger = admin.ledger
  await admin.call('PUT', 'acme', {})
  admin.audits.length = 0
  ledger.asked.length = 0
})

const errorOf = ({ status, body }: { status: number; body: unknown }) => {
  const { error } = body as { error: { code: string; param: string | null; message: string } }
  return [status, error.code, error.param, error.message] as const
}
const budget = { scope: 'tenant', period: 'day', limitUsd: '12.50', mode: 'hard' }
const limit = { scope: 'tenant', kind: 'requests', limit: 600 }

describe('PUT /tenants/{id}', () => {
  it('answers the tenant as it is now', async () => {
    const { status, body } = await admin.call('PUT', 'acme', { tier: 'gold', routes: ['chat'] })
    expect(status).toBe(200)
    expect(body).toMatchObject({ id: 'acme', tier: 'gold', routes: ['chat'], strict: false })
  })

  it.each([
    ['acme', { routs: ['chat'] }, 'routs', 'routs: is no field that is known here'],
    [
      'acme',
      { strict: 'yes' },
      'strict',
      'strict: Invalid input: expected boolean, received string',
    ],
    ['Acme', {}, 'tenant', 'tenant: lower-case letters'],
    ['admin-x', {}, 'tenant', 'tenant: lower-case letters'],
  ])('names what of %s %o breaks which rule', async (id, body, param, message) => {
    const [status, code, named, text] = errorOf(await admin.call('PUT', id, body))
    expect([status, code, named]).toEqual([400, 'invalid_request', param])
    expect(text).toContain(message)
    expect(ledger.asked).toEqual([])
  })

  it('names every field that breaks a rule, and not what it was', async () => {
    const [, , , text] = errorOf(await admin.call('PUT', 'acme', { tier: 'NO', strict: 'secret' }))
    expect(text).toMatch(/strict: .*; tier: /)
    expect(text).not.toContain('secret"')
  })

  it('pins a tenant before anything of it is written, and for good', async () => {
    const { status, body } = await admin.call('PUT', 'new', { residency: 'eu', tier: 'gold' })
    expect([status, body]).toMatchObject([200, { residency: 'eu', tier: 'gold' }])
    expect(admin.outside.asked).toEqual(['pinned', 'pinned', 'pin'])
    expect(admin.residencies.of('new')).toBe('eu')
    // What is left out stays as it is.
    const again = await admin.call('PUT', 'new', { tier: 'silver' })
    expect(again.body).toMatchObject({ residency: 'eu', tier: 'silver' })
  })

  it('refuses another residency, and changes nothing', async () => {
    await admin.call('PUT', 'new', { residency: 'eu', tier: 'gold' })
    const answer = await admin.call('PUT', 'new', { residency: 'us', tier: 'silver' })
    expect(errorOf(answer).slice(0, 3)).toEqual([409, 'invalid_request', 'residency'])
    expect(admin.outside.pinnedTo).toBe('eu')
    expect(ledger.tenantRow?.tier).toBe('gold')
  })

  it('refuses to pin a tenant of which something lies outside already', async () => {
    admin.outside.unpinnable = true
    const answer = await admin.call('PUT', 'acme', { residency: 'eu', tier: 'gold' })
    expect(errorOf(answer).slice(0, 3)).toEqual([409, 'invalid_request', 'residency'])
    expect(ledger.tenantRow?.tier).toBeNull()
  })

  it.each([
    ['demo', 'eu'],
    ['pinned', 'us'],
  ])('leaves where %s is to routes.json, which names it', async (tenant, residency) => {
    const answer = await admin.call('PUT', tenant, { residency })
    expect(errorOf(answer).slice(0, 3)).toEqual([409, 'invalid_request', 'residency'])
    expect(errorOf(answer)[3]).toContain('routes.json')
    expect(admin.outside.asked).not.toContain('pin')
  })

  it('writes a tenant that routes.json pins where that says', async () => {
    const { body } = await admin.call('PUT', 'pinned', { tier: 'gold' })
    expect(body).toMatchObject({ residency: 'eu', tier: 'gold' })
  })

  it('refuses a region that no object can be pinned to', async () => {
    const answer = await admin.call('PUT', 'new', { residency: 'apac' })
    expect(errorOf(answer)).toEqual([
      400,
      'invalid_request',
      'residency',
      'residency: objects can be pinned to eu, us, fedramp, fedramp-high and nowhere else',
    ])
    expect(admin.outside.asked).not.toContain('pin')
  })

  it.each(['', '{', '[1', '"\\u005f_proto__"'])(
    'refuses a body that is no JSON object: %s',
    async (text) => {
      const response = await admin.app.request('/admin/v1/tenants/acme', {
        method: 'PUT',
        body: text,
      })
      expect(response.status).toBe(400)
    },
  )
})

describe('a tenant that nobody has put', () => {
  it.each([
    ['GET', 'nobody', undefined],
    ['PUT', 'nobody/budgets', []],
    ['POST', 'nobody/keys', { name: 'x' }],
    ['POST', 'nobody/freeze', {}],
    ['GET', 'nobody/ledger', undefined],
  ])('is not there: %s %s', async (method, path, body) => {
    ledger.tenantRow = null
    expect(errorOf(await admin.call(method, path, body)).slice(0, 3)).toEqual([
      404,
      'invalid_request',
      'tenant',
    ])
    expect(ledger.asked).toEqual(['tenant'])
  })

  it('is there when the configuration names it', async () => {
    ledger.tenantRow = null
    expect((await admin.call('GET', 'demo')).body).toMatchObject({ id: 'demo', changedAt: null })
  })
})

describe('budgets and limits', () => {
  const rows = [
    budgetRow({ id: 'key/Key00001/day', scope: 'key:Key00001' }),
    budgetRow({
      thresholds: [{ basisPoints: 8000, action: 'warn' }],
      mode: 'soft',
      failOpenNanoUsd: n(9),
    }),
  ]
  const limits = [
    {
      id: 'requests(3600000)/tenant',
      scope: 'tenant',
      kind: 'requests',
      limit: 5,
      windowMs: 3_600_000,
    },
    { id: 'concurrency/tenant', scope: 'tenant', kind: 'concurrency', limit: 2, windowMs: 0 },
  ] as const

  it('PUT budgets says the limits again, windows and all', async () => {
    ledger.configured = { budgets: rows, limits, actor: '' }
    const { status } = await admin.call('PUT', 'acme/budgets', [budget])
    expect(status).toBe(200)
    expect(ledger.configured).toMatchObject({
      actor: 'admin:Admin001',
      budgets: [{ id: 'day/tenant', capNanoUsd: 12_500_000_000 }],
    })
    expect(ledger.configured.limits).toEqual(limits)
  })

  it('PUT limits says the budgets again, all of each, and leaves those of keys to the ledger', async () => {
    ledger.configured = { budgets: rows, limits, actor: '' }
    await admin.call('PUT', 'acme/limits', [limit])
    expect(ledger.configured.budgets).toEqual([rows[1]])
    expect(ledger.configured.limits).toMatchObject([{ id: 'requests(60000)/tenant', limit: 600 }])
  })

  it('PUT answers the list with its ids, as GET does', async () => {
    const put = await admin.call('PUT', 'acme/budgets', [
      { ...budget, thresholds: [{ percent: 80, actions: ['warn', 'degrade'] }] },
    ])
    expect(put.body).toMatchObject({
      object: 'list',
      data: [
        {
          id: 'day/tenant',
          limitUsd: '12.50',
          remainingUsd: '12.50',
          thresholds: [{ percent: 80, actions: ['warn', 'degrade'] }],
          ofKey: false,
          resetsAt: '2026-11-27T00:00:00.000Z',
        },
      ],
    })
    expect((await admin.call('GET', 'acme/budgets')).body).toEqual(put.body)
  })

  it('changes nothing when one of the list breaks a rule', async () => {
    const answer = await admin.call('PUT', 'acme/budgets', [budget, { ...budget, period: 'year' }])
    expect(errorOf(answer).slice(0, 3)).toEqual([400, 'invalid_request', '[1].period'])
    expect(ledger.configured.budgets).toEqual([])
  })

  it('says how many fields more are wrong when there are too many to name', async () => {
    const wrong = Array.from({ length: 12 }, () => ({ ...budget, mode: 'firm' }))
    expect(errorOf(await admin.call('PUT', 'acme/budgets', wrong))[3]).toMatch(/; and 4 more$/)
  })
})

describe('keys', () => {
  const again = { 'idempotency-key': 'k-1' }

  it('POST tells the key once, and the list never', async () => {
    const made = (await admin.call('POST', 'acme/keys', { name: 'search' })).body as never as {
      id: string
      key: string
    }
    expect(Object.keys(made)).toEqual(['id', 'key'])
    expect(parseKey(made.key)).toMatchObject({ tenantId: 'acme', keyId: made.id })
    const list = await admin.call('GET', 'acme/keys')
    expect(list.body).toMatchObject({ data: [{ id: made.id, name: 'search', status: 'good' }] })
    expect(list.text).not.toContain(made.key.slice(-30))
    expect(list.text).not.toMatch(/digest|secret"/)
  })

  it('are another each time without an idempotency key', async () => {
    const one = await admin.call('POST', 'acme/keys', { name: 'a' })
    const two = await admin.call('POST', 'acme/keys', { name: 'a' })
    expect(one.text).not.toBe(two.text)
    expect(ledger.keyRows.size).toBe(2)
  })

  it('are the same again under the same idempotency key, and nothing of it is stored', async () => {
    const one = await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    const two = await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    expect([two.status, two.text]).toEqual([200, one.text])
    expect(ledger.keyRows.size).toBe(1)
    const { key } = one.body as { key: string }
    expect(JSON.stringify([...ledger.keyRows.values(), ...ledger.runs.values()])).not.toContain(
      parseKey(key)?.secret,
    )
  })

  it('refuses the same idempotency key for another body', async () => {
    await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    const answer = await admin.call('POST', 'acme/keys', { name: 'b' }, again)
    expect(errorOf(answer).slice(0, 2)).toEqual([409, 'idempotency_conflict'])
    expect(ledger.keyRows.size).toBe(1)
  })

  it('refuses an idempotency key that is none', async () => {
    const answer = await admin.call(
      'POST',
      'acme/keys',
      { name: 'a' },
      { 'idempotency-key': 'a b' },
    )
    expect(errorOf(answer).slice(0, 3)).toEqual([400, 'invalid_request', 'idempotency-key'])
  })

  it('takes an idempotency key for a body that was wrong before', async () => {
    expect((await admin.call('POST', 'acme/keys', { nam: 'a' }, again)).status).toBe(400)
    expect((await admin.call('POST', 'acme/keys', { name: 'a' }, again)).status).toBe(200)
  })

  it('comes to another text under the same idempotency key for another admin or tenant', async () => {
    const one = await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    const other = new TestAdmin()
    other.adminKey = 'sk-sy-admin-Admin001-other'
    await other.call('PUT', 'acme', {})
    const two = await other.call('POST', 'acme/keys', { name: 'a' }, again)
    const three = await new TestAdmin().call('POST', 'demo/keys', { name: 'a' }, again)
    expect(new Set([one.text, two.text, three.text]).size).toBe(3)
    const ids = [one, two, three].map(({ body }) => (body as { id: string }).id)
    expect(new Set(ids).size).toBe(3)
  })

  it('finishes what began and was not heard of again, and makes one key of it', async () => {
    ledger.away = new Set(['createKey'])
    expect((await admin.call('POST', 'acme/keys', { name: 'a' }, again)).status).toBe(503)
    ledger.away = new Set(['finishOnce'])
    const one = await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    ledger.away = new Set()
    const two = await admin.call('POST', 'acme/keys', { name: 'a' }, again)
    expect([one.status, two.text]).toEqual([200, one.text])
    expect(ledger.keyRows.size).toBe(1)
  })

  it('names the field that the tenant has not', async () => {
    await admin.call('PUT', 'acme', { routes: ['chat'] })
    const answer = await admin.call('POST', 'acme/keys', { name: 'a', routes: ['other'] })
    expect(errorOf(answer).slice(0, 3)).toEqual([403, 'route_forbidden', 'routes'])
  })
})

describe('POST /keys/{key}/rotate', () => {
  const again = { 'idempotency-key': 'r-1' }
  let id = ''
  let first = ''

  beforeEach(async () => {
    const made = (await admin.call('POST', 'acme/keys', { name: 'a' })).body as never as {
      id: string
      key: string
    }
    id = made.id
    first = made.key
  })

  const rotate = (body?: unknown, headers?: Record<string, string>) =>
    admin.call('POST', `acme/keys/${id}/rotate`, body, headers)
  const secrets = () => ledger.keyRows.get(id)?.secrets ?? []

  it('tells a new text under the same id, and until when the old one is good', async () => {
    const { body } = await rotate({ overlapMs: 3_600_000 })
    expect(body).toMatchObject({ id, oldSecretUntil: '2026-11-26T13:00:00.000Z' })
    expect((body as { key: string }).key).not.toBe(first)
    expect(secrets()).toHaveLength(2)
  })

  it('has an overlap of a day when nothing is said, also without a body', async () => {
    expect((await rotate()).body).toMatchObject({ oldSecretUntil: '2026-11-27T12:00:00.000Z' })
  })

  it('done twice under one idempotency key does not end the old secret', async () => {
    const old = secrets()[0]?.digest
    const one = await rotate({}, again)
    const two = await rotate({}, again)
    expect(two.text).toBe(one.text)
    expect(secrets()[1]?.digest).toBe(old)
  })

  it('is not taken back by an old call that comes again', async () => {
    await rotate({}, again)
    await rotate({ overlapMs: 0 })
    const now = secrets()
    expect(errorOf(await rotate({}, again)).slice(0, 2)).toEqual([409, 'idempotency_conflict'])
    expect(secrets()).toEqual(now)
  })

  it('refuses an overlap that is too long, and a key that is not there', async () => {
    expect(errorOf(await rotate({ overlapMs: 31 * 86_400_000 }))[2]).toBe('overlapMs')
    id = 'Nokey001'
    expect(errorOf(await rotate({})).slice(0, 3)).toEqual([404, 'invalid_request', 'key'])
    // It may be one of the deployment, which no ledger has: what ends one of those is said.
    const gone = await admin.call('DELETE', `acme/keys/${id}`)
    expect(gone.text).toContain('SWITCHYARD_KEYS')
    expect(gone.text).toContain('/freeze')
    id = 'no'
    expect((await rotate({})).status).toBe(404)
  })

  it('refuses one that is revoked', async () => {
    const gone = await admin.call('DELETE', `acme/keys/${id}`)
    expect(gone.body).toMatchObject({ id, status: 'revoked' })
    expect((await rotate({})).status).toBe(400)
  })
})

describe('the ledger', () => {
  beforeEach(() => {
    ledger.lineRows = Array.from({ length: 1200 }, (_, index) => lineRow(index + 1))
  })

  it('comes in pages, each where the one before ended', async () => {
    const seen: string[] = []
    let cursor: string | null = null
    for (let pages = 0; pages < 3; pages++) {
      const from: string = cursor === null ? '' : `&cursor=${cursor}`
      const { body } = await admin.call('GET', `acme/ledger?limit=500${from}`)
      const page = body as never as { data: { id: string }[]; nextCursor: string | null }
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect([new Set(seen).size, cursor]).toEqual([1200, null])
  })

  it('as CSV is all of it at once, page by page', async () => {
    const { headers, text } = await admin.call('GET', 'acme/ledger', undefined, {
      accept: 'text/csv',
    })
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    expect(headers.get('content-disposition')).toBe('attachment; filename="ledger-acme.csv"')
    const lines = text.trimEnd().split('\r\n')
    expect([lines.length, new Set(lines).size]).toEqual([1201, 1201])
    expect(ledger.asked.filter((call) => call === 'lines')).toHaveLength(3)
  })

  it('as CSV is asked for as it is taken', async () => {
    ledger.lineRows = Array.from({ length: 5000 }, (_, index) => lineRow(index + 1))
    const response = await admin.app.request('/admin/v1/tenants/acme/ledger?format=csv')
    await response.body?.getReader().read()
    expect(ledger.asked.filter((call) => call === 'lines').length).toBeLessThan(4)
  })

  it('as CSV breaks off when the ledger goes away half-way: a part is not taken for all', async () => {
    const response = await admin.app.request('/admin/v1/tenants/acme/ledger?format=csv')
    ledger.away = new Set(['lines'])
    await expect(response.text()).rejects.toThrow('did not answer')
  })

  it('as CSV of a ledger that is away is an error, and not an empty file', async () => {
    ledger.away = new Set(['lines'])
    const { status, headers } = await admin.call('GET', 'acme/ledger?format=csv')
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
  })

  it('as CSV of no lines has its header', async () => {
    ledger.lineRows = []
    expect((await admin.call('GET', 'acme/ledger?format=csv')).text).toMatch(/^id,at,.*basis\r\n$/)
  })

  it('names a parameter that breaks a rule', async () => {
    expect(errorOf(await admin.call('GET', 'acme/ledger?limit=0')).slice(0, 3)).toEqual([
      400,
      'invalid_request',
      'limit',
    ])
  })
})

describe('freezing and reconciling', () => {
  it('freezes all of the tenant when nothing is said', async () => {
    expect((await admin.call('POST', 'acme/freeze')).body).toEqual({
      scope: 'tenant',
      frozen: true,
    })
    expect((await admin.call('POST', 'acme/thaw', { scope: 'team:a' })).body).toEqual({
      scope: 'team:a',
      frozen: false,
    })
  })

  it('shows what is frozen, and not what is revoked', async () => {
    ledger.kills = [
      { scope: 'team:a', reason: 'frozen' },
      { scope: 'key:Key00001', reason: 'revoked' },
    ]
    expect((await admin.call('GET', 'acme')).body).toMatchObject({ frozen: ['team:a'] })
  })

  it('does not thaw what is revoked', async () => {
    const answer = await admin.call('POST', 'acme/thaw', { scope: 'key:Revoked1' })
    expect(errorOf(answer)).toEqual([
      400,
      'invalid_request',
      'scope',
      'a revoked key stays revoked',
    ])
  })

  const body = { leaseId: '1.17', finalUsd: '0.02' }

  it('closes a lost lease, and says the same again under the same idempotency key', async () => {
    const again = { 'idempotency-key': 'x' }
    const one = await admin.call('POST', 'acme/reconcile', body, again)
    expect(one.body).toEqual(body)
    expect((await admin.call('POST', 'acme/reconcile', body, again)).body).toEqual(body)
    expect((await admin.call('POST', 'acme/reconcile', body)).status).toBe(400)
  })

  it.each([
    [{ ...body, leaseId: '1.404' }, 404, 'leaseId'],
    [{ ...body, leaseId: '1.500' }, 400, 'finalUsd'],
    [{ ...body, leaseId: 'x' }, 400, 'leaseId'],
    [{ ...body, finalUsd: 0.02 }, 400, 'finalUsd'],
  ])('refuses %o with %d', async (wrong, status, param) => {
    const answer = errorOf(await admin.call('POST', 'acme/reconcile', wrong))
    expect([answer[0], answer[2]]).toEqual([status, param])
  })
})

describe('what an operator has to know', () => {
  it('is beside every answer, as long as there is something', async () => {
    const warningOf = async () =>
      (await admin.call('GET', 'acme/budgets')).headers.get('x-switchyard-warning')
    expect(await warningOf()).toBeNull()
    admin.warning = 'the ledger is off'
    expect(await warningOf()).toBe('the ledger is off')
  })
})

describe('the log', () => {
  it('has who did what to whom for each write, and nothing of a read', async () => {
    const { body } = await admin.call('POST', 'acme/keys', { name: 'a' })
    const { id, key } = body as { id: string; key: string }
    await admin.call('GET', 'acme/keys')
    await admin.call('PUT', 'acme/budgets', [budget])
    await admin.call('POST', 'acme/freeze', { scope: 'team:a' })
    await admin.call('PUT', 'acme/budgets', [{}])
    expect(admin.audits).toMatchObject([
      {
        event: 'ledger_admin',
        adminKeyId: 'Admin001',
        tenant: 'acme',
        action: 'key_create',
        subject: id,
        outcome: 'done',
      },
      { action: 'budgets_put', subject: '1 budgets', outcome: 'done' },
      { action: 'freeze', subject: 'team:a', outcome: 'done' },
      { action: 'budgets_put', outcome: 'refused' },
    ])
    const text = JSON.stringify(admin.audits)
    expect(text).not.toContain(parseKey(key)?.secret)
    expect(text).not.toContain(admin.adminKey)
  })

  it('does not say that something was done when nobody knows', async () => {
    ledger.away = new Set(['freeze'])
    const answer = await admin.call('POST', 'acme/freeze')
    expect(errorOf(answer).slice(0, 2)).toEqual([503, 'ledger_unavailable'])
    expect(errorOf(answer)[3]).toContain('may have done it')
    expect(admin.audits).toMatchObject([{ action: 'freeze', outcome: 'unknown' }])
  })
})
