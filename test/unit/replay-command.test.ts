import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import routes from '../../routes.json'
import { readConfig } from '../../worker/edge/config.ts'
import { createRuntime, type Runtime } from '../../worker/edge/runtime.ts'
import { decisionOf } from '../../worker/engine/decision.ts'
import { planRequest } from '../../worker/engine/plan-request.ts'
import { chatRequest, FakeHost } from '../support/fake-host.ts'

const root = resolve(import.meta.dirname, '../..')
let folder: string
let lines: string[]
let shipped: Runtime

/** Log lines as the shipped configuration writes them, everything reachable. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'))
  const read = readConfig(routes, { local: true })
  if (!read.ok) throw new Error('routes.json is refused')
  const secrets = { SWITCHYARD_LOCAL: '1', SWITCHYARD_SIMULATOR_URL: 'http://127.0.0.1:1' }
  const runtime = createRuntime(read.config, read.version, secrets)
  shipped = runtime
  const host = new FakeHost(runtime)
  lines = ['chat', 'chat', 'fast'].map((model) => {
    host.random = 0.5
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const planned = planRequest({ ...chatRequest(), model }, caller, host.ports)
    if (!planned.ok) throw new Error(planned.error.message)
    return JSON.stringify({
      event: 'request',
      'switchyard.decision': decisionOf(planned.value, [model], caller, runtime.version),
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 75,
      'switchyard.cost_usd': '0.0008',
    })
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/replay.ts'), ...args],
    { encoding: 'utf8', input, cwd: root, env: { ...process.env, NODE_NO_WARNINGS: '1' } },
  )
  return { status, stdout, stderr }
}

function fileOf(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

describe('npm run replay', { timeout: 60_000 }, () => {
  it('prints the plan of a record, with its reasons, and that it is the one that was made', () => {
    const said = run([fileOf('record.json', lines[0] ?? '')])
    expect(said.status).toBe(0)
    expect(JSON.parse(said.stdout)).toMatchObject({
      kind: 'steps',
      steps: [{ target: 'gpt-4.1@openai', reason: 'tier 1, first in order' }, {}, {}, {}],
      candidates: [
        { target: 'gpt-4.1@openai', step: 1, score: { by: 'alone', value: 1 } },
        { step: 2 },
        { step: 3 },
        { step: 4 },
      ],
    })
    expect(said.stderr).toMatch(/^the same plan as recorded \([0-9a-f]{14}\)\n$/)
  })

  it('prints a refusal with its reason, from the answer of GET /v1/requests/{id} too', () => {
    const caller = { tenant: 'demo', keyId: 'k', profile: null }
    const host = new FakeHost(shipped)
    const planned = planRequest({ ...chatRequest(), model: 'nobody' }, caller, host.ports)
    if (planned.ok) throw new Error('it was planned')
    const decision = decisionOf(planned.decided, ['nobody'], caller, shipped.version)
    const view = JSON.stringify({ object: 'request', id: 'req_1', usage: null, decision })
    const said = run([fileOf('view.json', view)])
    expect(said.status).toBe(0)
    expect(JSON.parse(said.stdout)).toMatchObject({
      kind: 'none',
      refused: {
        status: 404,
        code: 'unknown_model',
        reason: 'no route, target or model is named "nobody"',
      },
      candidates: [],
    })
    expect(said.stderr).toMatch(/^the same refusal as recorded \([0-9a-f]{14}\)\n$/)
  })

  it('reads standard input, and says when the configuration is another one', () => {
    const other = { ...routes, routes: { ...routes.routes, chat: { tiers: [['gpt-4o@openai']] } } }
    const file = fileOf('other.json', JSON.stringify(other))
    const said = run(['-', '--config', file], lines[0])
    expect(said.status).toBe(1)
    expect(said.stderr).toMatch(/^not the plan that was recorded .* made under configuration /)
  })

  it('reports what another configuration would change', () => {
    const other = {
      ...routes,
      routes: { ...routes.routes, chat: { tiers: [['claude-sonnet-4-5@anthropic']] } },
    }
    const file = fileOf('new.json', JSON.stringify(other))
    const log = fileOf('gateway.log', [...lines, 'no json', ''].join('\n'))
    const said = run(['--config', file, '--records', log])
    expect(said.status).toBe(0)
    expect(said.stderr).toBe('1 lines without a decision left out\n')
    const shown = /```\n(3 records[^`]*)```/.exec(
      readFileSync(join(root, 'docs/replay.md'), 'utf8'),
    )
    expect(said.stdout).toBe(shown?.[1])
    const json = JSON.parse(run(['--config', file, '--records', log, '--json']).stdout) as object
    expect(json).toMatchObject({ records: 3, changed: 2 })
  })

  it.each([
    [[], /a record is missing/],
    [['{"no":"record"}'], /no decision record in \{"no":"record"\}/],
    [['--config'], /argument missing/i],
  ] as const)('says what is wrong with %j', (args, message) => {
    const said = run(args)
    expect(said.status).toBe(1)
    expect(said.stderr).toMatch(message)
  })
})
