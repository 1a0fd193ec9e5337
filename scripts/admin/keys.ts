import type { Command } from './command.ts'
import { durationMs } from './durations.ts'
import { keyBudgetOf, namesOf, tagsOf } from './specs.ts'
import { pairs, table } from './table.ts'
import { tenantPath } from './tenants.ts'

interface Key {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly routes: readonly string[] | null
  readonly models: readonly string[] | null
  readonly team: string | null
  readonly tags: Readonly<Record<string, string>>
  readonly expiresAt: string | null
  readonly createdAt: string
  readonly pepperVersion: string
}

interface NewKey {
  readonly id: string
  readonly key: string
  readonly oldSecretUntil?: string | null
}

const names = (value: string, text: string) =>
  ({ type: 'string', multiple: true, value, text }) as const

export const keyCommands: readonly Command[] = [
  {
    name: 'keys create',
    arguments: ['TENANT'],
    summary: 'Makes a key. Its text alone goes to stdout, this once.',
    options: {
      name: { type: 'string', value: 'TEXT', text: 'what it is for' },
      routes: names('A,B', 'routes it may name'),
      models: names('A,B', 'models it may use, or model@provider'),
      operations: names('A,B', 'chat, embeddings, ...'),
      regions: names('A,B', 'where its requests may be processed'),
      environments: names('A,B', 'deployments that take it'),
      tag: names('NAME=VALUE', 'on each of its requests'),
      team: { type: 'string', value: 'ID', text: 'counts in the budgets of team:ID' },
      'expires-at': { type: 'string', value: 'TIME', text: 'ISO 8601 with its zone' },
      budget: names('"PERIOD USD hard|soft"', 'a budget of its own'),
    },
    examples: ['keys create acme --name search --routes chat --budget "day 5 hard"'],
    async run(input, client) {
      const lists = ['routes', 'models', 'operations', 'regions', 'environments'] as const
      const [name, team, expiresAt] = [
        input.text('name'),
        input.text('team'),
        input.text('expires-at'),
      ]
      const budgets = input.list('budget').map(keyBudgetOf)
      const body = {
        ...(name !== undefined && { name }),
        ...Object.fromEntries(
          lists.flatMap((list) => {
            const given = namesOf(input.list(list))
            return given.length === 0 ? [] : [[list, given]]
          }),
        ),
        ...(input.list('tag').length > 0 && { tags: tagsOf(input.list('tag')) }),
        ...(team !== undefined && { team }),
        ...(expiresAt !== undefined && { expiresAt }),
        ...(budgets.length > 0 && { budgets }),
      }
      const path = tenantPath(input, '/keys')
      const json = await client.json<NewKey>({ method: 'POST', path, body })
      const note = `key ${json.id} of ${input.argument('TENANT')}: keep it now, it is not shown again\n`
      return { json, text: `${json.key}\n`, note }
    },
  },
  {
    name: 'keys list',
    arguments: ['TENANT'],
    summary: 'Shows keys; no secrets.',
    options: {},
    examples: ['keys list acme'],
    async run(input, client) {
      const path = tenantPath(input, '/keys')
      const json = await client.json<{ readonly data: readonly Key[] }>({ path })
      const text = table(json.data, [
        { title: 'ID', cell: ({ id }) => id },
        { title: 'NAME', cell: ({ name }) => name },
        { title: 'STATUS', cell: ({ status }) => status },
        { title: 'ROUTES', cell: ({ routes }) => routes ?? 'all' },
        { title: 'MODELS', cell: ({ models }) => models ?? 'all' },
        { title: 'TEAM', cell: ({ team }) => team },
        { title: 'TAGS', cell: ({ tags }) => pairs(tags) },
        { title: 'EXPIRES', cell: ({ expiresAt }) => expiresAt },
        { title: 'CREATED', cell: ({ createdAt }) => createdAt },
        { title: 'PEPPER', cell: ({ pepperVersion }) => pepperVersion },
      ])
      return { json, text }
    },
  },
  {
    name: 'keys rotate',
    arguments: ['TENANT', 'KEY'],
    summary: 'Gives a key a new secret; the one before stays good for the overlap.',
    options: {
      overlap: { type: 'string', value: 'TIME', text: '0s to 30d; 24h when it is left out' },
    },
    examples: ['keys rotate acme $KEY_ID --overlap 1h'],
    async run(input, client) {
      const overlap = input.text('overlap')
      const body = overlap === undefined ? {} : { overlapMs: durationMs(overlap, '--overlap') }
      const path = `${keyPath(input.argument('KEY'), tenantPath(input))}/rotate`
      const json = await client.json<NewKey>({ method: 'POST', path, body })
      const until = json.oldSecretUntil ?? 'now'
      const note = `key ${json.id}: keep it now, it is not shown again; the old one is good until ${until}\n`
      return { json, text: `${json.key}\n`, note }
    },
  },
  {
    name: 'keys revoke',
    arguments: ['TENANT', 'KEY'],
    summary: 'Revokes a key for good, and those that it made.',
    options: {},
    examples: ['keys revoke acme $KEY_ID'],
    async run(input, client) {
      const path = keyPath(input.argument('KEY'), tenantPath(input))
      const json = await client.json<Key>({ method: 'DELETE', path })
      return { json, text: `${json.id} is ${json.status}; no isolate believes it after 30 s\n` }
    },
  },
]

function keyPath(keyId: string, tenant: string): string {
  return `${tenant}/keys/${encodeURIComponent(keyId)}`
}
