import { Ajv2020 } from 'ajv/dist/2020.js'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import type { DomainSnapshot } from '../../../durable-objects/provider-health/protocol.ts'
import { circuitRows } from '../../../worker/admin/circuit-rows.ts'
import { type AdminEnvironment, mountAdmin } from '../../../worker/admin/mount.ts'
import { openApiDocument } from '../../../worker/admin/openapi.ts'
import { statementOf } from '../../../worker/admin/statement.ts'
import { lineRow, n, TestAdmin } from './support.ts'

const nowMs = Date.UTC(2026, 10, 20, 12)

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const document = openApiDocument('1') as Document

const quiet: DomainSnapshot = {
  key: 'edge',
  state: 'closed',
  epoch: 0,
  cause: null,
  openForMs: 0,
  sinceMs: 0,
  slow: false,
  failRate: 0,
  rampAgeMs: null,
  notBeforeForMs: 0,
  ratePerS: null,
  speed: null,
  evidence: null,
  forced: null,
}

const rows = circuitRows(
  'p',
  'weur',
  ['m@p', 'new@p'],
  {
    domains: [
      quiet,
      {
        ...quiet,
        key: 'target:m@p',
        state: 'open',
        epoch: 2,
        cause: 'blackout',
        openForMs: 5000,
        sinceMs: 1000,
        forced: { state: 'open', forMs: 60_000 },
        evidence: {
          windowMs: 6000,
          judged: 9,
          failed: 9,
          broken: 0,
          slow: 0,
          hung: 0,
          priced: 0,
          dear: 0,
        },
        speed: {
          slowAfterMs: [1, 2, 3, 4],
          abortAfterMs: [1, 2, 3, 4],
          ttftP50Ms: [1, null, null, null],
          ttftP95Ms: [null, null, null, null],
        },
      },
      { ...quiet, key: 'quota:m@p', state: 'open', notBeforeForMs: 3000, ratePerS: 2.5 },
      { ...quiet, key: 'quota:*' },
      { ...quiet, key: 'credential:c0ffee00', state: 'half_open', cause: 'credential' },
      { ...quiet, key: 'target:left@p' },
    ],
    standby: [
      {
        target: 'm@p',
        status: 'failing',
        reason: 'retired',
        sinceMs: 1000,
        askedForMs: 500,
        spentTodayNanoUsd: 1500,
      },
    ],
  },
  nowMs,
)

describe('circuitRows()', () => {
  it('has a row for the edge, each target, also those that left the configuration, and each credential', () => {
    expect(rows.map(({ domain }) => domain)).toEqual([
      'edge',
      'target:m@p',
      'target:new@p',
      'target:left@p',
      'credential:c0ffee00',
    ])
  })

  it('tells times where the object told ages and waits', () => {
    expect(rows[1]).toMatchObject({
      since: '2026-11-20T11:59:59.000Z',
      openUntil: '2026-11-20T12:00:05.000Z',
      forced: { state: 'open', until: '2026-11-20T12:01:00.000Z' },
      quota: { state: 'open', notBefore: '2026-11-20T12:00:03.000Z', ratePerS: 2.5 },
      standby: { lastAsked: '2026-11-20T11:59:59.500Z', spentTodayUsd: '0.0000015' },
    })
  })
})

