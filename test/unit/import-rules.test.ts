import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a room must not do: file -> its text. One fault each. */
const forbidden = {
  'worker/canonical/imports-anything.ts': "import { z } from 'zod'\nexport const a = z\n",
  'worker/canonical/imports-the-platform.ts':
    "import { createHash } from 'node:crypto'\nexport const a = createHash\n",
  'worker/canonical/imports-a-room.ts':
    "import { crc32 } from '../streams/crc32.ts'\nexport const a = crc32\n",
  'worker/canonical/reads-the-clock.ts': 'export const a = () => Date.now()\n',
  'worker/policy/imports-engine.ts':
    "import { runPlan } from '../engine/run-plan.ts'\nexport const a = runPlan\n",
  'worker/policy/imports-provider.ts':
    "import { openai } from '../providers/openai/adapter.ts'\nexport const a = openai\n",
  'worker/policy/draws-by-itself.ts': 'export const a = () => Math.random()\n',
  'worker/policy/reads-the-clock.ts': 'export const a = () => Date.now()\n',
  'worker/streams/imports-provider.ts':
    "import { a as b } from '../providers/tool-calls.ts'\nexport const a = b\n",
  'worker/streams/sets-a-timer.ts': 'export const a = () => setTimeout(() => undefined, 1)\n',
  'worker/providers/imports-dialect.ts':
    "import { openAiChat } from '../dialects/openai-chat/index.ts'\nexport const a = openAiChat\n",
  'worker/providers/acme/imports-dialect.ts':
    "import { openAiChat } from '../../dialects/openai-chat/index.ts'\nexport const a = openAiChat\n",
  'worker/providers/acme/imports-engine.ts':
    "import { send } from '../../engine/upstream.ts'\nexport const a = send\n",
  'worker/providers/acme/calls-out.ts': "export const a = () => fetch('https://acme.example')\n",
  'worker/providers/acme/draws-by-itself.ts': 'export const a = () => Math.random()\n',
  'worker/dialects/imports-provider.ts':
    "import { adapterOf } from '../providers/index.ts'\nexport const a = adapterOf\n",
  'worker/dialects/acme/imports-provider.ts':
    "import { adapterOf } from '../../providers/index.ts'\nexport const a = adapterOf\n",
  'worker/dialects/acme/imports-dialect.ts':
    "import { openAiChat } from '../openai-chat/index.ts'\nexport const a = openAiChat\n",
  'worker/dialects/acme/calls-out.ts': "export const a = () => fetch('https://acme.example')\n",
  'worker/dialects/acme/uses-crypto.ts': 'export const a = () => crypto.randomUUID()\n',
  'worker/catalog/imports-provider.ts':
    "import { adapterOf } from '../providers/index.ts'\nexport const a = adapterOf\n",
  'durable-objects/acme/imports-the-edge.ts':
    "import { readConfig } from '../../worker/edge/config.ts'\nexport const a = readConfig\n",
  'durable-objects/provider-health/core/reads-the-clock.ts': 'export const a = () => Date.now()\n',
  'durable-objects/provider-health/rules/draws-by-itself.ts':
    'export const a = () => Math.random()\n',
  'durable-objects/provider-health/standby.ts':
    "export const a = () => fetch('https://acme.example')\n",
  'durable-objects/tenant-ledger/core/adds.ts':
    'export const a = (b: { costNanoUsd: number }) => b.costNanoUsd + 1\n',
  'durable-objects/tenant-ledger/core/divides.ts':
    'export const a = (heldNanoUsd: number) => heldNanoUsd / 3\n',
  'durable-objects/tenant-ledger/core/adds-in-place.ts':
    'export const a = (b: { costNanoUsd: number }) => {\n  b.costNanoUsd += 0.1\n}\n',
  'durable-objects/tenant-ledger/core/casts.ts':
    "import type { NanoUsd } from '../money.ts'\nexport const a = 0.1 as NanoUsd\n",
  'worker/edge/ledger/multiplies.ts':
    'export const a = (b: { costNanoUsd?: number }) => 1.5 * (b.costNanoUsd ?? 0)\n',
  'worker/admin/subtracts.ts': 'export const a = (lostNanoUsd: number) => 1 - lostNanoUsd\n',
  'durable-objects/acme/writes-values.ts':
    "export const a = (b: string) => `SELECT * FROM keys WHERE id = '${b}'`\n",
  'durable-objects/acme/joins-values.ts':
    'export const a = (b: string) => "DELETE FROM keys WHERE id = " + b\n',
  'worker/edge/writes-values.ts':
    'export const a = (b: string, c: string) => `${b} INTO keys VALUES (${c})`\n',
  'worker/edge/large-zod.ts': "import * as z from 'zod'\nexport const a = z.string()\n",
  'worker/dialects/acme/large-core.ts':
    "import * as z from 'zod/mini'\nexport const a = z.core.util.isPlainObject({})\n",
  'durable-objects/acme/large-zod.ts': "import * as z from 'zod'\nexport const a = z.string()\n",
  'worker/engine/prints.ts': "export const a = () => console.log('x')\n",
  'worker/engine/any.ts': 'export const a = (b: any): unknown => b\n',
  'worker/engine/default-export.ts': 'export default function a(): number {\n  return 1\n}\n',
}

