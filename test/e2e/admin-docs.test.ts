import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../../scripts/local-gateway.ts'
import { commands } from '../../scripts/admin/run.ts'
import { commandsOf, type DocResult, isShown, runCommand, script } from '../support/run-doc.ts'
import { startGateway, type RunningGateway } from '../support/start-gateway.ts'

/** docs/admin.md, command by command, in its order: what a reader copies works, and answers what the page shows. */

const page = readFileSync(join(root, 'docs/admin.md'), 'utf8')
const all = commandsOf(page)

let gateway: RunningGateway
let directory: string
const variables: Record<string, string> = {}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'switchyard-docs-'))
  gateway = await startGateway({ ledger: true })
  const { url, adminKey } = gateway
  Object.assign(variables, {
    URL: url,
    ADMIN: adminKey,
    SWITCHYARD_URL: url,
    SWITCHYARD_ADMIN_KEY: adminKey,
  })
})
afterAll(async () => {
  await gateway.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('docs/admin.md', () => {
  it.each(all.map((command) => [command.text.slice(0, 100), command] as const))(
    '%s',
    async (_text, command) => {
      const result = await runCommand(command, variables, directory)
      const { expected, into, text } = command
      if (into !== null) variables[into] = result.text.trim()
      const json = jsonOf(result.text)
      if (/\/keys -H|keys create/.test(text)) keepKeyId(result)
      if (text.includes('/v1/chat/completions')) await linesWritten()
      const error = (expected as { error?: object } | null)?.error
      if (error === undefined && !text.includes('||'))
        expect([result.status, result.exitCode], result.text + result.stderr).toEqual([200, 0])
      if (expected !== null)
        expect(isShown(expected, json), `${result.text}\nis not what the page shows`).toBe(true)
    },
  )

  it('has an example of every call and of every command', () => {
    const texts = all.map(({ text }) => text).join('\n')
    for (const { name } of commands) expect(texts).toContain(`admin -- ${name}`)
    for (const path of [
      'tenants/acme',
      'budgets',
      'limits',
      'keys',
      'rotate',
      'ledger',
      'statement',
      'freeze',
      'thaw',
      'reconcile',
      'rewind',
      'restore',
      'release',
      'openapi.json',
    ])
      expect(texts).toMatch(new RegExp(`admin/v1/[^ ]*${path}`))
  })

  it('has, as docs/ledger.md, no command that the examples in the help do not run', () => {
    const known = commands.flatMap(({ examples }) => examples)
    const told = commandsOf(readFileSync(join(root, 'docs/ledger.md'), 'utf8')).flatMap(
      ({ text }) => /^npm run admin -- (.+)$/.exec(text)?.[1] ?? [],
    )
    expect(told).toHaveLength(3)
    for (const one of told) expect(known).toContain(one)
  })

  it('left a CSV of all lines, and no half of one', () => {
    const [header = '', ...lines] = readFileSync(join(directory, 'acme.csv'), 'utf8').split('\r\n')
    expect(header.startsWith('id,at,kind,requestId')).toBe(true)
    expect(lines.filter((line) => line !== '')).toHaveLength(1)
    expect(() => readFileSync(join(directory, 'acme.csv.part'))).toThrow('ENOENT')
  })
})

/** What the ledger of a test has not: a lost lease, a past, a journal of another history. */
const refusals: Readonly<Record<string, number>> = { reconcile: 404, rewind: 400, restore: 409 }

describe('the examples in the help', () => {
  const examples = commands.flatMap(({ name, examples }) => examples.map((one) => [name, one]))

  it.each(examples)('of %s: %s', async (_name, example) => {
    const [made] = await script(words('keys create acme --name help'), variables, directory).then(
      ({ stderr }) => /key (\w{8}) of/.exec(stderr)?.slice(1) ?? [],
    )
    const filled = { ...variables, KEY_ID: made ?? '', LEASE: '1.999' }
    const text = `npm run admin -- ${example}`
    const [command] = commandsOf(`\`\`\`sh\n${text}\n\`\`\`\n`)
    if (command === undefined) throw new Error(text)
    const { exitCode, stderr } = await runCommand(command, filled, directory)
    const refusal = refusals[example.split(' ')[0] ?? '']
    expect([exitCode, stderr]).toEqual(
      refusal === undefined
        ? [0, expect.any(String)]
        : [1, expect.stringContaining(`[${refusal} invalid_request]`)],
    )
  })

  function words(text: string): string[] {
    return ['--', ...text.split(' ')]
  }
})

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `$KEY_ID` of the page is the id of the key that was made last. */
function keepKeyId({ text, stderr }: DocResult): void {
  const { id } = (jsonOf(text) ?? {}) as { readonly id?: unknown }
  const told = typeof id === 'string' ? id : /key (\w{8}) of/.exec(stderr)?.[1]
  if (told !== undefined) variables['KEY_ID'] = told
}

/** Lines reach the ledger some seconds after the answer. */
async function linesWritten(): Promise<void> {
  await expect
    .poll(
      async () => {
        const response = await fetch(`${variables['URL']}/admin/v1/tenants/acme/ledger`, {
          headers: { authorization: `Bearer ${variables['ADMIN']}` },
        })
        return ((await response.json()) as { data: unknown[] }).data.length
      },
      { timeout: 15_000, interval: 200 },
    )
    .toBe(1)
}
