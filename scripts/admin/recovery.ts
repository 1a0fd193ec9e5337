import type { AdminClient } from './client.ts'
import type { Command, Input, Printed } from './command.ts'
import { wrongUse } from './failure.ts'
import { details } from './table.ts'
import { tenantPath } from './tenants.ts'

interface Recovery {
  readonly epoch: number
  readonly restoringForMs: number
  readonly uncertain: readonly string[]
}

async function recovered(
  input: Input,
  client: AdminClient,
  what: 'restore' | 'release',
  body: object,
): Promise<Printed> {
  const path = tenantPath(input, `/ledger/${what}`)
  const json = await client.json<Recovery>({ method: 'POST', path, body })
  return { json, text: details({ ...json }) }
}

function billedOf(bills: readonly string[]): object {
  if (bills.length === 0) return {}
  const billedUsd = bills.map((bill) => {
    const cut = bill.lastIndexOf('=')
    if (cut < 1) throw wrongUse(`--billed ${bill}: it is ID=USD, such as day/tenant=12.50`)
    return [bill.slice(0, cut), bill.slice(cut + 1)]
  })
  return { billedUsd: Object.fromEntries(billedUsd) }
}

export const recoveryCommands: readonly Command[] = [
  {
    name: 'rewind',
    arguments: ['TENANT'],
    summary: 'Takes a ledger back to a moment; what its journal has is read on.',
    options: {
      to: { type: 'string', value: 'TIME', text: 'RFC 3339 with its zone, in the last 30 days' },
    },
    examples: ['rewind acme --to 2026-11-25T12:00:00Z'],
    async run(input, client) {
      const to = input.text('to')
      if (to === undefined) throw wrongUse('--to is needed: a time such as 2026-11-25T12:00:00Z')
      const path = tenantPath(input, '/ledger/rewind')
      const json = await client.json<{ readonly rewoundTo: string }>({
        method: 'POST',
        path,
        body: { to },
      })
      return { json, text: `the ledger is taken back to ${json.rewoundTo}\n` }
    },
  },
  {
    name: 'restore',
    arguments: ['TENANT'],
    summary: 'Keeps a ledger as it is after a rollback; its journal begins anew.',
    options: {
      complete: {
        type: 'boolean',
        text: 'nothing that was granted is missing: nothing is frozen',
      },
    },
    examples: ['restore acme'],
    run: (input, client) =>
      recovered(input, client, 'restore', { complete: input.flag('complete') }),
  },
  {
    name: 'release',
    arguments: ['TENANT'],
    summary: 'Everything of before a restore is accounted for: hard budgets grant again.',
    options: {
      billed: {
        type: 'string',
        multiple: true,
        value: 'ID=USD',
        text: 'what providers billed in the period of an uncertain budget',
      },
    },
    examples: ['release acme'],
    run: (input, client) => recovered(input, client, 'release', billedOf(input.list('billed'))),
  },
]
