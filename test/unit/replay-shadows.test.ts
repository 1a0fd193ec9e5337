import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { readRecords } from '../../scripts/replay/read-records.ts'
import { shadowTrials, trialTable } from '../../scripts/replay/shadows.ts'
import { openAiChat } from '../../worker/dialects/openai-chat/index.ts'
import { logLine, logShadow } from '../../worker/edge/log.ts'
import { Exchange } from '../../worker/engine/exchange.ts'
import { serve } from '../../worker/engine/serve.ts'
import type { ShadowPort, ShadowRecord } from '../../worker/engine/shadow-port.ts'
import { freeShadows } from '../support/any-world.ts'
import {
  billing,
  FakeHost,
  fakeRuntime,
  json,
  settings,
  wholeAnswer,
} from '../support/fake-host.ts'

/** A shadow is found from its request, and many of them are told of together: `npm run replay`. */

const root = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'shadows-'))
afterAll(() => rmSync(folder, { recursive: true }))

const shadow = { target: 'm@third', share: 1, budgetUsdPerDay: 1 }
const file = {
  ...settings,
  routes: { chat: { tiers: [['gpt-4.1@openai']], shadow } },
}

/** The line as it is logged. */
function written(record: ShadowRecord): string {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  logShadow(record)
  const text = String(log.mock.calls[0]?.[0])
  log.mockRestore()
  return text
}

/** What is logged of one request that has a shadow: its own line, and that of the shadow. */
async function linesOf(requestId: string): Promise<readonly [string, string]> {
  const longer = { ...wholeAnswer, usage: { ...wholeAnswer.usage, completion_tokens: 5 } }
  const host = new FakeHost(fakeRuntime(file))
  host.on('openai', json(wholeAnswer)).on('third', json(longer))
  const told: ShadowRecord[] = []
  const shadows: ShadowPort = { ...freeShadows, compared: (record) => void told.push(record) }
  Object.assign(host.ports, { shadows })
  const { caller } = billing
  const exchange = new Exchange(requestId, openAiChat, caller, 'chat', null, host.ports)
  const inbound = new Request('https://gateway.example/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'Hello' }] }),
  })
  await (await host.clock.run(serve(inbound, openAiChat, caller, exchange))).text()
  for (const work of host.background) await host.clock.run(work)
  const [record] = host.records
  const [compared] = told
  if (record === undefined || compared === undefined) throw new Error('nothing was logged')
  return [JSON.stringify(logLine(record)), written(compared)]
}

function run(...args: readonly string[]) {
  const config = join(folder, 'routes.json')
  writeFileSync(config, JSON.stringify(file))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts/replay.ts'), '--config', config, ...args],
    { encoding: 'utf8', cwd: root, env: { ...process.env, NODE_NO_WARNINGS: '1' } },
  )
  return { status, stdout, stderr }
}

function fileOf(...lines: readonly string[]): string {
  const path = join(folder, 'gateway.log')
  writeFileSync(path, lines.join('\n'))
  return path
}

describe('the line of a shadow', { timeout: 60_000 }, () => {
  it('carries the request id and both answers, and is shown with the plan of its request', async () => {
    const [one, beside] = await linesOf('req_1')
    const [other] = await linesOf('req_2')
    const said = run(fileOf(beside, one))
    expect(said.stderr).toMatch(/^the same plan as recorded/)
    expect(JSON.parse(said.stdout)).toMatchObject({
      steps: [{ target: 'gpt-4.1@openai' }],
      shadow: {
        requestId: 'req_1',
        outcome: 'ok',
        answer: { target: 'gpt-4.1@openai', finish: 'stop', outputTokens: 2, costNanoUsd: 36_000 },
        shadow: { target: 'm@third', finish: 'stop', outputTokens: 5, costNanoUsd: null },
        sameFinish: true,
        lengthRatio: 2.5,
      },
    })
    expect(run(fileOf(beside, other)).stdout).not.toContain('"shadow"')
  })

  it('is part of the report over a log, and not counted among what is left out', async () => {
    const path = fileOf(...(await linesOf('req_1')))
    const said = run('--records', path)
    expect(said.stderr).toBe('')
    expect(said.stdout).toContain(
      'shadows of chat: gpt-4.1@openai beside m@third, 1 compared\n  same finish  1 of 1\n',
    )
    expect(JSON.parse(run('--records', path, '--json').stdout)).toMatchObject({
      records: 1,
      shadows: [{ route: 'chat', compared: 1, lengthRatio: 2.5 }],
    })
  })
})

const side = {
  target: 'gpt-4.1@openai',
  finish: 'stop',
  outputTokens: 100,
  isWellFormed: true,
  costNanoUsd: 1_000_000,
  firstTokenMs: 300,
  durationMs: 2000,
}
const record: ShadowRecord = {
  requestId: 'req_1',
  tenant: 'demo',
  route: 'chat',
  outcome: 'ok',
  answer: side,
  shadow: { ...side, target: 'm@third', costNanoUsd: 250_000, firstTokenMs: 200 },
  sameFinish: true,
  lengthRatio: 1,
}
const silent = {
  ...side,
  target: 'm@third',
  finish: null,
  outputTokens: null,
  isWellFormed: null,
  costNanoUsd: null,
  firstTokenMs: null,
}
const trialsOf = (...records: readonly ShadowRecord[]) =>
  shadowTrials(readRecords(records.map(written).join('\n')).shadows)

describe('shadowTrials()', () => {
  const several: readonly ShadowRecord[] = [
    record,
    { ...record, shadow: { ...record.shadow, isWellFormed: false, firstTokenMs: 400 } },
    {
      ...record,
      shadow: { ...record.shadow, finish: 'length', durationMs: 5000 },
      sameFinish: false,
      lengthRatio: 1.6,
    },
    { ...record, outcome: 'timeout', shadow: silent, sameFinish: null, lengthRatio: null },
    { ...record, outcome: 'unpaid', shadow: silent, sameFinish: null, lengthRatio: null },
    { ...record, route: 'other' },
  ]

  it('adds up what is known of both answers, by route and pair of targets', () => {
    expect(trialsOf(...several)).toEqual([
      {
        route: 'chat',
        answer: 'gpt-4.1@openai',
        shadow: 'm@third',
        compared: 5,
        failed: { timeout: 1, unpaid: 1 },
        sameFinish: { of: 3, same: 2 },
        wellFormed: { of: 3, answer: 3, shadow: 2 },
        costNanoUsd: { of: 3, answer: 3_000_000, shadow: 750_000 },
        lengthRatio: 1,
        firstTokenMs: { of: 3, answer: 300, shadow: 200 },
        durationMs: { of: 3, answer: 2000, shadow: 2000 },
      },
      expect.objectContaining({ route: 'other', compared: 1 }),
    ])
  })

  it('leaves out what only one of them knows', () => {
    const [trial] = trialsOf(record, {
      ...record,
      answer: { ...side, costNanoUsd: null, isWellFormed: null },
      shadow: { ...record.shadow, costNanoUsd: 9_000_000_000, isWellFormed: null },
    })
    expect(trial?.costNanoUsd).toEqual({ of: 1, answer: 1_000_000, shadow: 250_000 })
    expect(trial?.wellFormed).toEqual({ of: 1, answer: 1, shadow: 1 })
  })

  it('is printed as the documentation has it', () => {
    const docs = readFileSync(join(root, 'docs/hedging.md'), 'utf8')
    const shown = /```\n(shadows of [^`]*)```/.exec(docs)?.[1]
    expect(`${trialTable(trialsOf(...several.slice(0, 5))).join('\n')}\n`).toBe(`\n${shown}`)
  })
})