/** The same places, within the rules. */
const allowed = {
  'worker/canonical/fine.ts': "import type { A } from './other.ts'\nexport type B = A\n",
  'worker/canonical/other.ts': 'export type A = number\n',
  'worker/policy/fine.ts': "import type { A } from '../canonical/other.ts'\nexport type B = A\n",
  'worker/providers/acme/fine.ts':
    "import type { A } from '../../canonical/other.ts'\nexport type B = A\n",
  'worker/dialects/acme/fine.ts':
    "import type { A } from '../../canonical/other.ts'\nexport type B = A\n",
  'durable-objects/acme/fine.ts':
    "import type { A } from '../../worker/canonical/other.ts'\nexport type B = A\n",
  'durable-objects/tenant-ledger/core/compares.ts':
    'export const a = (costNanoUsd: number) => costNanoUsd > 5 || costNanoUsd === 0\n',
  'durable-objects/tenant-ledger/money.ts':
    'export const a = (aNanoUsd: number, b: number) => aNanoUsd + b\n',
  'durable-objects/acme/binds-values.ts':
    "export const a = ['SELECT * FROM keys WHERE id = ?', `DELETE FROM keys`]\n",
  'worker/edge/small-zod.ts':
    "import * as z from 'zod/mini'\nexport const a: z.core.$ZodType = z.string()\n",
  'worker/engine/says-selected.ts': 'export const a = (b: string) => `Selected ${b}`\n',
  'worker/engine/fine.ts': "import type { A } from '../canonical/other.ts'\nexport type B = A\n",
}

describe('the import rules of .oxlintrc.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'switchyard-lint-'))
  let faulted: ReadonlySet<string> = new Set()

  beforeAll(() => {
    cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
    cpSync(join(root, 'scripts/lint'), join(folder, 'scripts/lint'), { recursive: true })
    for (const [file, text] of Object.entries({ ...forbidden, ...allowed })) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    }
    const oxlint = join(root, 'node_modules/oxlint/bin/oxlint')
    const { stdout } = spawnSync(process.execPath, [oxlint, '--format=json', '.'], {
      cwd: folder,
      encoding: 'utf8',
    })
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { filename: string; severity: string }[]
    }
    faulted = new Set(
      diagnostics
        .filter(({ severity }) => severity === 'error')
        .map(({ filename }) => filename.replaceAll('\\', '/').replace(/^\.\//, '')),
    )
  }, 60_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it.each(Object.keys(forbidden))('refuse %s', (file) => {
    expect([...faulted]).toContain(file)
  })

  it.each(Object.keys(allowed))('let %s be', (file) => {
    expect([...faulted]).not.toContain(file)
  })
})
