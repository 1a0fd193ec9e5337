import type { Command, Input } from './command.ts'
import { namesOf, tagsOf } from './specs.ts'
import { details } from './table.ts'

export function tenantPath(input: Input, rest = ''): string {
  return `/tenants/${encodeURIComponent(input.argument('TENANT'))}${rest}`
}

export const tenantCommands: readonly Command[] = [
  {
    name: 'tenants get',
    arguments: ['TENANT'],
    summary: 'Shows a tenant, and whether it is frozen.',
    options: {},
    examples: ['tenants get acme'],
    async run(input, client) {
      const json = await client.json<object>({ path: tenantPath(input) })
      return { json, text: details({ ...json }) }
    },
  },
  {
    name: 'tenants put',
    arguments: ['TENANT'],
    summary: 'Creates or replaces a tenant. What is left out is at its default.',
    options: {
      residency: { type: 'string', value: 'REGION', text: 'requests are processed there only' },
      strict: { type: 'boolean', text: 'refuses what has no bound, also under soft budgets' },
      routes: { type: 'string', multiple: true, value: 'A,B', text: 'routes it may name' },
      tier: { type: 'string', value: 'NAME', text: 'its tier' },
      tag: { type: 'string', multiple: true, value: 'NAME=VALUE', text: 'on every request' },
      'no-stored-answers': { type: 'boolean', text: 'keeps no answers for retries' },
    },
    examples: ['tenants put acme --routes chat,fast --tier gold --tag customer=acme'],
    async run(input, client) {
      const residency = input.text('residency')
      const tier = input.text('tier')
      const routes = namesOf(input.list('routes'))
      const body = {
        ...(residency !== undefined && { residency }),
        ...(routes.length > 0 && { routes }),
        ...(tier !== undefined && { tier }),
        strict: input.flag('strict'),
        tags: tagsOf(input.list('tag')),
        storesAnswers: !input.flag('no-stored-answers'),
      }
      const json = await client.json<object>({ method: 'PUT', path: tenantPath(input), body })
      return { json, text: details({ ...json }) }
    },
  },
]
