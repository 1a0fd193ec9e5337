import type { AdminClient } from './client.ts'
import type { Command, Input, Printed } from './command.ts'
import { writeCsv } from './csv-file.ts'
import { wrongUse } from './failure.ts'
import { details, pairs, table } from './table.ts'
import { tenantPath } from './tenants.ts'

interface Line {
  readonly at: string
  readonly kind: string
  readonly requestId: string | null
  readonly leaseId: string
  readonly target: string | null
  readonly servedModel: string | null
  readonly keyId: string | null
  readonly tags: Readonly<Record<string, string>>
  readonly usage: Readonly<Record<string, number>>
  readonly costUsd: string
  readonly basis: string
}

interface Statement {
  readonly by: string
  readonly groups: readonly {
    readonly value: string | null
    readonly attempts: number
    readonly inputTokens: number
    readonly outputTokens: number
    readonly costUsd: string
    readonly inexactUsd: string
  }[]
  readonly lostUsd: string
  readonly foundUsd: string
  readonly totalUsd: string
}

const csv = { type: 'string', value: 'FILE', text: 'as CSV into a file; - is stdout' } as const
const span = {
  from: { type: 'string', value: 'TIME', text: 'included; ISO 8601 with its zone, or a day (UTC)' },
  to: { type: 'string', value: 'TIME', text: 'not included; now when it is left out' },
} as const

async function toFile(
  client: AdminClient,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  file: string,
): Promise<Printed> {
  const text = await writeCsv(await client.csv({ path, query }), file)
  return { json: { file }, text: '', ...(text !== '' && { note: text }) }
}

async function ledger(input: Input, client: AdminClient): Promise<Printed> {
  const path = tenantPath(input, '/ledger')
  const [from, to, file] = [input.text('from'), input.text('to'), input.text('csv')]
  const [limit, cursor] = [input.text('limit'), input.text('cursor')]
  if (file !== undefined) {
    if (limit !== undefined || cursor !== undefined)
      throw wrongUse('--csv is of the whole time: it goes without --limit and --cursor')
    return toFile(client, path, { from, to }, file)
  }
  const json = await client.json<{
    readonly data: readonly Line[]
    readonly nextCursor: string | null
  }>({ path, query: { from, to, limit, cursor } })
  const text = table(json.data, [
    { title: 'AT', cell: ({ at }) => at },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'REQUEST', cell: ({ requestId }) => requestId },
    { title: 'LEASE', cell: ({ leaseId }) => leaseId },
    { title: 'TARGET', cell: ({ target }) => target },
    { title: 'KEY', cell: ({ keyId }) => keyId },
    { title: 'IN', right: true, cell: ({ usage }) => usage['inputTokens'] },
    { title: 'OUT', right: true, cell: ({ usage }) => usage['outputTokens'] },
    { title: 'USD', right: true, cell: ({ costUsd }) => costUsd },
    { title: 'BASIS', cell: ({ basis }) => basis },
    { title: 'TAGS', cell: ({ tags }) => pairs(tags) },
  ])
  const note = `there is more: --cursor ${json.nextCursor}\n`
  return { json, text, ...(json.nextCursor !== null && { note }) }
}

async function statement(input: Input, client: AdminClient): Promise<Printed> {
  const path = tenantPath(input, '/statement')
  const [period, file] = [input.text('period'), input.text('csv')]
  if (period === undefined) throw wrongUse('--period is needed: 2026-11, or 2026-11-30')
  const query = { period, by: input.text('by'), zone: input.text('zone') }
  if (file !== undefined) return toFile(client, path, query, file)
  const json = await client.json<Statement>({ path, query })
  const groups = table(json.groups, [
    { title: json.by.toUpperCase(), cell: ({ value }) => value },
    { title: 'ATTEMPTS', right: true, cell: ({ attempts }) => attempts },
    { title: 'IN', right: true, cell: ({ inputTokens }) => inputTokens },
    { title: 'OUT', right: true, cell: ({ outputTokens }) => outputTokens },
    { title: 'USD', right: true, cell: ({ costUsd }) => costUsd },
    { title: 'INEXACT', right: true, cell: ({ inexactUsd }) => inexactUsd },
  ])
  const { lostUsd, foundUsd, totalUsd } = json
  return {
    json,
    text: `${groups}\n${details({ lost: lostUsd, found: foundUsd, total: totalUsd })}`,
  }
}

function freezing(word: 'freeze' | 'thaw', summary: string): Command {
  return {
    name: word,
    arguments: ['TENANT'],
    summary,
    options: {
      scope: {
        type: 'string',
        value: 'SCOPE',
        text: 'tenant, team:ID, key:ID, route:NAME or tag:NAME=VALUE; all of the tenant when left out',
      },
    },
    examples: [`${word} acme --scope team:search`],
    async run(input, client) {
      const scope = input.text('scope')
      const body = scope === undefined ? {} : { scope }
      const path = tenantPath(input, `/${word}`)
      const json = await client.json<{ readonly scope: string }>({ method: 'POST', path, body })
      const done = word === 'freeze' ? 'frozen: nothing is granted to it' : 'no longer frozen'
      return { json, text: `${json.scope} is ${done}\n` }
    },
  }
}

export const ledgerCommands: readonly Command[] = [
  {
    name: 'ledger',
    arguments: ['TENANT'],
    summary: 'Shows ledger lines, oldest first.',
    options: {
      ...span,
      limit: { type: 'string', value: 'N', text: 'lines of a page, at most 500; 100' },
      cursor: { type: 'string', value: 'TEXT', text: 'where the page before ended' },
      csv,
    },
    examples: ['ledger acme --from 2026-11-01 --limit 20', 'ledger acme --csv acme.csv'],
    run: ledger,
  },
  {
    name: 'statement',
    arguments: ['TENANT'],
    summary: 'Sums what a month or a day cost, for chargeback.',
    options: {
      period: { type: 'string', value: 'PERIOD', text: '2026-11, or 2026-11-30' },
      by: { type: 'string', value: 'GROUP', text: 'target, route, key or tag:NAME; target' },
      zone: { type: 'string', value: 'IANA', text: 'where the period begins; UTC' },
      csv,
    },
    examples: ['statement acme --period 2026-11 --by tag:feature'],
    run: statement,
  },
  freezing('freeze', 'Grants nothing more; what runs is finished and charged.'),
  freezing('thaw', 'Takes a freeze back.'),
  {
    name: 'reconcile',
    arguments: ['TENANT', 'LEASE'],
    summary: 'Closes a lost lease for what it really cost; the rest of its charge comes back.',
    options: {
      'final-usd': { type: 'string', value: 'USD', text: 'what it cost; at most what is charged' },
    },
    examples: ['reconcile acme $LEASE --final-usd 0.02'],
    async run(input, client) {
      const [leaseId, finalUsd] = [input.argument('LEASE'), input.text('final-usd')]
      if (finalUsd === undefined) throw wrongUse('--final-usd is needed')
      const path = tenantPath(input, '/reconcile')
      const body = { leaseId, finalUsd }
      const json = await client.json<typeof body>({ method: 'POST', path, body })
      return { json, text: `lease ${json.leaseId} is closed for ${json.finalUsd} USD\n` }
    },
  },
]
