import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import type { DomainSnapshot } from '../../../durable-objects/provider-health/protocol.ts'
import { circuitRows } from '../../../worker/admin/circuit-rows.ts'
import { openApiDocument } from '../../../worker/admin/openapi.ts'

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

  it('has the calls that are mounted', () => {
    expect(
      Object.entries(document.paths).map(([path, calls]) => [path, Object.keys(calls)]),
    ).toEqual([
      ['/admin/v1/circuits', ['get']],
      ['/admin/v1/circuits/{provider}/{model}', ['put', 'delete']],
    ])
  })
})