describe('the OpenAPI document', () => {
  const validate = new Ajv2020({ strict: false, formats: { 'date-time': true } })
    .addSchema({ $id: 'document', ...document })
    .getSchema('document#/components/schemas/CircuitList')

  it('describes the list as it is', () => {
    const list = { object: 'list', data: rows, unreachable: [{ provider: 'p', region: 'oc' }] }
    validate?.(list)
    expect(validate?.errors ?? []).toEqual([])
    expect(validate).toBeTypeOf('function')
  })

  it('names every field of a row', () => {
    const { Circuit } = document.components.schemas as { Circuit: { properties: object } }
    for (const row of rows)
      for (const field of Object.keys(row)) expect(Circuit.properties).toHaveProperty(field)
  })

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(document)
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"#([^"]+)"/g)) {
      const found = pointer
        .split('/')
        .slice(1)
        .reduce<unknown>(
          (at, name) => (at as Record<string, unknown> | undefined)?.[name],
          document,
        )
      expect(found, pointer).toBeDefined()
    }
  })

  it('has the calls that are mounted, and no others', () => {
    const app = new Hono<AdminEnvironment>()
    const unused = () => {
      throw new Error('nothing is called here')
    }
    mountAdmin(app, { isolateOf: unused, answer: unused, refuse: unused })
    const mounted = app.routes.map(
      ({ method, path }) =>
        `${method.toLowerCase()} ${path.replaceAll(/:([a-z]+)(\{[^}]*\})?/g, '{$1}')}`,
    )
    const described = Object.entries(document.paths).flatMap(([path, calls]) =>
      Object.keys(calls).map((method) => `${method} ${path}`),
    )
    expect(described.toSorted()).toEqual(mounted.toSorted())
    expect(described.length).toBeGreaterThan(18)
  })

  it('describes answers about tenants as they are', async () => {
    const admin = new TestAdmin()
    const { ledger } = admin
    ledger.lineRows = [lineRow(1), lineRow(2, { kind: 'lost', attempt: null })]
    const tenant = await admin.call('PUT', 'acme', { tier: 'gold' })
    await admin.call('PUT', 'acme/limits', [{ scope: 'tenant', kind: 'requests', limit: 1 }])
    await admin.call('PUT', 'acme/budgets', [
      { scope: 'tenant', period: 'day', limitUsd: '1', mode: 'soft', failOpenUsd: '0.1' },
    ])
    const made = await admin.call('POST', 'acme/keys', {
      name: 'search',
      budgets: [{ period: 'day', limitUsd: '1' }],
    })
    const { id } = made.body as { id: string }
    const answers: readonly (readonly [string, { readonly body: unknown }])[] = [
      ['Tenant', tenant],
      ['Tenant', await admin.call('GET', 'acme')],
      ['BudgetList', await admin.call('GET', 'acme/budgets')],
      ['LimitList', await admin.call('GET', 'acme/limits')],
      ['NewKey', made],
      ['NewKey', await admin.call('POST', `acme/keys/${id}/rotate`, {})],
      ['KeyList', await admin.call('GET', 'acme/keys')],
      ['LineList', await admin.call('GET', 'acme/ledger')],
      ['Freeze', await admin.call('POST', 'acme/freeze')],
      ['Reconciled', await admin.call('POST', 'acme/reconcile', { leaseId: '1.1', finalUsd: '0' })],
      ['Rewound', await admin.call('POST', 'acme/ledger/rewind', { to: '2025-11-25T12:00:00Z' })],
      ['Recovery', await admin.call('POST', 'acme/ledger/restore', {})],
      ['Recovery', await admin.call('POST', 'acme/ledger/release', {})],
      ['Key', await admin.call('DELETE', `acme/keys/${id}`)],
      ['Statement', { body: statementOf('acme', november, noTotals) }],
      ['Error', await admin.call('GET', 'acme/ledger?limit=0')],
    ]
    for (const [schema, { body }] of answers)
      expect([schema, faultsOf(schema, body)]).toEqual([schema, []])
  })

  it('describes bodies as they are taken', () => {
    expect(faultsOf('TenantBody', { routes: ['chat'], tags: { a: 'b' } })).toEqual([])
    expect(faultsOf('BudgetsBody', [{ scope: 'tenant', period: 'day', mode: 'hard' }])).not.toEqual(
      [],
    )
    expect(faultsOf('KeyBody', { name: 'x' })).toEqual([])
    expect(faultsOf('ReconcileBody', { leaseId: '1.1', finalUsd: 0.02 })).not.toEqual([])
  })
})

const november = {
  fromMs: Date.UTC(2026, 10, 1),
  toMs: Date.UTC(2026, 11, 1),
  period: '2026-11',
  zone: 'UTC',
  by: 'target',
  csv: false,
} as const
const noTotals = {
  groups: [
    {
      value: 'm@p',
      attempts: 1,
      amountNanoUsd: n(34_000),
      inexactNanoUsd: n(0),
      inputTokens: 5,
      outputTokens: 3,
    },
  ],
  lostNanoUsd: n(0),
  foundNanoUsd: n(0),
}

function faultsOf(schema: string, value: unknown): readonly unknown[] {
  const validate = new Ajv2020({ strict: false, formats: { 'date-time': true } })
    .addSchema({ $id: 'document', ...document })
    .getSchema(`document#/components/schemas/${schema}`)
  if (validate === undefined) throw new Error(`no schema ${schema}`)
  validate(value)
  return validate.errors ?? []
}
