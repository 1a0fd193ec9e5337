import type { Command, Printed } from './command.ts'
import { budgetForm, budgetOf, limitForm, limitOf, listFrom } from './specs.ts'
import { table } from './table.ts'
import { tenantPath } from './tenants.ts'

interface Budget {
  readonly scope: string
  readonly period: string
  readonly zone: string
  readonly mode: string
  readonly limitUsd: string
  readonly spentUsd: string
  readonly heldUsd: string
  readonly lostUsd: string
  readonly remainingUsd: string
  readonly resetsAt: string | null
}

interface Limit {
  readonly scope: string
  readonly kind: string
  readonly limit: number
  readonly windowMs: number | null
  readonly remaining: number
}

interface Journal {
  readonly pendingChanges: number
  readonly behindMs: number
  readonly forked: boolean
}

interface BudgetList extends List<Budget> {
  readonly journal?: Journal | null
}

interface List<Row> {
  readonly data: readonly Row[]
}

function printedBudgets(json: BudgetList): Printed {
  const text = table(json.data, [
    { title: 'SCOPE', cell: ({ scope }) => scope },
    { title: 'PERIOD', cell: ({ period }) => period },
    { title: 'MODE', cell: ({ mode }) => mode },
    { title: 'LIMIT', right: true, cell: ({ limitUsd }) => limitUsd },
    { title: 'SPENT', right: true, cell: ({ spentUsd }) => spentUsd },
    { title: 'HELD', right: true, cell: ({ heldUsd }) => heldUsd },
    { title: 'LOST', right: true, cell: ({ lostUsd }) => lostUsd },
    { title: 'REMAINING', right: true, cell: ({ remainingUsd }) => remainingUsd },
    { title: 'RESETS', cell: ({ resetsAt }) => resetsAt },
    { title: 'ZONE', cell: ({ zone }) => zone },
  ])
  const note = noteOf(json.journal ?? null)
  return { json, text, ...(note !== null && { note }) }
}

/** A delivery waits half a second, and five after one that failed: what is less than this is no news, ms. */
const usualLagMs = 10_000

function noteOf(journal: Journal | null): string | null {
  if (journal === null) return null
  if (journal.forked) return 'the journal has another history: "npm run admin -- restore --help"\n'
  if (journal.behindMs < usualLagMs) return null
  const seconds = Math.floor(journal.behindMs / 1000)
  return `the journal is ${seconds} s behind: ${journal.pendingChanges} changes wait\n`
}

function printedLimits(json: List<Limit>): Printed {
  const text = table(json.data, [
    { title: 'SCOPE', cell: ({ scope }) => scope },
    { title: 'KIND', cell: ({ kind }) => kind },
    { title: 'LIMIT', right: true, cell: ({ limit }) => limit },
    { title: 'REMAINING', right: true, cell: ({ remaining }) => remaining },
    { title: 'WINDOW MS', right: true, cell: ({ windowMs }) => windowMs },
  ])
  return { json, text }
}

const file = { type: 'string', value: 'FILE', text: 'the whole list as JSON; - is stdin' } as const

export const budgetCommands: readonly Command[] = [
  {
    name: 'budgets list',
    arguments: ['TENANT'],
    summary: 'Shows budgets, those of keys with them: spent, held, lost, remaining.',
    options: {},
    examples: ['budgets list acme'],
    run: async (input, client) =>
      printedBudgets(await client.json({ path: tenantPath(input, '/budgets') })),
  },
  {
    name: 'budgets set',
    arguments: ['TENANT'],
    summary: 'Replaces all budgets but those of keys. What was spent stays spent.',
    options: { budget: { type: 'string', multiple: true, value: 'SPEC', text: budgetForm }, file },
    examples: [
      'budgets set acme --budget "tenant month 500 hard warn@80" --budget "tag:feature=search day 12.50 soft"',
    ],
    async run(input, client) {
      const body = listFrom(input.text('file'), input.list('budget'), '--budget', budgetOf)
      const path = tenantPath(input, '/budgets')
      return printedBudgets(await client.json({ method: 'PUT', path, body }))
    },
  },
  {
    name: 'limits list',
    arguments: ['TENANT'],
    summary: 'Shows limits of requests, tokens and concurrency.',
    options: {},
    examples: ['limits list acme'],
    run: async (input, client) =>
      printedLimits(await client.json({ path: tenantPath(input, '/limits') })),
  },
  {
    name: 'limits set',
    arguments: ['TENANT'],
    summary: 'Replaces all limits.',
    options: { limit: { type: 'string', multiple: true, value: 'SPEC', text: limitForm }, file },
    examples: ['limits set acme --limit "tenant requests 600 1m" --limit "tenant concurrency 20"'],
    async run(input, client) {
      const body = listFrom(input.text('file'), input.list('limit'), '--limit', limitOf)
      const path = tenantPath(input, '/limits')
      return printedLimits(await client.json({ method: 'PUT', path, body }))
    },
  },
]
