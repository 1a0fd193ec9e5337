import type { Command } from './command.ts'
import { table } from './table.ts'

interface Circuit {
  readonly provider: string
  readonly region: string
  readonly domain: string
  readonly state: string
  readonly since: string | null
  readonly cause: string | null
  readonly slow: boolean
  readonly forced: { readonly state: string; readonly until: string } | null
  readonly quota: { readonly state: string; readonly notBefore: string | null } | null
}

interface CircuitList {
  readonly data: readonly Circuit[]
  readonly unreachable: readonly { readonly provider: string; readonly region: string }[]
}

export const circuitCommands: readonly Command[] = [
  {
    name: 'circuits list',
    arguments: [],
    summary: 'Shows circuits and quota gates by provider, region and target.',
    options: {
      provider: { type: 'string', value: 'ID', text: 'only this one' },
      region: { type: 'string', value: 'REGION', text: 'only this one, or all; the nearest' },
    },
    examples: ['circuits list --provider openai --region all'],
    async run(input, client) {
      const query = { provider: input.text('provider'), region: input.text('region') }
      const json = await client.json<CircuitList>({ path: '/circuits', query })
      const text = table(json.data, [
        { title: 'PROVIDER', cell: ({ provider }) => provider },
        { title: 'REGION', cell: ({ region }) => region },
        { title: 'DOMAIN', cell: ({ domain }) => domain },
        { title: 'STATE', cell: ({ state }) => state },
        { title: 'SINCE', cell: ({ since }) => since },
        { title: 'CAUSE', cell: ({ cause }) => cause },
        { title: 'SLOW', cell: ({ slow }) => slow },
        { title: 'FORCED UNTIL', cell: ({ forced }) => forced?.until },
        { title: 'QUOTA', cell: ({ quota }) => quota?.state },
      ])
      const away = json.unreachable.map(({ provider, region }) => `${provider} in ${region}`)
      const note = `did not answer, nothing is known of: ${away.join(', ')}\n`
      return { json, text, ...(away.length > 0 && { note }) }
    },
  },
]
