import { moment, reference, text } from './openapi-parts.ts'
import { tokenClasses } from './ledger-lines.ts'

/** What is answered about tenants: all fields are there, unless the schema says otherwise. */

const time = { type: 'string', format: 'date-time' }
const usd = { type: 'string', pattern: String.raw`^-?\d+\.\d{2,9}$` }
const word = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
const flag = { type: 'boolean' }
const names = { type: ['array', 'null'], items: word, description: 'Null: all.' }
const tags = { type: 'object', additionalProperties: word }
const period = { enum: ['hour', 'day', 'week', 'month', 'total'] }
const mode = { enum: ['hard', 'soft'] }

const thresholds = {
  type: 'array',
  items: strict({
    percent: { type: 'number' },
    actions: { type: 'array', items: { enum: ['warn', 'degrade', 'clamp', 'block'] } },
  }),
}

export const rowSchemas = {
  Tenant: strict(
    {
      id: word,
      residency: text,
      strict: flag,
      routes: names,
      tier: text,
      tags,
      storesAnswers: flag,
      changedAt: moment,
    },
    {
      frozen: { type: 'array', items: word, description: 'Scopes that nothing is granted to.' },
      restoringForMs: { ...count, description: 'After a restore: nothing is granted for so long.' },
      openLeases: count,
    },
  ),
  Budget: strict(
    {
      id: word,
      scope: word,
      period,
      zone: word,
      limitUsd: usd,
      mode,
      thresholds,
      ofKey: { ...flag, description: 'It came with a key, and goes with it.' },
      spentUsd: usd,
      heldUsd: { ...usd, description: 'Set aside for what is out.' },
      lostUsd: { ...usd, description: 'Charged, and nobody knows for what: `reconcile`.' },
      overrunUsd: { ...usd, description: 'Part of it that was more than had been set aside.' },
      remainingUsd: usd,
      crossed: { ...thresholds, description: 'Thresholds that are crossed now.' },
      uncertain: {
        ...flag,
        description: 'A restore lost what was granted in this period: nothing is granted.',
      },
      startsAt: moment,
      resetsAt: moment,
    },
    { failOpenUsd: usd },
  ),
  BudgetList: {
    ...listOf('Budget'),
    required: ['object', 'data', 'journal'],
    properties: {
      ...listOf('Budget').properties,
      journal: {
        ...strict({
          pendingChanges: { ...count, description: 'Changes that wait to be sent.' },
          behindMs: { ...count, description: 'For how long the oldest of them has.' },
          forked: { ...flag, description: 'It has another history: `restore`.' },
        }),
        type: ['object', 'null'],
        description: 'How far the journal is behind; null: there is none.',
      },
    },
  },
  Limit: strict({
    id: word,
    scope: word,
    kind: { enum: ['requests', 'tokens', 'concurrency'] },
    limit: count,
    windowMs: { type: ['integer', 'null'] },
    remaining: count,
    resetMs: count,
  }),
  LimitList: listOf('Limit'),
  Key: strict({
    id: word,
    name: word,
    status: { enum: ['good', 'revoked', 'expired'] },
    routes: names,
    models: names,
    operations: names,
    regions: names,
    environments: names,
    tags,
    team: text,
    expiresAt: moment,
    budgets: { type: 'array', items: strict({ period, limitUsd: usd, mode }) },
    madeBy: { ...text, description: 'The key that made it; null: an admin.' },
    createdAt: time,
    revokedAt: moment,
    pepperVersion: word,
    oldSecretUntil: moment,
  }),
  KeyList: listOf('Key'),
  NewKey: strict(
    { id: word, key: { ...word, description: 'Told here and never again.' } },
    { oldSecretUntil: moment },
  ),
  Line: strict({
    id: word,
    at: time,
    kind: {
      enum: ['attempt', 'lost', 'found'],
      description: '`lost`: charged for nobody knows what; `found`: as much of it taken back.',
    },
    requestId: text,
    attemptId: text,
    leaseId: word,
    route: text,
    target: text,
    servedModel: text,
    keyId: text,
    tags,
    usage: {
      type: 'object',
      properties: Object.fromEntries(tokenClasses.map((name) => [name, count])),
      additionalProperties: count,
    },
    priceVersion: text,
    costUsd: usd,
    basis: { enum: ['exact', 'estimated', 'worst_case'] },
  }),
  LineList: {
    ...listOf('Line'),
    required: ['object', 'data', 'nextCursor'],
    properties: { ...listOf('Line').properties, nextCursor: text },
  },
  Statement: strict({
    object: { const: 'statement' },
    tenant: word,
    period: word,
    zone: word,
    from: time,
    to: time,
    by: word,
    groups: {
      type: 'array',
      items: strict({
        value: { ...text, description: 'Null: attempts that do not say.' },
        attempts: count,
        inputTokens: count,
        outputTokens: count,
        costUsd: usd,
        inexactUsd: { ...usd, description: 'Part that is estimated, or the worst case.' },
      }),
    },
    lostUsd: usd,
    foundUsd: usd,
    totalUsd: { ...usd, description: 'The groups and what was lost, less what was found.' },
  }),
  Freeze: strict({ scope: word, frozen: flag }),
  Reconciled: strict({ leaseId: word, finalUsd: usd }),
  Rewound: strict({ rewoundTo: time }),
  Recovery: strict({
    epoch: { ...count, description: 'Higher after each restore.' },
    restoringForMs: { ...count, description: 'Nothing is granted for so long.' },
    uncertain: {
      type: 'array',
      items: word,
      description: 'Ids of hard budgets of which nothing is granted before `release`.',
    },
  }),
}

type Properties = Readonly<Record<string, object>>

function strict(properties: Properties, optional: Properties = {}) {
  return {
    type: 'object',
    required: Object.keys(properties),
    properties: { ...properties, ...optional },
    additionalProperties: false,
  }
}

function listOf(schema: string) {
  return {
    type: 'object',
    required: ['object', 'data'],
    properties: {
      object: { const: 'list' },
      data: { type: 'array', items: reference('schemas', schema) },
    },
    additionalProperties: false,
  }
}
