import { answer, reference, refusals } from './openapi-parts.ts'

/** The calls of tenants, their budgets, keys and ledgers. */
export function tenantPaths(): object {
  return {
    [at('')]: {
      get: read('getTenant', 'A tenant, and whether it is frozen', 'Tenant'),
      put: write('putTenant', 'Creates or replaces a tenant', 'TenantBody', 'Tenant', {
        codes: [409],
      }),
    },
    [at('/budgets')]: {
      get: read('listBudgets', 'Budgets, those of keys with them, as they stand', 'BudgetList'),
      put: write(
        'putBudgets',
        'Replaces all budgets but those of keys; limits stay',
        'BudgetsBody',
        'BudgetList',
      ),
    },
    [at('/limits')]: {
      get: read('listLimits', 'Limits of requests, tokens and concurrency', 'LimitList'),
      put: write('putLimits', 'Replaces all limits; budgets stay', 'LimitsBody', 'LimitList'),
    },
    ...keyPaths(),
    ...ledgerPaths(),
    [at('/freeze')]: {
      post: write('freeze', 'Grants nothing more to a scope', 'FreezeBody', 'Freeze', {
        optional: true,
      }),
    },
    [at('/thaw')]: {
      post: write('thaw', 'Takes a freeze back', 'FreezeBody', 'Freeze', { optional: true }),
    },
    [at('/reconcile')]: {
      post: write('reconcile', 'Closes a lost lease', 'ReconcileBody', 'Reconciled', {
        codes: [409],
      }),
    },
    ...recoveryPaths(),
  }
}

function recoveryPaths(): object {
  const later = { codes: [409], optional: true }
  return {
    [at('/ledger/rewind')]: {
      post: write('rewindLedger', 'Takes the ledger back to a moment', 'RewindBody', 'Rewound', {
        codes: [409, 501],
      }),
    },
    [at('/ledger/restore')]: {
      post: write(
        'restoreLedger',
        'Keeps the ledger as it is; its journal begins anew',
        'RestoreBody',
        'Recovery',
        later,
      ),
    },
    [at('/ledger/release')]: {
      post: write(
        'releaseLedger',
        'Everything of before a restore is accounted for',
        'ReleaseBody',
        'Recovery',
        later,
      ),
    },
  }
}

function keyPaths(): object {
  return {
    [at('/keys')]: {
      get: read('listKeys', 'Keys; no secret and no digest', 'KeyList'),
      post: write('createKey', 'Makes a key and tells it once', 'KeyBody', 'NewKey', {
        codes: [403, 409],
      }),
    },
    [at('/keys/{key}')]: {
      delete: {
        operationId: 'revokeKey',
        summary: 'Revokes a key for good, and those that it made',
        parameters: [parameter('tenant'), parameter('key'), parameter('idempotencyKey')],
        responses: { 200: answer('The key as it is now', 'Key'), ...refusals(400, 401, 404, 503) },
      },
    },
    [at('/keys/{key}/rotate')]: {
      post: write('rotateKey', 'Gives a key a new secret', 'RotateBody', 'NewKey', {
        codes: [409],
        optional: true,
        isOfKey: true,
      }),
    },
  }
}

function ledgerPaths(): object {
  return {
    [at('/ledger')]: {
      get: {
        operationId: 'listLedger',
        summary: 'Ledger lines, oldest first; as CSV all of the time at once',
        parameters: ['tenant', 'from', 'to', 'cursor', 'limit', 'format'].map(parameter),
        responses: { 200: orCsv('A page of lines', 'LineList'), ...refusals(400, 401, 404, 503) },
      },
    },
    [at('/statement')]: {
      get: {
        operationId: 'getStatement',
        summary: 'What a month or a day cost, by target, route, key or tag',
        parameters: ['tenant', 'period', 'by', 'zone', 'format'].map(parameter),
        responses: { 200: orCsv('The sums', 'Statement'), ...refusals(400, 401, 404, 503) },
      },
    },
  }
}

function at(path: string): string {
  return `/admin/v1/tenants/{tenant}${path}`
}

function read(operationId: string, summary: string, schema: string): object {
  return {
    operationId,
    summary,
    parameters: [parameter('tenant')],
    responses: { 200: answer(summary, schema), ...refusals(400, 401, 404, 503) },
  }
}

interface WriteMore {
  readonly codes?: readonly number[]
  /** The body may be left out. */
  readonly optional?: boolean
  readonly isOfKey?: boolean
}

function write(
  operationId: string,
  summary: string,
  body: string,
  schema: string,
  { codes = [], optional = false, isOfKey = false }: WriteMore = {},
): object {
  const path = isOfKey ? ['tenant', 'key'] : ['tenant']
  return {
    operationId,
    summary,
    parameters: [...path, 'idempotencyKey'].map(parameter),
    requestBody: {
      required: !optional,
      content: { 'application/json': { schema: reference('schemas', body) } },
    },
    responses: {
      200: answer('What is there now', schema),
      ...refusals(...[400, 401, 404, 413, 503, ...codes].sort()),
    },
  }
}

/** Asked for by `accept: text/csv` or `format=csv`. */
function orCsv(description: string, schema: string): object {
  return {
    description,
    content: {
      'application/json': { schema: reference('schemas', schema) },
      'text/csv': { schema: { type: 'string' } },
    },
  }
}

function parameter(name: string): object {
  return reference('parameters', name)
}

const query = (name: string, description: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'query',
  schema,
  description,
})

const path = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string' },
  description,
})

export function tenantParameters() {
  return {
    tenant: path('tenant', 'Id of a tenant.'),
    key: path('key', 'Id of a key: 8 letters and digits.'),
    from: query('from', 'A time of ISO 8601 with its zone, or a day (UTC); included.'),
    to: query('to', 'The same; not included. Now when it is left out.'),
    cursor: query('cursor', '`nextCursor` of the page before.'),
    limit: query('limit', 'Lines of a page; not with CSV.', {
      type: 'integer',
      minimum: 1,
      maximum: 500,
      default: 100,
    }),
    format: query('format', 'Instead of `accept`.', { enum: ['json', 'csv'] }),
    period: {
      ...query('period', 'A month, such as 2026-11, or a day, such as 2026-11-30.'),
      required: true,
    },
    by: query('by', '`target`, `route`, `key` or `tag:NAME`.', {
      type: 'string',
      default: 'target',
    }),
    zone: query('zone', 'Where the period begins: an IANA name.', {
      type: 'string',
      default: 'UTC',
    }),
  }
}
