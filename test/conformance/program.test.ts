import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { listFixtures } from './corpus.ts'

/** `npm run conformance` as someone outside sees it, on corpora of one recording that somebody has changed. */

const root = resolve(import.meta.dirname, '../..')
const corpora = mkdtempSync(join(tmpdir(), 'switchyard-conformance-'))
afterAll(() => rmSync(corpora, { recursive: true, force: true }))

const recorded = listFixtures(join(root, 'test/fixtures/providers')).find(
  ({ provider, meta }) =>
    provider === 'openai' && !meta.stream && meta.status === 200 && meta.tags.includes('tool-call'),
)

type Body = Record<string, unknown>

/** A corpus of the one recording, its answer changed by `change`, under `operation`. */
function corpus(
  name: string,
  change: (response: Body) => Body = (same) => same,
  operation = 'chat',
): string {
  if (recorded === undefined) throw new Error('the fixture this test needs is gone')
  const folder = join(corpora, name, 'openai', operation, 'one-case')
  mkdirSync(folder, { recursive: true })
  cpSync(recorded.directory, folder, { recursive: true })
  const file = join(folder, recorded.meta.response_file)
  const response = JSON.parse(readFileSync(file, 'utf8')) as Body
  writeFileSync(file, JSON.stringify(change(response)))
  return join(corpora, name)
}

function run(...args: readonly string[]): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['scripts/conformance.ts', '--quick', '--threads', '1', '--corpus', ...args],
    { cwd: root, encoding: 'utf8' },
  )
  return { code: status, said: stdout + stderr }
}

const withChoice = (field: string, value: unknown) => (response: Body) => ({
  ...response,
  choices: (response['choices'] as Body[]).map((choice) => ({ ...choice, [field]: value })),
})

/** Each run is a process of its own. */
const patientMs = 30_000

describe('npm run conformance', { timeout: patientMs }, () => {
  test('ends well where nothing differs', () => {
    const { code, said } = run(corpus('as-recorded'), '--strict')
    expect(said).toContain('1 passed, 0 failed, 0 skipped')
    expect(code).toBe(0)
  })

  test('tells where the other decoder reads another answer, and fails where every such case is to be named', () => {
    // A word of Together's, for which no rule is listed in OpenAI's folder.
    const differs = corpus('differs', withChoice('finish_reason', 'eos'))
    const { code, said } = run(differs)
    expect(said).toMatch(/differential: @ai-sdk\/openai: finish/)
    expect(code).toBe(0)
    expect(run(differs, '--strict').code).toBe(1)
  })

  test('does not fail because the other decoder cannot read a recording; it says so, and fails where it is to know it', () => {
    const never = corpus('refused', (response) => ({ ...response, created: 'yesterday' }))
    const { code, said } = run(never)
    expect(said).toContain('@ai-sdk/openai refuses it: ')
    expect(said).toContain('1 recordings refused as a whole by the other decoder')
    expect(code).toBe(0)
    expect(run(never, '--strict').code).toBe(1)
  })

  test('exits 1 on what nothing covers', () => {
    const { code, said } = run(corpus('operation', undefined, 'video'))
    expect(said).toContain('no rule in exclusions.ts covers operation "video"')
    expect(code).toBe(1)
  })

  test('exits 1 on nothing at all', () => {
    const empty = join(corpora, 'empty')
    mkdirSync(empty)
    expect(run(empty).code).toBe(1)
  })
})
